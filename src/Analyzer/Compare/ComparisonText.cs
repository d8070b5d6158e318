using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>A comparison in sentences. Raw text with names from the traces in it.</summary>
internal static class ComparisonText
{
    /// <summary>One sentence: faults and where most of their change was, major faults, time, resident memory, and what is known about the noise.</summary>
    public static string Headline(TraceComparison comparison)
    {
        var faults = comparison.Total(Metric.Faults);
        var clauses = new List<string> { Clause("Faults", faults) + Where(comparison, faults) };
        var major = comparison.Total(Metric.Major);
        if (major.Before is not null && major.After is not null)
            clauses.Add(Clause("major faults", major));
        var time = comparison.Total(Metric.TimeNs);
        if (time.Before is not null && time.After is not null)
            clauses.Add(Clause("time in faults", time));
        var memory = comparison.Total(Metric.PeakBytes);
        if (memory.Before is not null && memory.After is not null)
            clauses.Add(Clause("the peak of resident memory", memory));
        return $"{string.Join("; ", clauses)}; {Noise(comparison)}.";
    }

    /// <summary>What the tables cannot say or may mislead about: a sentence each, none for most comparisons.</summary>
    public static IReadOnlyList<string> Notes(IReadOnlyList<TraceMeasures> traces, FaultFilter filter)
    {
        var notes = new List<string>();
        foreach (var trace in traces)
        {
            if (!ReceiptText.IsComplete(trace.Metadata.Receipt))
                notes.Add($"{trace.Path}: {ReceiptText.Describe(trace.Metadata.Receipt)}. It may lack faults that happened");
            if (trace.Sample is { } sample)
                notes.Add($"{trace.Path}: {SampleText.Way(sample.Sampling)}: rows count by their weight, counts are estimates and distinct pages lower bounds");
            foreach (var limit in RecordingLimits.Of(trace.Metadata))
                notes.Add($"{trace.Path}: {limit}");
        }

        AddIfDiffers("backends", trace => trace.Metadata.Backend.Name, "they do not see the same faults and do not measure the same time");
        AddIfDiffers("kernels", trace => $"{trace.Metadata.Kernel} {trace.Metadata.Arch}", "a difference may come from them");
        if (traces.FirstOrDefault(trace => trace.WhyNoMemory is not null) is { } blind)
            notes.Add($"resident memory is not compared: {blind.Path}: {blind.WhyNoMemory}");
        if (ShiftedRegions(traces) is { } shifted)
            notes.Add(shifted);
        if (!filter.IsEmpty)
            notes.Add($"filter: {filter}");
        return notes;

        void AddIfDiffers(string what, Func<TraceMeasures, string> value, string consequence)
        {
            var values = traces.Select(value).Distinct().ToList();
            if (values.Count > 1)
                notes.Add($"the {what} differ ({string.Join(", ", values)}): {consequence}");
        }
    }

    /// <summary>How many rows of which tables are within the noise: "12 of regions, 3 of files"; null for none.</summary>
    internal static string? WithinNoise(TraceComparison comparison)
    {
        var counts = new List<string>();
        foreach (var subject in SubjectNames.Shown)
        {
            var rows = subject == Subject.Total ? 0 : comparison.Rows(subject).Count(row => row.Verdict == Verdict.WithinNoise);
            if (rows > 0)
                counts.Add($"{Units.Count(rows)} of {subject.Title()}");
        }

        return counts.Count == 0 ? null : string.Join(", ", counts);
    }

    /// <summary>The traces of one side and what they recorded: "a.parquet, b.parquet: app --work".</summary>
    public static string Side(IReadOnlyList<TraceMeasures> traces)
    {
        var targets = traces.Select(trace => RecordingText.Target(trace.Metadata)).Distinct().ToList();
        var paths = string.Join(", ", traces.Select(trace => trace.Path));
        return $"{paths}: {targets[0]}{(targets.Count > 1 ? $" and {Units.Of(targets.Count - 1, "other command")}" : "")}";
    }

    /// <summary>"[anon] #2 of app".</summary>
    internal static string NameOf(ComparedItem item)
        => item.Name + (item.Order > 1 ? $" #{item.Order}" : "") + (item.Process is { } process ? $" of {process}" : "");

    private static string Clause(string what, ComparedRow row)
    {
        var (before, after) = (Value(row.Metric, row.Before!.Median), Value(row.Metric, row.After!.Median));
        return row switch
        {
            { Verdict: Verdict.Same } => $"{what} stayed at {before}",
            { Verdict: Verdict.WithinNoise, Difference: 0 } => $"{what} stayed at {before} apart from noise",
            { Verdict: Verdict.WithinNoise } => $"{what} did not change beyond the noise ({before} and {after})",
            _ => $"{what} {(row.Difference < 0 ? "fell" : "rose")}{HowMuch(row.Change)} from {before} to {after}",
        };
    }

    private static string HowMuch(double? change) => change switch
    {
        null => "",
        >= 9 => $" to {Units.Count((long)Math.Round(change.Value + 1))} times,",
        _ => $" by {Units.Percent(Math.Abs(change.Value))},",
    };

    private static string Where(TraceComparison comparison, ComparedRow total)
    {
        if (total.Verdict is Verdict.Same or Verdict.WithinNoise)
            return "";
        var most = comparison.Rows(Subject.Region).Where(row => row.Metric == Metric.Faults).MaxBy(row => row.Difference * Math.Sign(total.Difference!.Value));
        return most is not null && most.Difference * 2 / total.Difference is >= 1 ? $", most of that in {NameOf(most.Item)}" : "";
    }

    private static string Noise(TraceComparison comparison)
    {
        var (before, after) = (comparison.Before.Count, comparison.After.Count);
        return comparison.KnowsNoise
            ? $"medians of {before} traces before and {after} after"
            : before == 1 && after == 1
                ? "with one trace per side it is unknown how much of this is noise"
                : $"with one trace {(before == 1 ? "before" : "after")} it is unknown how much of this is noise";
    }

    private static string Value(Metric metric, long value) => metric switch
    {
        Metric.TimeNs => Units.Duration(value),
        Metric.PeakBytes => Units.Bytes(value),
        _ => Units.Count(value),
    };

    // One mapping more or less gives every later one of its name another number.
    private static string? ShiftedRegions(IReadOnlyList<TraceMeasures> traces)
    {
        var groups = traces.SelectMany(trace => trace.Items).Where(item => item is { Subject: Subject.Region, Order: > 1 })
            .Select(item => item with { Order = 1 }).Distinct()
            .Select(item => (Item: item,
                Counts: traces.Select(trace => trace.Items.Count(other => other.Subject == Subject.Region && other with { Order = 1 } == item)).ToList()))
            .Where(group => group.Counts.Min() != group.Counts.Max())
            .OrderByDescending(group => group.Counts.Max()).ThenBy(group => group.Item.Name, StringComparer.Ordinal)
            .ToList();
        if (groups.Count == 0)
            return null;
        var (item, counts) = groups[0];
        var others = groups.Count == 1 ? "" : $", and {Units.Of(groups.Count - 1, "other name")} likewise";
        return $"{NameOf(item)} {item.Prot}: {counts.Min()} to {counts.Max()} such regions per trace{others}; "
            + "those after a missing one are matched with their neighbours, so look at kinds, files and totals first";
    }
}
