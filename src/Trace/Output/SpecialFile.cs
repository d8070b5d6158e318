using System.Diagnostics;
using System.Runtime.InteropServices;
using Faultrec.Traces.Files;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>Named pipes and character devices as outputs: written to as they are.</summary>
internal static class SpecialFile
{
    // A pipe's reader may be started beside us.
    private static readonly TimeSpan ReaderLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Null: a regular file, or nothing, stands there.</summary>
    /// <exception cref="FaultrecException">What stands there is not written to.</exception>
    public static FoundFile? Find(OutputPlace place, string path, FileOwner? owner)
    {
        if (place.Folder.Find(place.Name) is not { Kind: not FileKind.Regular } found)
            return null;
        if (found.Kind == FileKind.CharacterDevice)
            return found;
        // Whoever reads a pipe gets what is written to it, and anybody can put one into a folder of all.
        var isOurs = OperatingSystem.IsLinux() && (found.Owner == FileCalls.Geteuid() || found.Owner == 0 || found.Owner == owner?.Uid);
        if (found.Kind == FileKind.Pipe && isOurs)
            return found;
        throw OutputPlace.Refusal(path, found.Kind == FileKind.Pipe ? $"{found.Description} of another user" : found.Description);
    }

    /// <summary>Opens what <see cref="Find"/> found; a pipe without a reader is waited for a moment.</summary>
    /// <exception cref="FaultrecException">Nobody reads it, or it was replaced.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static Stream Open(OutputPlace place, string path, FoundFile found)
    {
        if (place.Folder is not LinuxFolder folder)
            return new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var waited = Stopwatch.StartNew();
        SafeFileHandle? file;
        while ((file = folder.OpenHere(place.Name, FileCalls.WriteOnly | FileCalls.NonBlocking)) is null)
        {
            if (found.Kind != FileKind.Pipe || Marshal.GetLastPInvokeError() != FileCalls.Enxio)
                throw FileCalls.Failure();
            if (waited.Elapsed > ReaderLimit)
                throw Failure(path, $"is {found.Description} that nobody reads; expected a reader; start it first");
            Thread.Sleep(Pause);
        }

        var stream = new DescriptorStream(file);
        if (FoundFile.Read(file).Identity == found.Identity && FileCalls.Fcntl(file, FileCalls.SetStatusFlags, 0) == 0)
            return stream;
        stream.Dispose();
        throw Failure(path, "was replaced while it was being opened; expected it to stay the same");
    }

    private static FaultrecException Failure(string path, string words)
        => new(ExitCode.NotPermitted, $"{TraceOpener.Printable(path)}: {words}, or name another output with -o");
}
