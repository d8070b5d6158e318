using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Time in faults compared with elapsed time.</summary>
/// <param name="SumNs">Sum of the known durations; null when none is known.</param>
/// <param name="WallNs">Length of the recording, or of the filter's window in it.</param>
/// <param name="Threads">Threads that lived in that time, as far as the trace and the filter by process and thread say.</param>
/// <param name="ThreadNs">Sum of their lifetimes inside it.</param>
internal sealed record FaultTime(long? SumNs, long WallNs, int Threads, long ThreadNs)
{
    /// <summary>Average number of threads in the fault handler: 1 means always one.</summary>
    public double? ShareOfWall => SumNs is { } sum && WallNs > 0 ? (double)sum / WallNs : null;

    /// <summary>Share of its life that the average thread spent in faults.</summary>
    public double? ShareOfThreadTime => SumNs is { } sum && ThreadNs > 0 ? (double)sum / ThreadNs : null;

    public static FaultTime Of(TraceMetadata metadata, FaultFilter filter, LatencySummary latency)
    {
        var from = Math.Max(filter.FromNs ?? 0, 0);
        var to = Math.Max(Math.Min(filter.ToNs ?? long.MaxValue, metadata.DurationNs), from);
        var (threads, threadNs) = (0, 0L);
        foreach (var thread in metadata.Threads)
        {
            if (!filter.MayMeanThread(thread.Pid, thread.Tid))
                continue;
            var lived = Math.Min(thread.ExitedNs ?? to, to) - Math.Max(thread.StartedNs ?? from, from);
            if (lived <= 0)
                continue;
            threads++;
            threadNs += lived;
        }

        return new FaultTime(latency.SumNs, to - from, threads, threadNs);
    }
}
