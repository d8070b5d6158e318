using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>A failed fault that ended a process.</summary>
/// <param name="DurationNs">Negative: not known.</param>
/// <param name="RegionId">0: no known mapping.</param>
/// <param name="Stack">Negative: none.</param>
internal sealed record FatalFault(
    long TimeNs, long DurationNs, int Pid, int Tid, string Comm, ulong Address, FaultAccess Access, int RegionId, FaultKind Kind, int Stack);

/// <summary>The faults that ended processes, as the trace names them.</summary>
internal sealed class FatalAggregate(TraceMetadata metadata) : IMeasure<FatalAggregate>
{
    private readonly Dictionary<int, long> _fatal = metadata.Processes.Where(process => process.FatalFaultNs is not null)
        .GroupBy(process => process.Pid).ToDictionary(group => group.Key, group => group.Last().FatalFaultNs!.Value);

    private readonly List<FatalFault> _faults = [];

    public static Measure<FatalAggregate> Measure { get; }
        = new(plan => plan.Metadata.Processes.Any(process => process.FatalFaultNs is not null) ? new FatalAggregate(plan.Metadata) : null);

    /// <summary>In order of time.</summary>
    public IReadOnlyList<FatalFault> Faults => [.. _faults.OrderBy(fault => fault.TimeNs)];

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.Address
            | FaultColumns.Access | FaultColumns.RegionId | FaultColumns.StackId;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        for (var i = 0; i < verdicts.Severities.Length; i++)
        {
            if (verdicts.Severities[i] == Severity.Failed && _fatal.TryGetValue(batch.Pid[i], out var time) && batch.TimeNs[i] == time)
            {
                _faults.Add(new FatalFault(time, batch.DurationNs[i], batch.Pid[i], batch.Tid[i], batch.Comm[i], (ulong)batch.Address[i], batch.Access[i],
                    batch.RegionId[i], verdicts.Kinds[i], batch.StackId[i]));
            }
        }
    }

    public void Merge(FatalAggregate other) => _faults.AddRange(other._faults);
}
