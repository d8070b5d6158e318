using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>Time in faults against the time that passed.</summary>
/// <param name="SumNs">Sum of the known durations; null when none is known.</param>
/// <param name="WallNs">Length of the recording, or of the filter's window in it.</param>
/// <param name="Threads">Threads that lived in that time, as far as the trace and the filter by process and thread say.</param>
/// <param name="ThreadNs">Sum of their lifetimes inside it.</param>
public sealed record FaultTime(long? SumNs, long WallNs, int Threads, long ThreadNs)
{
    /// <summary>Threads that were in faults at an average moment: 1 means always one.</summary>
    public double? ShareOfWall => SumNs is { } sum && WallNs > 0 ? (double)sum / WallNs : null;

    /// <summary>Share of its life that the average thread spent in faults.</summary>
    public double? ShareOfThreadTime => SumNs is { } sum && ThreadNs > 0 ? (double)sum / ThreadNs : null;
}

/// <param name="Refusal">Why the cause could not be traced: its time is then part of kernel work. Null where it was.</param>
/// <param name="Share">Of the time of all faults that were split.</param>
/// <param name="SlowShare">The same of the slow ones; null when there are none.</param>
public sealed record CauseRow(FaultCause Cause, string? Refusal, CauseSum All, CauseSum Slow, double? Share, double? SlowShare);

/// <param name="Region">Null: no known mapping.</param>
/// <param name="Story">One sentence. Raw text with names from the trace in it.</param>
public sealed record WorstRow(WorstFault Fault, Region? Region, string Story);

/// <param name="Comm">Who waited.</param>
/// <param name="HolderComm">Who had the lock; null when the trace has no name.</param>
public sealed record LockWaitRow(string? Comm, string? HolderComm, LockWait Wait);

/// <summary>Rows of the tables that say what faults cost and why.</summary>
internal static class CostTables
{
    public static FaultTime Time(TraceMetadata metadata, FaultFilter filter, LatencySummary latency)
    {
        var from = Math.Max(filter.FromNs ?? 0, 0);
        var to = Math.Max(Math.Min(filter.ToNs ?? long.MaxValue, metadata.DurationNs), from);
        var (threads, threadNs) = (0, 0L);
        foreach (var thread in metadata.Threads)
        {
            if (!IsMeant(filter, thread.Pid, thread.Tid))
                continue;
            var lived = Math.Min(thread.ExitedNs ?? to, to) - Math.Max(thread.StartedNs ?? from, from);
            if (lived <= 0)
                continue;
            threads++;
            threadNs += lived;
        }

        return new FaultTime(latency.SumNs, to - from, threads, threadNs);
    }

    /// <summary>Most time first; the order of causes between equals. Refused ones stay, with no time.</summary>
    public static List<CauseRow> Causes(TraceMetadata metadata, CauseAggregate? aggregate)
    {
        var rows = new List<CauseRow>();
        if (aggregate is null)
            return rows;
        var refusals = new Dictionary<string, string>();
        foreach (var probe in metadata.Causes)
        {
            if (probe.Refusal is not null)
                refusals[probe.Cause] = probe.Refusal;
        }

        for (var i = 0; i < FaultCauseNames.Count; i++)
        {
            var cause = (FaultCause)i;
            var refusal = cause.Column() is { } column ? refusals.GetValueOrDefault(column) : null;
            var (all, slow) = (aggregate.Sum(cause, slowOnly: false), aggregate.Sum(cause, slowOnly: true));
            if (all.Faults > 0 || (refusal is not null && cause is not FaultCause.IoWait))
                rows.Add(new CauseRow(cause, refusal, all, slow, Share(all, aggregate.Split[0]), Share(slow, aggregate.Split[1])));
        }

        rows.Sort((a, b) => (-a.All.Ns, a.Cause).CompareTo((-b.All.Ns, b.Cause)));
        return rows;
    }

    /// <summary>What stands under the table of causes; null without one.</summary>
    public static string? CauseNote(FaultReport report)
    {
        if (report.Causes.Count == 0 || report.CauseSums is not { } sums)
            return null;
        var parts = new List<string> { $"slow: {Units.Duration(CauseAggregate.SlowNs)} and more, {Units.Of(sums.Split[1].Faults, "fault")} with {Units.Duration(sums.Split[1].Ns)}" };
        if (sums.NotSplit.Faults > 0)
            parts.Add($"{Units.Of(sums.NotSplit.Faults, "fault")} with {Units.Duration(sums.NotSplit.Ns)} not split: no cause of theirs was traced");
        if (sums.ExcessNs > 0)
            parts.Add($"causes claim {Units.Duration(sums.ExcessNs)} more than the durations they are of");
        return string.Join("; ", parts);
    }

    public static List<WorstRow> Worst(RegionIndex index, WorstAggregate? aggregate)
    {
        var rows = new List<WorstRow>();
        foreach (var fault in aggregate?.Worst ?? [])
            rows.Add(new WorstRow(fault, index.Find(fault.RegionId), FaultStory.Tell(fault)));
        return rows;
    }

    /// <summary>Longest time first. The trace has sums only, so of a filter only processes and threads count.</summary>
    public static List<LockWaitRow> LockWaits(TraceMetadata metadata, FaultFilter filter)
    {
        var names = new TaskNames(metadata);
        var rows = new List<LockWaitRow>();
        foreach (var wait in metadata.LockWaits)
        {
            if (IsMeant(filter, wait.Pid, wait.Tid))
                rows.Add(new LockWaitRow(names.Thread(wait.Pid, wait.Tid), names.Thread(wait.HolderPid, wait.HolderTid), wait));
        }

        rows.Sort((a, b) => (-a.Wait.TotalNs, a.Wait.Pid, a.Wait.Tid, a.Wait.HolderTid).CompareTo((-b.Wait.TotalNs, b.Wait.Pid, b.Wait.Tid, b.Wait.HolderTid)));
        return rows;
    }

    private static bool IsMeant(FaultFilter filter, int pid, int tid)
        => (filter.Pids.Count == 0 || filter.Pids.Contains(pid)) && (filter.Tids.Count == 0 || filter.Tids.Contains(tid));

    private static double? Share(CauseSum part, CauseSum whole) => whole.Ns == 0 ? null : (double)part.Ns / whole.Ns;
}
