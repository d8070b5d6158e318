using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Files whose contents nobody but root, or the user who runs the recorder, has decided, and for which a change of contents shows in
/// <see cref="FileVersion"/>. Only answers about such files are kept.
/// </summary>
internal static class SystemFiles
{
    /// <summary>A file changed just now may be changed again within the same tick of the clock of change times.</summary>
    private const long SettledNs = 2_000_000_000;

    private const long NsPerTick = 100;

    /// <param name="path">Has to lead to the file here, too: a container's path is another file's.</param>
    public static bool Contains(RegularFile file, string path)
        => (file.Owner == 0 || file.Owner == Libc.Geteuid()) && !file.IsSharedToWrite
            && FileVersion.Of(path) == file.Version
            && NowNs() - file.Version.ChangedNs > SettledNs
            && FileSystems.IsTrusted(file.File);

    private static long NowNs() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * NsPerTick;
}
