using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>Which regions a process inherited by fork: work that is done when memory is mapped was done in the parent.</summary>
internal sealed class ForkCopies
{
    private readonly Dictionary<int, long> _forked = [];

    public ForkCopies(TraceMetadata metadata)
    {
        foreach (var process in metadata.Processes)
        {
            if (process is { ParentPid: not null, StartedNs: { } started })
                _forked[process.Pid] = started;
        }
    }

    // The ledger gives a child its mappings at the time of the fork; mappings made by exec begin later.
    public bool Has(Region region) => region.BornNs is { } born && _forked.TryGetValue(region.Pid, out var started) && started == born;
}
