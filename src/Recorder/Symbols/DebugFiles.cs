using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Finds debug information that a program's own file does not have, in the places where GDB and libdw look: by build id below
/// /usr/lib/debug, by .gnu_debuglink beside the file, and by .gnu_debugaltlink for parts that dwz moved out of several debug files.
/// </summary>
/// <param name="asksServers">Also ask the servers in DEBUGINFOD_URLS.</param>
internal sealed class DebugFiles(bool asksServers) : IDisposable
{
    private const string Root = "/usr/lib/debug";
    private const int MaxBuildIdLetters = 128;

    private readonly Debuginfod? _servers = asksServers ? new Debuginfod() : null;

    /// <summary>Why servers are no longer asked.</summary>
    public IReadOnlyList<string> Warnings => _servers?.Warning is { } warning ? [warning] : [];

    /// <summary>
    /// The names come from a file that anyone may have written, and the recorder may be root: only files that anyone may read, or that
    /// belong to that file's owner, are handed out.
    /// </summary>
    /// <returns>Null: there is none.</returns>
    public RegularFile? Find(DebugFileName name, OpenedModule module)
    {
        foreach (var path in Candidates(name, module))
        {
            if (RegularFile.TryOpen(path, out _) is not { } file)
                continue;
            if ((file.IsPublic || file.Owner == module.Owner) && (file.Inode, file.Device) != (module.Inode, module.Device))
            {
                if (!name.IsAlternate)
                    module.DebugPath = path;
                return file;
            }

            file.Dispose();
        }

        return FromServer(name.BuildId);
    }

    /// <returns>Null: servers are not to be asked, or none has the file.</returns>
    /// <param name="buildId">Lower hex.</param>
    public RegularFile? FromServer(string buildId) => IsBuildId(buildId) ? _servers?.Find(buildId) : null;

    public static bool IsBuildId(string? text) => text is { Length: > 2 and <= MaxBuildIdLetters } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>xx/yyyy.debug below a folder.</summary>
    public static string PathOf(string folder, string buildId) => Path.Combine(folder, ".build-id", buildId[..2], buildId[2..] + ".debug");

    public void Dispose() => _servers?.Dispose();

    private static IEnumerable<string> Candidates(DebugFileName name, OpenedModule module)
    {
        if (IsBuildId(name.BuildId))
            yield return PathOf(Root, name.BuildId);
        if (name.Link.Length == 0)
            yield break;
        var folder = Path.GetDirectoryName(name.IsAlternate ? module.DebugPath ?? module.Path : module.Path) ?? "/";
        if (name.IsAlternate)
        {
            yield return Path.Combine(folder, name.Link);
        }
        else if (!name.Link.Contains('/', StringComparison.Ordinal))
        {
            yield return Path.Combine(folder, name.Link);
            yield return Path.Combine(folder, ".debug", name.Link);
            yield return Root + Path.Combine(folder, name.Link);
        }
    }
}
