using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Live;

/// <summary>The output for a viewer of a running capture. After each call everything is written.</summary>
internal interface ILiveText
{
    /// <summary>Faults that passed the filter.</summary>
    long Matched { get; }

    void Write(FaultBatch faults);

    /// <param name="notShown">Faults that are not in any batch because the reader was slow.</param>
    /// <param name="lost">Faults that the probes could not deliver.</param>
    void Missed(long notShown, long lost);

    /// <summary>All faults before this time were written; ns since the start.</summary>
    void Advance(long reachedNs);

    void End(long endNs);
}
