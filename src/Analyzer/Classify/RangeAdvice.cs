using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>The advice that applied to a range of memory at some moment.</summary>
[Flags]
internal enum RangeState : byte
{
    None = 0,

    /// <summary>madvise(MADV_HUGEPAGE), not revoked since.</summary>
    HugeWanted = 1,

    /// <summary>madvise(MADV_NOHUGEPAGE), not revoked since.</summary>
    HugeForbidden = 2,

    /// <summary>userfaultfd serves pages that are missing.</summary>
    UserfaultMissing = 4,

    /// <summary>userfaultfd serves writes to pages it has write-protected.</summary>
    UserfaultWriteProtect = 8,

    /// <summary>userfaultfd serves pages that are in memory but not mapped.</summary>
    UserfaultMinor = 16,

    /// <summary>Any of these three.</summary>
    Userfault = UserfaultMissing | UserfaultWriteProtect | UserfaultMinor,
}

/// <summary>
/// The trace's advice by region, in order of time. A region that a fork copied has the advice of its original
/// (dup_mmap copies VM_HUGEPAGE and VM_NOHUGEPAGE, and drops registrations with userfaultfd).
/// </summary>
internal sealed class RangeAdvice
{
    private readonly Dictionary<int, MemoryAdvice[]> _byRegion = [];

    public RangeAdvice(TraceMetadata metadata)
    {
        if (metadata.Advice.Count == 0)
            return;
        var byPid = metadata.Advice.GroupBy(advice => advice.Pid).ToDictionary(group => group.Key, group => group.OrderBy(advice => advice.TimeNs).ToArray());
        var originals = new Originals(metadata);
        foreach (var region in metadata.Regions)
        {
            if (Told(region, byPid, originals, depth: 0) is { Count: > 0 } told)
                _byRegion[region.Id] = [.. told];
        }

        HasUserfault = _byRegion.Values.Any(told => told.Any(advice => (Next(RangeState.None, advice.Advice) & RangeState.Userfault) != 0));
    }

    public bool IsEmpty => _byRegion.Count == 0;

    /// <summary>Whether userfaultfd served any page. Hardly any program uses it, and only then is the advice needed for every fault.</summary>
    public bool HasUserfault { get; }

    /// <summary>State of the page at <paramref name="address"/> of a region when a fault began.</summary>
    public RangeState At(int regionId, ulong address, long timeNs)
    {
        var state = RangeState.None;
        if (!_byRegion.TryGetValue(regionId, out var told))
            return state;
        foreach (var advice in told)
        {
            if (advice.TimeNs > timeNs)
                break;
            if (address >= advice.Start && address < advice.End)
                state = Next(state, advice.Advice);
        }

        return state;
    }

    private static RangeState Next(RangeState state, string advice) => advice switch
    {
        "hugepage" => (state & RangeState.Userfault) | RangeState.HugeWanted,
        "nohugepage" => (state & RangeState.Userfault) | RangeState.HugeForbidden,
        "userfaultfd_missing" => state | RangeState.UserfaultMissing,
        "userfaultfd_wp" => state | RangeState.UserfaultWriteProtect,
        "userfaultfd_minor" => state | RangeState.UserfaultMinor,
        "userfaultfd_none" => state & ~RangeState.Userfault,
        _ => state,
    };

    private static List<MemoryAdvice> Told(Region region, Dictionary<int, MemoryAdvice[]> byPid, Originals originals, int depth)
    {
        // Deeper than any chain of forks in a valid ledger; a damaged one may have a cycle.
        const int deepest = 64;
        var told = new List<MemoryAdvice>();
        if (depth < deepest && originals.Of(region, out var forkNs) is { } original)
        {
            foreach (var advice in Told(original, byPid, originals, depth + 1))
            {
                if (advice.TimeNs < forkNs && advice.Advice is "hugepage" or "nohugepage")
                    told.Add(advice);
            }
        }

        foreach (var advice in byPid.GetValueOrDefault(region.Pid) ?? [])
        {
            if (advice.Start < region.End && advice.End > region.Start && advice.TimeNs >= (region.BornNs ?? long.MinValue)
                && advice.TimeNs <= (region.DiedNs ?? long.MaxValue))
            {
                told.Add(advice);
            }
        }

        return told;
    }

    /// <summary>Which region of its parent a region was, when the process was forked.</summary>
    private sealed class Originals
    {
        private readonly Dictionary<int, ProcessEntry> _processes = [];
        private readonly ILookup<(int Pid, ulong Start), Region> _regions;

        public Originals(TraceMetadata metadata)
        {
            foreach (var process in metadata.Processes)
                _processes[process.Pid] = process;
            _regions = metadata.Regions.ToLookup(region => (region.Pid, region.Start));
        }

        public Region? Of(Region region, out long forkNs)
        {
            forkNs = 0;
            if (_processes.GetValueOrDefault(region.Pid) is not { ParentPid: { } parent, StartedNs: { } started } || parent == region.Pid
                || (region.BornNs ?? 0) > started)
            {
                return null;
            }

            forkNs = started;
            foreach (var candidate in _regions[(parent, region.Start)])
            {
                if ((candidate.BornNs ?? 0) <= started && (candidate.DiedNs ?? long.MaxValue) >= started
                    && MappingFacts.Of(candidate).IsShared == MappingFacts.Of(region).IsShared)
                {
                    return candidate;
                }
            }

            return null;
        }
    }
}
