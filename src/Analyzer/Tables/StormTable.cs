using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>The most frequent participant in a storm, and its number of faults.</summary>
internal readonly record struct StormLeader<T>(T Name, long Faults);

/// <param name="PeakFaults">Faults in the window with most.</param>
/// <param name="WindowNs">Length of that window.</param>
/// <param name="Region">Id of the region with most faults, and the region; null for no known mapping.</param>
internal sealed record StormRow(
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

internal static class StormTable
{
    private static readonly FollowUp<StormActorAggregate> Actors = new(report =>
    {
        if (report.Find(StormAggregate.Measure) is not { } aggregate || StormWindows.Find(aggregate) is not { Count: > 0 } storms)
            return null;
        var axis = aggregate.Axis;
        var filter = report.Filter with
        {
            // The first and the last window also hold the faults outside all windows.
            FromNs = storms[0].First == 0 ? report.Filter.FromNs : axis.StartNs(storms[0].First),
            ToNs = storms[^1].End == axis.Count ? report.Filter.ToNs : axis.StartNs(storms[^1].End),
        };
        return (filter, () => new StormActorAggregate(axis, storms, report.Plan.IsSample));
    });

    public static TableDefinition<StormRow> Definition { get; } = new()
    {
        Name = "storm",
        Title = "storms",
        Question = "when bursts of faults happened, and who took part",
        JsonKey = "storms",
        JsonMembers = (json, report) => json.WriteNullable("storm_window_ns", report.Find(StormAggregate.Measure)?.Axis.BucketNs),
        Needs = [StormAggregate.Measure],
        FollowUp = Actors,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("from_ns", "at", "start of the storm, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.FromNs)
            .Integer("length_ns", "for", "length of the storm", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.LengthNs)
            .Text("burst", "of", "what made it a storm: faults, time in faults, or both", ColumnAudience.Wide, row => row.Why)
            .Counts(row => row.Counts)
            .Integer("peak_per_s", "peak/s", "faults a second in the fullest window of the storm", CellFormat.Count, ColumnAudience.Everyone,
                row => row.PeakPerSecond)
            .Integer("latency_sum_ns", "time", "sum of the known durations of its faults", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => report.TimeOf(row.Counts))
            .Integer("pid", "pid", "process of the thread name with most of its faults", CellFormat.Id, ColumnAudience.Wide, row => row.Task.Name.Pid)
            .Text("comm", "most by", "thread name with most of its faults", ColumnAudience.Everyone, row => row.Task.Name.Comm)
            .Real("comm_share", "share", "of the storm's faults, those under that thread name", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.ShareOf(row.Task.Faults))
            .Integer("region_id", "region id", "id of the region with most of its faults", CellFormat.Id, ColumnAudience.Wide, row => row.Region.Name.Id)
            .Text("region", "in", "region with most of its faults", ColumnAudience.Everyone, row => RegionNames.Of(row.Region.Name.Region))
            .Real("region_share", "share", "of the storm's faults, those in that region", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.ShareOf(row.Region.Faults))
            .Text("kind", "kind", "kind that most of its faults had", ColumnAudience.Everyone, row => row.Kind.Name.Name())
            .Real("kind_share", "share", "of the storm's faults, those of that kind", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.ShareOf(row.Kind.Faults)),
        Note = Note,
        WhyEmpty = report => $"no storm: {Note(report)}",
    };

    private static List<StormRow> Rows(FaultReport report)
    {
        if (report.Find(StormAggregate.Measure) is not { } aggregate || report.Find(Actors) is not { } found)
            return [];
        var rows = found.Storms.Select((storm, i) => Of(aggregate, report.Plan.Index, storm, found.Actors[i])).ToList();
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.FromNs.CompareTo(b.FromNs)));
        return rows;
    }

    private static string Note(FaultReport report)
        => $"a storm is made of windows of {Units.Duration(report.Find(StormAggregate.Measure)?.Axis.BucketNs ?? 0)} "
            + $"with at least {StormWindows.Factor} times the faults of the median window that has any, "
            + $"and at least {Units.Count(StormWindows.FloorPerSecond)} a second; or with {StormWindows.Factor} times its time in faults, "
            + $"and at least {StormWindows.FloorPercent} % of the window";

    private static StormRow Of(StormAggregate aggregate, RegionIndex index, StormSpan storm, StormActors actors)
    {
        var axis = aggregate.Axis;
        var peak = storm.First;
        for (var i = storm.First; i < storm.End; i++)
            peak = aggregate.Faults[i] > aggregate.Faults[peak] ? i : peak;
        var task = actors.ByTask.OrderByDescending(task => task.Value)
            .ThenBy(task => task.Key.Pid).ThenBy(task => task.Key.Comm, StringComparer.Ordinal).First();
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
