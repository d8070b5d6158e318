using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>
/// From when on a fork may have made a region's pages common to two processes. Known to be never only where the recording followed every
/// process that the target created, and knows the region from its beginning.
/// </summary>
internal sealed class ForkHistory
{
    private const long Always = long.MinValue;
    private const long Never = long.MaxValue;

    private readonly Dictionary<int, long> _sharedFromNs = [];

    public ForkHistory(TraceMetadata metadata)
    {
        // Of a name, a cgroup or the machine, processes without faults are left out.
        var followsAll = (metadata.Target == "command" || metadata.Target.StartsWith("pid ", StringComparison.Ordinal)) && metadata.Receipt.LostSideband == 0;
        if (!followsAll)
            return;
        var children = metadata.Processes.Where(process => process is { ParentPid: not null, StartedNs: not null })
            .ToLookup(process => process.ParentPid!.Value, process => process.StartedNs!.Value);
        var copies = new ForkCopies(metadata);
        foreach (var region in metadata.Regions)
        {
            // A ledger that is full folds mappings of other times into a region.
            if (region.BornNs is { } born && region.Lives == 1 && !copies.Has(region))
                _sharedFromNs[region.Id] = children[region.Pid].Where(forked => forked >= born).DefaultIfEmpty(Never).Min();
        }

        NeedsTime = _sharedFromNs.Values.Any(sharedFrom => sharedFrom != Never);
    }

    /// <summary>Whether <see cref="MayShare"/> looks at the time.</summary>
    public bool NeedsTime { get; }

    /// <param name="timeNs">When the fault began.</param>
    public bool MayShare(int regionId, long timeNs)
        => _sharedFromNs.GetValueOrDefault(regionId, Always) is var sharedFrom && sharedFrom != Never && timeNs >= sharedFrom;
}
