using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Export;

/// <summary>Resident memory of a process over time, as far as a filter by process and time lets it through.</summary>
/// <param name="Samples">Which of its samples, in order of time; at least one.</param>
internal sealed record MemoryCurve(ProcessMemory Memory, IReadOnlyList<int> Samples)
{
    public static IReadOnlyList<MemoryCurve> Of(TraceMetadata metadata, FaultFilter filter)
        => [.. metadata.Memory.Where(memory => filter.MayMeanProcess(memory.Pid))
            .Select(memory => new MemoryCurve(
                memory,
                [.. Enumerable.Range(0, memory.TimeNs.Count)
                    .Where(i => !(memory.TimeNs[i] < filter.FromNs) && !(memory.TimeNs[i] >= filter.ToNs))]))
            .Where(curve => curve.Samples.Count > 0)];
}
