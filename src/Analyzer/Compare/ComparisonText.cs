using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>What is said about a comparison beside its headline and its tables. Raw text with names from the traces in it.</summary>
internal static class ComparisonText
{
    /// <inheritdoc cref="Notes(IReadOnlyList{TraceMeasures}, FaultFilter)"/>
    /// <param name="items">Items a table; 0: all, and the single regions.</param>
    public static IReadOnlyList<string> Notes(TraceComparison comparison, int items)
    {
        List<TraceMeasures> traces = [.. comparison.Traces];
        var notes = Notes(traces, comparison.Filter);
        return SubjectNames.ForPeople(items).Contains(Subject.Region) && ShiftedRegions(traces) is { } shifted ? [.. notes, shifted] : notes;
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
        if (traces.Any(trace => trace.HasCode) && traces.FirstOrDefault(trace => !trace.HasCode) is { } without)
            notes.Add($"faults are not compared by code: {without.Path} was recorded without stacks");
        if (traces.FirstOrDefault(trace => trace.WhyNoMemory is not null) is { } blind)
            notes.Add($"resident memory is not compared: {blind.Path}: {blind.WhyNoMemory}");
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

    /// <summary>How many differences of which tables people are not shown: "12 of code, 3 of places"; null for none.</summary>
    internal static string? LeftOut(TraceComparison comparison)
    {
        var counts = new List<string>();
        foreach (var subject in SubjectNames.ForPeople(1).Where(subject => subject != Subject.Total))
        {
            var rows = comparison.Rows(subject).Count(row => row.Verdict != Verdict.Same && !comparison.IsLarge(row));
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
