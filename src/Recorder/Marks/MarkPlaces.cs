using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Native;
using Faultrec.Traces.Output;

namespace Faultrec.Recorder.Marks;

/// <summary>A recording that takes marks from this user.</summary>
/// <param name="Recorder">Process id of its recorder.</param>
/// <param name="Path">Of its pipe.</param>
internal readonly record struct MarkPlace(int Recorder, string Path);

/// <summary>
/// Where the pipes for marks are: PARENT/faultrec.RECORDER.RANDOM/marks. The parent is /run for root, and for other users their runtime folder or the
/// one for temporary files.
/// </summary>
internal static class MarkPlaces
{
    /// <summary>The variable in which a recorded command finds the path of its pipe.</summary>
    public const string Variable = "FAULTREC_MARKS";

    public const string FolderPrefix = "faultrec.";
    public const string PipeName = "marks";

    private const string RootParent = "/run";
    private const string Pattern = FolderPrefix + "*.*";

    public static string OwnParent => IsRoot ? RootParent : RuntimeFolder ?? TemporaryFolder;

    private static bool IsRoot => Libc.Geteuid() == 0;

    /// <summary>Null: there is none, or it is another user's (after su).</summary>
    private static string? RuntimeFolder
        => Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } path && FoundFile.Read(path)?.Owner == Libc.Geteuid() ? path : null;

    private static string TemporaryFolder => Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } path ? path : "/tmp";

    /// <summary>Recordings that run and take marks from this user: of root's, those of its programs; and its own.</summary>
    public static IReadOnlyList<MarkPlace> Running()
    {
        IEnumerable<string> parents = IsRoot ? [RootParent] : [RootParent, .. RuntimeFolder is { } runtime ? [runtime] : (string[])[], TemporaryFolder];
        var places = new List<MarkPlace>();
        foreach (var parent in parents.Distinct())
        {
            using var folder = TryOpen(parent);
            foreach (var name in folder?.Folders(Pattern) ?? [])
            {
                if (RecorderOf(name) is { } recorder && IsOpenToUs(folder!, $"{name}/{PipeName}"))
                    places.Add(new MarkPlace(recorder, $"{parent}/{name}/{PipeName}"));
            }
        }

        return places;
    }

    /// <summary>Removes what killed recorders of this user have left.</summary>
    public static void RemoveDead(LinuxFolder parent)
    {
        foreach (var name in parent.Folders(Pattern).ToList())
        {
            if (RecorderOf(name) is { } recorder && !Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{recorder}")))
                TryRemoveDead(parent, name);
        }
    }

    private static void TryRemoveDead(LinuxFolder parent, string name)
    {
        try
        {
            using var folder = parent.Find(name)?.Owner == Libc.Geteuid() ? parent.TryOpenFolder(name) : null;
            if (folder is null)
                return;
            // In another pid namespace a recorder may live whose id means nobody here: it still reads.
            using var pipe = folder.OpenHere(PipeName, FileCalls.WriteOnly | FileCalls.NonBlocking);
            if (pipe is not null || Marshal.GetLastPInvokeError() is not (FileCalls.Enxio or FileCalls.Enoent))
                return;
            folder.Remove(PipeName);
            parent.RemoveFolder(name);
        }
        catch (IOException)
        {
            // It is no recorder's, or is being removed by another.
        }
    }

    // Somebody reads it. Anybody can put a pipe into a folder for everybody, so it must be this user's own.
    private static bool IsOpenToUs(LinuxFolder parent, string path)
    {
        using var pipe = parent.OpenHere(path, FileCalls.WriteOnly | FileCalls.NonBlocking);
        return pipe is not null && FoundFile.Read(pipe) is { Kind: FileKind.Pipe } found && (IsRoot || found.Owner == Libc.Geteuid());
    }

    private static int? RecorderOf(string name)
        => int.TryParse(name.AsSpan(FolderPrefix.Length).ToString().Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;

    private static LinuxFolder? TryOpen(string parent)
    {
        try
        {
            return LinuxFolder.Open(parent);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
