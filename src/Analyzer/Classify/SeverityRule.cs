using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>
/// The rule that makes a severity of a fault's facts, first match wins: a signal was raised, or the result has a bit of
/// VM_FAULT_ERROR (include/linux/mm_types.h): failed; accounted as major: major; else minor, or unknown where the trace does not say which were major. The
/// bits' values are those that travel in the trace, because they moved between kernels; a trace without names has no usable result column.
/// </summary>
internal sealed class SeverityRule
{
    private static readonly string[] ErrorNames =
    [
        "VM_FAULT_OOM", "VM_FAULT_SIGBUS", "VM_FAULT_SIGSEGV", "VM_FAULT_HWPOISON", "VM_FAULT_HWPOISON_LARGE", "VM_FAULT_FALLBACK",
    ];

    private readonly int _errorBits;
    private readonly Severity _otherwise;

    public SeverityRule(TraceMetadata metadata)
    {
        _otherwise = metadata.KnowsMajor ? Severity.Minor : Severity.Unknown;
        foreach (var name in ErrorNames)
        {
            if (metadata.FaultResultNames.TryGetValue(name, out var bits))
                _errorBits |= (int)bits;
        }
    }

    /// <summary>Columns that <see cref="Classify"/> looks at.</summary>
    public FaultColumns Columns
        => FaultColumns.Major | FaultColumns.Signal | (_errorBits == 0 ? FaultColumns.None : FaultColumns.FaultResult);

    /// <summary>Fills the first <see cref="FaultBatch.Count"/> elements of <paramref name="severities"/>.</summary>
    public void Classify(FaultBatch batch, Severity[] severities)
    {
        var major = batch.Major.AsSpan(0, batch.Count);
        var signal = batch.Signal.AsSpan(0, batch.Count);
        for (var i = 0; i < major.Length; i++)
            severities[i] = signal[i] != FaultBatch.Null ? Severity.Failed : major[i] ? Severity.Major : _otherwise;
        if (_errorBits == 0)
            return;
        var result = batch.FaultResult.AsSpan(0, batch.Count);
        for (var i = 0; i < result.Length; i++)
        {
            if (result[i] != FaultBatch.Null && (result[i] & _errorBits) != 0)
                severities[i] = Severity.Failed;
        }
    }
}
