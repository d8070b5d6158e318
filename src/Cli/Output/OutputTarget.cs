using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Faultrec.Analyzer;
using Faultrec.Traces;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Cli.Output;

/// <summary>Where a verb's data goes: stdout, or a file that appears whole or not at all.</summary>
internal static class OutputTarget
{
    private const string Stdout = "-";

    // EPIPE of Linux and macOS, ERROR_BROKEN_PIPE and ERROR_NO_DATA of Windows as .NET reports them.
    private static readonly int[] BrokenPipe = [32, unchecked((int)0x8007006d), unchecked((int)0x800700e8)];

    /// <param name="path">Null or "-": stdout.</param>
    /// <param name="inputs">Files that are being read; writing over one of them is refused.</param>
    /// <param name="write">Writes everything; need not flush or close.</param>
    public static void Write(string? path, IReadOnlyList<string> inputs, Action<Stream> write)
    {
        if (path is null or Stdout)
            WriteStdout(write);
        else
            WriteFile(path, inputs, write);
    }

    /// <summary>The same for text: UTF-8 without a mark, lines end in LF.</summary>
    public static void WriteText(string? path, IReadOnlyList<string> inputs, Action<TextWriter> write)
        => Write(path, inputs, stream =>
        {
            // Not disposed: after a broken pipe that would write, and fail, once more.
            var writer = new StreamWriter(stream, new UTF8Encoding(false), 1 << 14, leaveOpen: true) { NewLine = "\n" };
            write(writer);
            writer.Flush();
        });

    /// <summary>The same for JSON, on a line of its own.</summary>
    public static void WriteJson(string? path, IReadOnlyList<string> inputs, Action<Utf8JsonWriter> write)
        => Write(path, inputs, stream =>
        {
            // Not disposed, as the text's.
            var json = new Utf8JsonWriter(stream);
            write(json);
            json.Flush();
            stream.WriteByte((byte)'\n');
        });

    /// <summary>Colour belongs on a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says no.</summary>
    public static TextStyle StyleFor(string? path)
        => new(path is null or Stdout
            && !Console.IsOutputRedirected
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") != "dumb");

    public static bool IsTerminal(string? path) => path is null or Stdout && !Console.IsOutputRedirected;

    /// <summary>A file with something in it stands where the output would go; not of devices and pipes, which nothing replaces.</summary>
    public static bool WouldReplace(string? path)
        => path is not (null or Stdout) && new FileInfo(path) is { Exists: true } && new FileInfo(Resolve(path)) is { Exists: true, Length: > 0 } target && !IsDevice(target.FullName);

    /// <summary>Nobody reads any more.</summary>
    public static bool IsBrokenPipe(IOException exception) => Array.IndexOf(BrokenPipe, exception.HResult) >= 0;

    private static void WriteStdout(Action<Stream> write)
    {
        using var stream = OpenStdout();
        try
        {
            write(stream);
        }
        catch (IOException exception) when (IsBrokenPipe(exception))
        {
            // `| head` has seen enough.
        }
        catch (IOException exception)
        {
            throw new FaultrecException(ExitCode.NotPermitted, $"stdout: {exception.Message}; expected room to write; free some or use -o", exception);
        }
    }

    // The console's stream hides a broken pipe and would let a dump run on for nobody; a file stream on a regular file would not
    // move the offset that it shares with the rest of the shell's command. So each for what it does right.
    public static Stream OpenStdout()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();
        var handle = new SafeFileHandle(1, ownsHandle: false);
        var stream = new FileStream(handle, FileAccess.Write, bufferSize: 0);
        if (!stream.CanSeek)
            return stream;
        stream.Dispose();
        return Console.OpenStandardOutput();
    }

    private static void WriteFile(string path, IReadOnlyList<string> inputs, Action<Stream> write)
    {
        var target = Resolve(path);
        foreach (var input in inputs)
        {
            if (string.Equals(Resolve(input), target, StringComparison.Ordinal))
                throw new FaultrecException(ExitCode.Usage, $"{HostileText.Visible(path)}: is a file that is being read; expected another file after -o");
        }

        try
        {
            using var special = OpenSpecial(Path.GetFullPath(path), target);
            if (special is null)
                WriteThenRename(target, write);
            else
                write(special);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.NotPermitted, $"{HostileText.Visible(path)}: cannot be written ({Reason(exception)}); expected a writable place; choose another with -o", exception);
        }
    }

    // The library's own words would name the temporary file.
    private static string Reason(Exception exception) => exception switch
    {
        DirectoryNotFoundException => "its folder does not exist",
        UnauthorizedAccessException => "permission denied, or it is a folder",
        _ => HostileText.Visible(exception.Message),
    };

    private static void WriteThenRename(string target, Action<Stream> write)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Environment.ProcessId}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0))
                write(stream);
            File.Move(temporary, target, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    // A rename would replace the device, the descriptor's link or the named pipe by a file. A pipe looks like an empty file until
    // it is opened, which waits for its reader, as a shell's redirection does.
    private static FileStream? OpenSpecial(string path, string target)
    {
        if (IsDevice(path) || IsDevice(target))
            return Open(path);
        var file = new FileInfo(target);
        if (OperatingSystem.IsWindows() || !file.Exists || file.Length != 0)
            return null;
        var stream = Open(target);
        if (!stream.CanSeek)
            return stream;
        stream.Dispose();
        return null;

        static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    private static bool IsDevice(string path)
        => path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal);

    // A link stays a link: the rename happens where it points to.
    private static string Resolve(string path)
    {
        var full = Path.GetFullPath(path);
        try
        {
            return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (IOException)
        {
            return full;
        }
    }
}
