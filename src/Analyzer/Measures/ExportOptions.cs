using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

internal enum ExportFormat
{
    /// <summary>Lines of "comm;main;f 12", as flamegraph.pl and inferno take them.</summary>
    Folded,

    /// <summary>JSON of www.speedscope.app.</summary>
    Speedscope,

    /// <summary>JSON of profiler.firefox.com.</summary>
    Firefox,

    /// <summary>Protobuf of ui.perfetto.dev.</summary>
    Perfetto,

    /// <summary>What `faultrec prefault` reads; of traces without stacks, too.</summary>
    PrefaultPlan,
}

/// <summary>What a stack's weight is.</summary>
internal enum ExportWeight
{
    Faults,

    /// <summary>Nanoseconds in the kernel's fault handler.</summary>
    Time,

    /// <summary>Major faults only.</summary>
    Major,
}

internal static class ExportWeights
{
    public static FaultColumns Columns(ExportWeight weight)
        => FaultColumns.Weight | (weight == ExportWeight.Time ? FaultColumns.DurationNs : FaultColumns.None);

    /// <returns>0: the row adds nothing.</returns>
    public static long Of(ExportWeight weight, FaultBatch batch, int row, Severity severity)
    {
        long faults = Math.Max(batch.Weight[row], 1);
        return weight switch
        {
            ExportWeight.Time => Math.Max(batch.DurationNs[row], 0) * faults,
            ExportWeight.Major => severity == Severity.Major ? faults : 0,
            _ => faults,
        };
    }
}
