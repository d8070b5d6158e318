using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>
/// The time from which a fork may have made two processes share a region's pages. That this never happened is known only if the recording
/// followed every process that the target created, and saw the region begin.
/// </summary>
internal sealed class ForkHistory
{
    private const long Always = long.MinValue;
    private const long Never = long.MaxValue;

    private readonly Dictionary<int, long> _sharedFromNs = [];

    public ForkHistory(TraceMetadata metadata)
    {
        // Recordings of a name, a cgroup or the machine leave out processes without faults.
        var followsAll = metadata.IsOfOneTree && metadata.Receipt.LostSideband == 0;
        if (!followsAll)
            return;
        var children = metadata.Processes.Where(process => process is { ParentPid: not null, StartedNs: not null })
            .ToLookup(process => process.ParentPid!.Value, process => process.StartedNs!.Value);
        var copies = new ForkCopies(metadata);
        foreach (var region in metadata.Regions)
        {
            // A full ledger folds mappings of other times into a region.
            if (region.BornNs is { } born && region.Lives == 1 && !copies.Has(region))
                _sharedFromNs[region.Id] = children[region.Pid].Where(forked => forked >= born).DefaultIfEmpty(Never).Min();
        }

        NeedsTime = _sharedFromNs.Values.Any(sharedFrom => sharedFrom != Never);
    }

    /// <summary>Whether <see cref="MayShare"/> uses the time.</summary>
    public bool NeedsTime { get; }

    /// <param name="timeNs">Start of the fault.</param>
    public bool MayShare(int regionId, long timeNs)
        => _sharedFromNs.GetValueOrDefault(regionId, Always) is var sharedFrom && sharedFrom != Never && timeNs >= sharedFrom;
}
