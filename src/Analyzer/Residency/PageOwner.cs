using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Residency;

/// <summary>How a page became resident.</summary>
internal enum BirthCause : byte
{
    /// <summary>By a fault: the page that faulted, and what the same fault mapped with it.</summary>
    Fault,

    /// <summary>Inside a system call, without a fault of its own (MAP_POPULATE, mlock, MADV_POPULATE).</summary>
    Call,

    /// <summary>A fork copied it from the parent.</summary>
    Fork,

    /// <summary>It was there before the recording.</summary>
    Before,
}

/// <summary>To what a resident page is charged.</summary>
/// <param name="RegionId">0: no known mapping.</param>
/// <param name="Stack">Of the fault or the call; <see cref="FaultBatch.Null"/>: none.</param>
/// <param name="MapperStack">Of the call that had reserved the memory; <see cref="FaultBatch.Null"/>: not known for this part of the region.</param>
internal readonly record struct OwnerKey(int Pid, int RegionId, int Stack, int MapperStack, BirthCause Cause);

/// <summary>The resident pages that are charged to one <see cref="OwnerKey"/>, over time.</summary>
internal sealed class PageOwner(OwnerKey key)
{
    private const double NsPerSecond = 1e9;

    private double _pageNs;
    private long _sinceNs;
    private int _peak;
    private long _pagesAtPeak;

    public OwnerKey Key => key;

    /// <summary>Resident now.</summary>
    public long Pages { get; private set; }

    /// <summary>Of <see cref="Pages"/>, those that became resident within the window.</summary>
    public long NewPages { get; set; }

    /// <summary>Pages that became resident within the window, each time that they did.</summary>
    public long Born { get; set; }

    /// <summary>Resident when the process ended, which ended within the window.</summary>
    public long AtExit { get; set; }

    /// <summary>Of <see cref="AtExit"/>, those that became resident within the window.</summary>
    public long NewAtExit { get; set; }

    /// <summary>Found missing by a later fault, though nothing had given them back: swapped out, reclaimed, or taken by another process.</summary>
    public long Reclaimed { get; set; }

    /// <summary><see cref="Pages"/> and <see cref="AtExit"/> together at equal distances of the window.</summary>
    public List<long> Samples { get; } = [];

    /// <param name="peak">Number of the highest sum so far of all owners' pages; it changes with each higher one.</param>
    public void Change(long pages, long nowNs, int peak)
    {
        KeepPeak(peak);
        _pageNs += Pages * (double)(nowNs - _sinceNs);
        _sinceNs = nowNs;
        Pages += pages;
    }

    /// <summary>Pages at the moment of the highest sum.</summary>
    public long PagesAtPeak(int peak) => _peak == peak ? _pagesAtPeak : Pages;

    /// <summary>Sum over its pages of the time for which each was resident within the window.</summary>
    public double PageSeconds(long nowNs) => (_pageNs + (Pages * (double)(nowNs - _sinceNs))) / NsPerSecond;

    /// <summary>The window begins.</summary>
    public void Restart(long nowNs)
    {
        (_pageNs, _sinceNs) = (0, nowNs);
        (NewPages, Born, AtExit, NewAtExit, Reclaimed) = (0, 0, 0, 0, 0);
        Samples.Clear();
    }

    // Until it changes it has what it had at the peak.
    private void KeepPeak(int peak)
    {
        if (_peak == peak)
            return;
        (_peak, _pagesAtPeak) = (peak, Pages);
    }
}
