using System.Globalization;
using System.IO.Enumeration;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Query;

/// <summary>One trace of a query.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Name">As given, or as found by a folder or pattern.</param>
/// <param name="Host">From a part host=… of its path; null: none.</param>
/// <param name="Date">From a part date=YYYY-MM-DD of its path; null: none.</param>
public sealed record TraceFile(string Path, string Name, string? Host, DateOnly? Date);

/// <summary>Files, folders and patterns of the command line as traces, in the order given and sorted within each.</summary>
public static class TraceFiles
{
    private const string Extension = "*.parquet";

    private static readonly EnumerationOptions Here = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };
    private static readonly EnumerationOptions Below = new()
    {
        AttributesToSkip = FileAttributes.None,
        IgnoreInaccessible = false,
        RecurseSubdirectories = true
    };

    /// <exception cref="FaultrecException">A folder or pattern without a trace, a file named twice, a folder that cannot be read.</exception>
    public static IReadOnlyList<TraceFile> Find(IReadOnlyList<string> arguments)
    {
        var found = new List<TraceFile>();
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var argument in arguments)
        {
            foreach (var name in Expand(argument))
            {
                var path = System.IO.Path.GetFullPath(name);
                if (!known.TryAdd(Target(path), name))
                    throw Usage(name, $"is the same file as {Escape.Visible(known[Target(path)])}, so its faults would count twice; name it once");
                var parts = path.Split(System.IO.Path.DirectorySeparatorChar);
                found.Add(new TraceFile(path, name, Part(parts, "host="), ParseDate(Part(parts, "date="))));
            }
        }

        return found;
    }

    private static IReadOnlyList<string> Expand(string argument)
    {
        try
        {
            if (Directory.Exists(argument))
                return NotEmpty(argument, Sorted(Directory.EnumerateFiles(argument, Extension, Below)), "is a folder without a *.parquet file");
            if (File.Exists(argument) || !argument.AsSpan().ContainsAny('*', '?'))
                return [argument];
            return NotEmpty(argument, Sorted(Match(argument)), "no file matches");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.BadInput, $"{Escape.Visible(argument)}: cannot be read ({exception.Message}); expected traces", exception);
        }
    }

    private static IReadOnlyList<string> NotEmpty(string argument, IReadOnlyList<string> names, string problem)
        => names.Count > 0 ? names : throw Usage(argument, $"{problem}; expected a trace, a folder of traces, or a pattern such as 'traces/host=*/*.parquet'");

    // As in a shell, patterns do not match a leading dot: such files belong to other tools and are often incomplete.
    private static List<string> Sorted(IEnumerable<string> names)
        => [.. names.Where(name => !System.IO.Path.GetFileName(name).StartsWith('.')).Order(StringComparer.Ordinal)];

    /// <summary>Folder by folder; ** is any number of them.</summary>
    private static IEnumerable<string> Match(string pattern)
    {
        var parts = pattern.Split(System.IO.Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> folders = [System.IO.Path.IsPathRooted(pattern) ? System.IO.Path.GetPathRoot(pattern)! : ""];
        foreach (var part in parts[..^1])
            folders = folders.SelectMany(folder => Folders(folder, part));
        return folders.SelectMany(folder => Files(folder, parts[^1])).Distinct(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Folders(string folder, string part)
    {
        if (part == "**")
            return Directory.EnumerateDirectories(OrHere(folder), "*", Below).Select(path => Under(folder, path)).Prepend(folder);
        if (!part.AsSpan().ContainsAny('*', '?'))
            return Directory.Exists(System.IO.Path.Combine(folder, part)) ? [System.IO.Path.Combine(folder, part)] : [];
        return Directory.EnumerateDirectories(OrHere(folder), "*", Here).Where(path => Matches(part, path)).Select(path => Under(folder, path));
    }

    private static IEnumerable<string> Files(string folder, string part)
        => part == "**"
            ? Directory.EnumerateFiles(OrHere(folder), Extension, Below).Select(path => Under(folder, path))
            : Directory.EnumerateFiles(OrHere(folder), "*", Here).Where(path => Matches(part, path)).Select(path => Under(folder, path));

    private static bool Matches(string pattern, string path)
        => FileSystemName.MatchesSimpleExpression(pattern.Replace("\\", "\\\\", StringComparison.Ordinal), System.IO.Path.GetFileName(path), ignoreCase: false);

    private static string OrHere(string folder) => folder.Length == 0 ? "." : folder;

    private static string Under(string folder, string path) => folder.Length == 0 ? System.IO.Path.GetRelativePath(".", path) : path;

    private static string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            // Opening it will report what is wrong.
            return path;
        }
    }

    /// <summary>Hive's layout: the value is percent-encoded where a path cannot hold it; the innermost counts.</summary>
    private static string? Part(string[] parts, string key)
        => Array.FindLast(parts[..^1], part => part.StartsWith(key, StringComparison.Ordinal)) is { } part ? Uri.UnescapeDataString(part[key.Length..]) : null;

    private static DateOnly? ParseDate(string? text)
        => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;

    private static FaultrecException Usage(string name, string problem) => new(ExitCode.Usage, $"{Escape.Visible(name)}: {problem}");
}
