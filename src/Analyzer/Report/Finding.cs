using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Report;

/// <summary>
/// The report's first sentences: what the tables prove, in words. Raw text with names from the trace in it: a renderer must make it
/// inert.
/// </summary>
internal static class Finding
{
    /// <summary>A name longer than this is cut in its middle.</summary>
    private const int NameWidth = 60;

    private const double DominantShare = 0.9;

    public static string Describe(FaultReport report)
    {
        var total = report.Totals.Counts.Faults;
        var unseen = report.Filter.IsEmpty ? UnseenSentence.Of(report.Metadata) : null;
        if (total == 0)
            return unseen ?? (report.Filter.IsEmpty ? "The trace holds no faults." : "No fault of the trace matches the filter.");
        var sentences = new List<string> { Where(report), MajorOnes(report) };
        if (KindSentence.Of(report) is { } what)
            sentences.Insert(1, what);
        if (Code(report) is { } code)
            sentences.Insert(1, code);
        if (MemorySentence.Of(report) is { } memory)
            sentences.Add(memory);
        if (report.Totals.Counts.Failed is > 0 and var failed)
        {
            sentences.Add(
                $"{About(report)}{Units.Of(failed, "fault")} failed: "
                + $"the kernel could not serve {(failed == 1 ? "it" : "them")}{FailureEnds.Describe(report, failed)}.");
        }

        if (report.Totals.Latency is { Count: > 0 } latency)
        {
            sentences.Add(
                $"In all {About(report).ToLowerInvariant()}{Units.Duration(latency.SumNs ?? 0)} went into the fault handler, "
                + $"{Units.Duration(latency.P50Ns ?? 0)} at the median.");
        }

        return string.Join(' ', sentences.Prepend(unseen).OfType<string>());
    }

    private static string About(FaultReport report) => report.Sample is null ? "" : "About ";

    // Mappings with the same name are reported together: a program that maps ten megabytes a hundred times does one thing, and a library
    // that every process loads is one file.
    private static string Where(FaultReport report)
    {
        var groups = new Dictionary<string, Group>();
        Group? largest = null;
        foreach (var row in report.Rows(RegionTable.Definition))
        {
            var name = RegionNames.Of(row.Region);
            if (!groups.TryGetValue(name, out var group))
                groups.Add(name, group = new Group(row));
            group.Add(row);
            if (largest is null || group.Faults > largest.Faults)
                largest = group;
        }

        // If one mapping holds nearly all faults of its name, it is the more exact answer.
        if (largest!.First.Counts.Faults >= DominantShare * largest.Faults)
        {
            largest = new Group(largest.First);
            largest.Add(largest.First);
        }

        // In a sample both numbers are estimates of the same kind; with the exact total, shares could exceed one.
        var all = report.Sample?.Faults ?? report.Totals.Counts.Faults;
        return $"{Units.Percent((double)largest.Faults / all)} of the faults ({About(report).ToLowerInvariant()}{Units.Count(largest.Faults)}) "
            + $"are {largest.Place(report)}, {(report.Sample is null ? largest.Pages() : largest.PagesAtLeast())}.";
    }

    /// <summary>The program's own code that faulted most, over all regions; null without stacks.</summary>
    private static string? Code(FaultReport report)
    {
        if (report.Rows(ToucherTable.Definition) is not { Count: > 0 } touchers)
            return null;
        var code = touchers.GroupBy(row => row.Code).MaxBy(group => group.Sum(row => row.Counts.Faults))!.ToList();
        // Rows come with most faults first.
        var first = code[0];
        var through = ToucherTable.InnerOfMost(code).Function is { } function ? $", in {Columns.CutMiddle(function, NameWidth)}" : "";
        var reserver = code.GroupBy(row => row.Mapper).MaxBy(group => group.Sum(row => row.Counts.Faults))!;
        var isReserver = reserver.Sum(row => row.Counts.Faults) >= DominantShare * code.Sum(row => row.Counts.Faults);
        var mapper = reserver.Key is { } name && isReserver ? $", in memory that {Columns.CutMiddle(name, NameWidth)} reserved" : "";
        return $"{Units.Percent(code.Sum(row => row.Share))} come from {Columns.CutMiddle(first.Code, NameWidth)}{through}{mapper}.";
    }

    private static string MajorOnes(FaultReport report)
    {
        if (report.Totals.Counts.Unknown > 0)
            return "Which of them were major is not known.";
        var major = report.Totals.Counts.Major;
        if (major == 0)
            return report.Sample is { CountsExact: false } ? "None of the recorded ones was major." : "None was major.";
        RegionRow? most = null;
        foreach (var row in report.Rows(RegionTable.Definition))
        {
            if (most is null || row.Counts.Major > most.Counts.Major)
                most = row;
        }

        var time = "";
        foreach (var row in report.Rows(SeverityTable.Definition))
        {
            if (row is { Severity: Severity.Major, Latency: { SumNs: > 0 and var sum } } && report.Totals.Latency.SumNs is { } all)
                time = $" and took {About(report).ToLowerInvariant()}{Units.Duration(sum)}, {Units.Percent((double)sum / all)} of the time";
        }

        var name = Columns.CutMiddle(RegionNames.Of(most?.Region), NameWidth);
        if (report.Sample is { } sample)
        {
            return $"{(sample.CountsExact ? "" : "About ")}{Units.Count(major)} {(major == 1 ? "was" : "were")} major{time}; "
                + $"{(most!.Counts.Major == 0 ? "none was recorded" : $"{name} had the most of those recorded")}.";
        }

        var place = most!.Counts.Major == major
            ? $"{(major == 1 ? "it was" : "all were")} in {name}"
            : $"{name} had the most, {Units.Count(most.Counts.Major)}";
        return $"{Units.Count(major)} {(major == 1 ? "was" : "were")} major{time}; {place}.";
    }

    /// <param name="first">The row with the most faults: rows come in that order.</param>
    private sealed class Group(RegionRow first)
    {
        private readonly HashSet<int> _pids = [];
        private int _regions;
        private long _bytes;
        private long _distinctPages;

        public RegionRow First => first;

        public long Faults { get; private set; }

        public void Add(RegionRow row)
        {
            _regions++;
            _pids.Add(row.Region?.Pid ?? 0);
            _bytes += row.Bytes;
            _distinctPages += row.DistinctPages;
            Faults += row.Counts.Faults;
        }

        public string Place(FaultReport report)
        {
            if (first.Region is not { } region)
                return "at addresses that no known mapping covered";
            var name = Columns.CutMiddle(region.Name, NameWidth);
            var where = _regions == 1
                ? $"in {name} 0x{region.Start:x}-0x{region.End:x} ({Units.Bytes(_bytes)})"
                : $"in {Units.Count(_regions)} regions named {name} ({Units.Bytes(_bytes)} together)";
            return $"{where} of {(_pids.Count == 1 ? ProcessName(report, region.Pid) : $"{Units.Count(_pids.Count)} processes")}";
        }

        public string Pages()
            => Faults == _distinctPages
                ? Faults == 1 ? "on one page" : "each on a page of its own"
                : $"on {(_distinctPages == 1 ? "one page" : $"{Units.Count(_distinctPages)} distinct pages")}, "
                    + $"so {Units.Count(Faults - _distinctPages)} {(Faults - _distinctPages == 1 ? "is a repeat" : "are repeats")}";

        public string PagesAtLeast() => $"on at least {Units.Of(_distinctPages, "distinct page")}";

        private static string ProcessName(FaultReport report, int pid)
        {
            foreach (var process in report.Metadata.Processes)
            {
                if (process.Pid == pid)
                    return $"{process.Comm} (pid {pid})";
            }

            return $"pid {pid}";
        }
    }
}
