using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>The most frequent of what was in a storm, and how many of its faults were its.</summary>
public readonly record struct StormLeader<T>(T Name, long Faults);

/// <param name="PeakFaults">Of the window with most.</param>
/// <param name="WindowNs">Length of that window.</param>
/// <param name="Region">Id of the region with most faults, and the region; null for no known mapping.</param>
public sealed record StormRow(
    long FromNs,
    long LengthNs,
    bool ByFaults,
    bool ByTime,
    FaultCounts Counts,
    long PeakFaults,
    long WindowNs,
    StormLeader<(int Pid, string Comm)> Task,
    StormLeader<(int Id, Region? Region)> Region,
    StormLeader<FaultKind> Kind)
{
    public long PeakPerSecond => (long)Math.Round(PeakFaults * 1e9 / WindowNs);

    /// <summary>What burst: "faults", "time" or "faults, time".</summary>
    public string Why => ByFaults ? ByTime ? "faults, time" : "faults" : "time";

    public double ShareOf(long faults) => (double)faults / Counts.Faults;
}

/// <summary>Rows of the table of storms, most faults first.</summary>
internal static class StormTable
{
    public static List<StormRow> Build(TraceReader reader, ReportPlan plan, StormAggregate? aggregate)
    {
        if (aggregate is null || StormWindows.Find(aggregate) is not { Count: > 0 } storms)
            return [];
        var axis = aggregate.Axis;
        var filter = plan.Filter with
        {
            // The first and the last window also have what lies outside all of them.
            FromNs = storms[0].First == 0 ? plan.Filter.FromNs : axis.StartNs(storms[0].First),
            ToNs = storms[^1].End == axis.Count ? plan.Filter.ToNs : axis.StartNs(storms[^1].End),
        };
        var isSample = SampleFacts.IsSample(plan.Metadata);
        var actors = TraceScan.Run(reader, filter, () => new StormActorAggregate(axis, storms, isSample)).Actors;
        var rows = storms.Select((storm, i) => Of(aggregate, plan.Index, storm, actors[i])).ToList();
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.FromNs.CompareTo(b.FromNs)));
        return rows;
    }

    private static StormRow Of(StormAggregate aggregate, RegionIndex index, StormSpan storm, StormActors actors)
    {
        var axis = aggregate.Axis;
        var peak = storm.First;
        for (var i = storm.First; i < storm.End; i++)
            peak = aggregate.Faults[i] > aggregate.Faults[peak] ? i : peak;
        var task = actors.ByTask.OrderByDescending(task => task.Value).ThenBy(task => task.Key.Pid).ThenBy(task => task.Key.Comm, StringComparer.Ordinal).First();
        var region = actors.ByRegion.OrderByDescending(region => region.Value).ThenBy(region => region.Key).First();
        var kind = Array.IndexOf(actors.ByKind, actors.ByKind.Max());
        return new StormRow(
            axis.StartNs(storm.First),
            axis.StartNs(storm.End - 1) + axis.LengthNs(storm.End - 1) - axis.StartNs(storm.First),
            storm.ByFaults,
            storm.ByTime,
            actors.Counts,
            aggregate.Faults[peak],
            axis.LengthNs(peak),
            new StormLeader<(int, string)>(task.Key, task.Value),
            new StormLeader<(int, Region?)>((region.Key, index.Find(region.Key)), region.Value),
            new StormLeader<FaultKind>((FaultKind)kind, actors.ByKind[kind]));
    }
}
