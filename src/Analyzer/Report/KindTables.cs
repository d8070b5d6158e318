using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

public sealed record SeverityRow(Severity Severity, FaultCounts Counts, LatencySummary Latency);

/// <param name="ByKernel">Raised by kernel mode touching the program's memory.</param>
public sealed record KindRow(FaultKind Kind, FaultCounts Counts, long ByKernel, LatencySummary Latency)
{
    /// <summary>Of all faults of the table.</summary>
    public double Share { get; internal set; }
}

/// <summary>Rows of the tables of kinds and of severities.</summary>
internal static class KindTables
{
    /// <summary>Most faults first.</summary>
    public static List<KindRow> Kinds(KindAggregate aggregate)
    {
        var rows = new List<KindRow>();
        long all = 0;
        for (var i = 0; i < FaultKindNames.Count; i++)
        {
            var kind = (FaultKind)i;
            var counts = aggregate.Counts(kind, out var latency);
            all += counts.Faults;
            if (counts.Faults > 0)
                rows.Add(new KindRow(kind, counts, aggregate.ByKernel(kind), LatencySummary.Of(latency)));
        }

        foreach (var row in rows)
            row.Share = (double)row.Counts.Faults / all;
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.Kind.CompareTo(b.Kind)));
        return rows;
    }

    /// <summary>Minor, major, failed, unknown; only those that there are.</summary>
    public static List<SeverityRow> Severities(ReportAggregates aggregates, SampleFacts? sample, Receipt receipt)
    {
        var faults = FaultsOf(aggregates, sample, receipt);
        var rows = new List<SeverityRow>(SeverityNames.Count);
        for (var i = 0; i < SeverityNames.Count; i++)
        {
            aggregates.Kinds.Counts((Severity)i, out var latency);
            if (faults[i] > 0)
                rows.Add(new SeverityRow((Severity)i, FaultCounts.Of((Severity)i, faults[i], latency.Sum), LatencySummary.Of(latency)));
        }

        return rows;
    }

    /// <summary>Why kinds are unknown, in one line; null when all are known.</summary>
    public static string? Note(FaultReport report)
    {
        long unknown = 0;
        foreach (var row in report.Kinds)
            unknown += row.Kind == FaultKind.Unknown ? row.Counts.Faults : 0;
        if (unknown == 0)
            return null;
        var consequence = $"so kinds are unknown{(report.Metadata.KnowsMajor ? "; minor, major and failed hold" : "")}";
        return report.Metadata switch
        {
            { Frames: null } => $"the file is from before page-table facts were recorded, {consequence}",
            { Frames: { Recorded: false, Reason: var reason } } => $"page-table facts were not recorded ({reason ?? "no reason given"}), {consequence}",
            { Arch: not "x86_64" and var arch } => $"page-table entries of {arch} cannot be read by this version, {consequence}",
            _ => $"{(report.Sample is null ? "" : "about ")}{Units.Of(unknown, "fault")} of unknown kind: what was recorded of {(unknown == 1 ? "it proves" : "them proves")} none",
        };
    }

    /// <returns>Faults of each severity; the receipt's exact counts where it has them.</returns>
    private static long[] FaultsOf(ReportAggregates aggregates, SampleFacts? sample, Receipt receipt)
    {
        var kinds = aggregates.Kinds;
        var (major, failed) = (kinds.Counts(Severity.Major, out _).Major, kinds.Counts(Severity.Failed, out _).Failed);
        if (sample is not { CountsExact: true })
            return [kinds.Counts(Severity.Minor, out _).Minor, major, failed, kinds.Counts(Severity.Unknown, out _).Unknown];

        // How many of those left out failed is not counted: that share stays an estimate, which minor faults make up for.
        var all = sample.Rows + receipt.SampledOut;
        major = Math.Clamp(aggregates.Sample!.MajorRows + receipt.SampledOutMajor, 0, all);
        failed = Math.Min(failed, all - major);
        return [all - major - failed, major, failed, 0];
    }
}
