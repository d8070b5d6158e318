using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Ledger;

/// <summary>Who is told of regions, and gives them their ids.</summary>
internal interface IRegionLedger
{
    /// <summary>A mapping appeared.</summary>
    void Add(RegionEntry region);

    /// <summary>The id of a region that has a fault.</summary>
    int IdOf(RegionEntry region);
}

/// <summary>
/// Gives regions their ids and bounds the ledger: a region gets an id with its first fault. Beyond the limit a new mapping shares
/// the entry of an earlier one of the same process and name, so that a program that maps a million times still makes a file
/// that can be read.
/// </summary>
/// <param name="maxWithFaults">From here on mappings share entries.</param>
/// <param name="maxWithoutFaults">Mappings without a fault that are kept, those that live longest first.</param>
internal sealed class RegionLedger(int maxWithFaults = 65_536, int maxWithoutFaults = 16_384) : IRegionLedger
{
    private readonly List<RegionEntry> _withFaults = [];
    private readonly List<RegionEntry> _untouched = [];
    private readonly Dictionary<(int Pid, string Name), RegionEntry> _shared = [];
    private int _untouchedSweep = 4 * maxWithoutFaults;

    public long Folded { get; private set; }

    public long Omitted { get; private set; }

    public void Add(RegionEntry region)
    {
        _untouched.Add(region);
        if (_untouched.Count > _untouchedSweep)
            SweepUntouched();
    }

    public int IdOf(RegionEntry region)
    {
        if (region.Id == 0)
            region.Id = Register(region);
        return region.Id;
    }

    /// <summary>Regions with faults in order of their first, then those without that were mapped during or before the recording.</summary>
    /// <param name="onlyProcessesWithFaults">Mappings of others were seen, but are no part of the recording.</param>
    public IReadOnlyList<Region> Build(Func<long, long> toTraceTime, bool onlyProcessesWithFaults = false)
    {
        if (onlyProcessesWithFaults)
        {
            HashSet<int> pids = [.. _withFaults.Select(region => region.Pid)];
            _untouched.RemoveAll(region => !pids.Contains(region.Pid));
        }

        SweepUntouched();
        var id = _withFaults.Count;
        var untouched = _untouched.Take(maxWithoutFaults).ToList();
        Omitted += _untouched.Count - untouched.Count;
        foreach (var region in untouched)
            region.Id = ++id;
        return [.. _withFaults.Concat(untouched).Select(region => ToRegion(region, toTraceTime))];
    }

    private int Register(RegionEntry region)
    {
        if (_withFaults.Count < maxWithFaults)
        {
            _withFaults.Add(region);
            _shared[(region.Pid, region.Identity.Name)] = region;
            return _withFaults.Count;
        }

        if (!_shared.TryGetValue((region.Pid, region.Identity.Name), out var entry))
        {
            // The first of its process and name: the limit gives way, by at most one entry a process and name.
            _withFaults.Add(region);
            _shared[(region.Pid, region.Identity.Name)] = region;
            return _withFaults.Count;
        }

        Folded++;
        region.FoldInto(entry);
        return entry.Id;
    }

    /// <summary>Drops entries that meanwhile have an id, and the oldest dead ones beyond the limit.</summary>
    private void SweepUntouched()
    {
        _untouched.RemoveAll(region => region.Id != 0);
        var excess = _untouched.Count - maxWithoutFaults;
        if (excess > 0)
            Omitted += _untouched.RemoveAll(region => region.DiedNs is not null && excess-- > 0);
        _untouchedSweep = Math.Max(4 * maxWithoutFaults, 2 * _untouched.Count);
    }

    private Region ToRegion(RegionEntry region, Func<long, long> toTraceTime) => new()
    {
        Id = region.Id,
        Pid = region.Pid,
        Start = region.Start,
        End = region.End,
        Prot = region.Identity.Prot,
        Flags = region.Flags,
        Name = region.Identity.Name,
        Path = region.Identity.Path,
        Inode = region.Identity.Inode,
        Device = region.Identity.Device,
        FileOffset = region.FileOffset,
        BornNs = region.BornNs is { } born ? toTraceTime(born) : null,
        DiedNs = region.DiedNs is { } died ? toTraceTime(died) : null,
        MapperStack = region.MapperStack,
        Lives = region.Lives,
    };
}
