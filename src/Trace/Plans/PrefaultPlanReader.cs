using System.Globalization;
using System.Text;
using System.Text.Json;
using Faultrec.Traces.Files;
using Faultrec.Traces.Native;

namespace Faultrec.Traces.Plans;

/// <summary>
/// Reads a prefault plan, which is untrusted input. A line that differs from docs/prefault.md gives <see cref="ExitCode.BadInput"/> with
/// its number; unknown members are ignored.
/// </summary>
public sealed class PrefaultPlanReader
{
    /// <summary>Above the longest line of a path: PATH_MAX characters of six each.</summary>
    private const int MostLineCharacters = 1 << 15;

    private const string Expected = "expected a plan as described in docs/prefault.md; make it again with faultrec export TRACE --to prefault-plan";

    private const int PathMax = 4096; // include/uapi/linux/limits.h, with the final zero

    private readonly string _path;
    private readonly List<PlanFile> _files = [];
    private readonly List<PlanRange> _ranges = [];
    private readonly LineReader _lines;

    private PrefaultPlanReader(string path, TextReader text) => (_path, _lines) = (path, new LineReader(text, MostLineCharacters, path, Expected));

    /// <summary>Reads the plan in a file.</summary>
    /// <exception cref="FaultrecException">The file cannot be read, or is not a plan.</exception>
    public static PrefaultPlan Read(string path)
    {
        try
        {
            using var text = new StreamReader(new FileStream(RegularFile.Open(path), FileAccess.Read), new UTF8Encoding(false, throwOnInvalidBytes: true));
            return new PrefaultPlanReader(path, text).Read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var problem = e is FileNotFoundException or DirectoryNotFoundException ? "no such file"
                : Directory.Exists(path) ? "is a directory"
                : e is NotSupportedException ? "is not a regular file"
                : e.Message;
            throw new FaultrecException(ExitCode.BadInput, $"{path}: {problem}; expected a plan; make one with faultrec export TRACE --to prefault-plan", e);
        }
    }

    private PrefaultPlan Read()
    {
        var (until, files, ranges) = Parse(NextLine() ?? "", ParseHeader);
        while (NextLine() is { } line)
        {
            if (_files.Count + _ranges.Count == files + ranges)
                throw Bad($"is one more than the {files} files and {ranges} ranges of the header");
            _ = Parse(line, Add);
        }

        if (_files.Count != files || _ranges.Count != ranges)
            throw Bad($"ends after {_files.Count} files and {_ranges.Count} ranges, expected the {files} and {ranges} of its header");
        return new PrefaultPlan(until, _files, _ranges);
    }

    private string? NextLine()
    {
        try
        {
            return _lines.Next();
        }
        catch (DecoderFallbackException)
        {
            throw Bad("or a later one is not UTF-8");
        }
    }

    private T Parse<T>(string line, Func<JsonElement, T> read)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object ? read(json.RootElement) : throw Bad("is not a JSON object");
        }
        catch (JsonException)
        {
            throw Bad("is not a JSON object");
        }
    }

    private (DateTimeOffset Until, long Files, long Ranges) ParseHeader(JsonElement line)
    {
        var version = Number(line, PrefaultPlan.Magic, 1, int.MaxValue);
        if (version > PrefaultPlan.Version)
            throw Bad($"has version {version}, but this faultrec reads {PrefaultPlan.Version}");
        var until = line.TryGetProperty("recorded_until", out var time) && time.ValueKind == JsonValueKind.String
            && DateTimeOffset.TryParse(time.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)
            ? parsed : throw Bad("has no recorded_until, a time such as 2026-01-02T03:04:05Z");
        return (until, Number(line, "files", 0, PrefaultPlan.MostRanges), Number(line, "ranges", 0, PrefaultPlan.MostRanges));
    }

    private bool Add(JsonElement line)
    {
        if (line.TryGetProperty("path", out var path))
        {
            _files.Add(new PlanFile(PathOf(path), Inode(line)));
        }
        else
        {
            _ranges.Add(new PlanRange((int)Number(line, "file", 0, _files.Count - 1), Number(line, "offset", 0, PrefaultPlan.MostBytes),
                Number(line, "length", 1, PrefaultPlan.MostBytes)));
        }

        return true;
    }

    private string PathOf(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String || TextOf(value) is not ['/', ..] path)
            throw Bad("has a path that is not absolute");
        return path.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(path) >= PathMax
            ? throw Bad($"has an impossible path: one with a zero character or more than {PathMax - 1} bytes")
            : path;
    }

    // GetString throws on "\ud800".
    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private ulong Inode(JsonElement line)
        => line.TryGetProperty("inode", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var inode) && inode != 0
            ? inode : throw Bad("has no inode, the file's number above 0");

    private long Number(JsonElement line, string name, long least, long most)
        => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            && number >= least && number <= most
            ? number
            : throw Bad($"has no {name} {(most < least ? "of a file on a line before" : $"from {least} to {most}")}");

    private FaultrecException Bad(string problem)
        => new(ExitCode.BadInput, $"{_path}: line {_lines.Number} {problem}; {Expected}");
}
