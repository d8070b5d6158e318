using System.Text.RegularExpressions;

namespace Faultrec.Cli.Tests;

/// <summary>The size of a page is known in one place (docs/architecture.md), so that pages of 16 and 64 KiB can come.</summary>
public sealed partial class PageSizeTests
{
    private const string Home = "Trace/Metadata/PageGeometry.cs";

    // What looks like the size, mask or shift of a page and is none: where, a part of the line, what it is.
    private static readonly (string File, string Part, string What)[] Others =
    [
        ("Analyzer/Measures/PfnMap.cs", "BlockPages = 512", "entries that are looked at together"),
        ("Analyzer/Measures/HotRangeAggregate.cs", "RangeShift = 21", "a unit of the report, whatever pages are"),
        ("Analyzer/Measures/HotRangeAggregate.cs", "MostDense = 4096", "a bound on an array"),
        ("Recorder/Live/LiveCapture.cs", "RowsEach = 4096", "rows of a batch"),
        ("Recorder/Native/Libc.cs", "0xfff", "bits of a device number"),
        ("Recorder/Native/Libc.cs", ">> 12", "bits of a device number"),
        ("Recorder/Native/PerfEvent.cs", "EnableOnExec = 1UL << 12", "a bit of perf_event_attr"),
        ("Recorder/Native/SystemCalls.cs", "MostErrno = 4095", "MAX_ERRNO"),
        ("Recorder/Perf/Sideband.cs", "DefaultRingBytes = 2 << 20", "a ring"),
        ("Recorder/Probes/StackProbes.cs", "MaxFiles = 4096", "entries of a map"),
        ("Recorder/Symbols/ElfFile.cs", "FileBytes: > 1 and < 4096", "PATH_MAX"),
        ("Recorder/Symbols/JitCode.cs", "MaxSteps = 4096", "a bound on a loop"),
        ("Recorder/Symbols/NeededLibraries.cs", "MaxEntries = 4096", "a bound on a table"),
        ("Recorder/Symbols/RustName.cs", "MaxLength = 4096", "a bound on a name"),
        ("Replay/PageWork.cs", "LongestDrop = 4096", "rows to look ahead"),
        ("Replay/PageWork.cs", "PageOut = 21", "MADV_PAGEOUT"),
        ("Trace/Columns/FaultBatch.cs", "FaultFlags = 1L << 12", "a bit of the set of columns"),
        ("Trace/Columns/FaultBatch.cs", "FilePage = 1L << 21", "a bit of the set of columns"),
        ("Trace/Output/FoundFile.cs", "PermissionBits = 0xfff", "bits of a file's mode"),
        ("Trace/Plans/PrefaultPlanReader.cs", "PathMax = 4096", "PATH_MAX"),
    ];

    [Fact]
    public void NoSourceButOneKnowsThePageSize()
    {
        var found = Lines().Where(line => line.File != Home && PageSize().IsMatch(line.Code)).ToList();

        Assert.Equal([], found.Where(line => !Others.Any(other => IsThat(line, other))).Select(line => $"{line.File}: {line.Code.Trim()}"));
        Assert.Equal([], Others.Where(other => !found.Any(line => IsThat(line, other))).Select(other => $"{other.File}: {other.Part} is not there any more"));
    }

    [Theory]
    [InlineData("var page = (long)(address >> 12);")]
    [InlineData("return first << 21;")]
    [InlineData("private const int PageBytes = 4096;")]
    [InlineData("var page = address & ~0xfffUL;")]
    [InlineData("(address + 4095) & ~4095UL")]
    [InlineData("private const ulong Huge = 2UL << 20;")]
    [InlineData("private const int HugeOrder = 9;")]
    [InlineData("const int tablePages = 512;")]
    [InlineData("length / Environment.SystemPageSize")]
    public void ThePatternFindsWhatThereWas(string code) => Assert.Matches(PageSize(), code);

    private static bool IsThat((string File, string Code) line, (string File, string Part, string What) other)
        => line.File == other.File && line.Code.Contains(other.Part, StringComparison.Ordinal);

    /// <summary>Lines of code, without comments and what stands in quotes.</summary>
    private static IEnumerable<(string File, string Code)> Lines()
        => SourceFiles.In("src", ".cs").SelectMany(file => File.ReadLines(file.Path).Select(line => (file.Name, QuotedOrComment().Replace(line, ""))));

    [GeneratedRegex(
        """
        (<<|>>)\ *(12|21)\b
        | \b(4095|4096)(U?L)?\b | \b0xfff(U?L)?\b | \b2(U?L)?\ <<\ 20\b | \b1(U?L)?\ <<\ 21\b
        | \b\w*(page|pte|pmd|pud|huge|frame|range)\w*\ =\ (9|12|18|21|511|512)\b
        | SystemPageSize
        """,
        RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex PageSize();

    [GeneratedRegex("""
        "(\\.|[^"\\])*"|//.*
        """)]
    private static partial Regex QuotedOrComment();
}
