using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Residency;

/// <summary>How a page became resident.</summary>
internal enum BirthCause : byte
{
    /// <summary>By a fault: the page that faulted, and what the same fault mapped with it.</summary>
    Fault,

    /// <summary>Inside a system call, without a fault of its own (MAP_POPULATE, mlock, MADV_POPULATE).</summary>
    Call,

    /// <summary>khugepaged made a huge page of it and its neighbours.</summary>
    Khugepaged,

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
/// <param name="index">Its place in <see cref="PageBooks.Owners"/>.</param>
/// <param name="process">That of the key.</param>
/// <param name="regionName">Of the key's region.</param>
/// <param name="groups">To which it belongs.</param>
internal sealed class PageOwner(OwnerKey key, int index, ProcessPages process, string regionName, IReadOnlyList<OwnerGroup> groups)
{
    private const double NsPerSecond = 1e9;

    private readonly AtPeak[] _atPeaks = groups.Count == 0 ? [] : new AtPeak[groups.Count];

    // Sum over the pages of the time at which each came, minus the sum over those that left of when they did.
    private double _timesNs;
    private AtPeak _atPeak;

    public OwnerKey Key => key;

    public int Index => index;

    public ProcessPages Process => process;

    public string RegionName => regionName;

    /// <summary>Resident now.</summary>
    public long Pages { get; private set; }

    /// <summary>Of <see cref="Pages"/>, those that became resident within the window.</summary>
    public long NewPages { get; set; }

    /// <summary>Pages that became resident within the window, each time that they did.</summary>
    public long Born { get; set; }

    /// <summary>Resident when the process ended, which ended within the window.</summary>
    public long AtExit { get; set; }

    /// <summary>Resident now, or when their process ended.</summary>
    public long Kept => Pages + AtExit;

    /// <summary>Of <see cref="AtExit"/>, those that became resident within the window.</summary>
    public long NewAtExit { get; set; }

    /// <summary>Pages that became resident within the window, and are so now or were when their process ended.</summary>
    public long Grown => NewPages + NewAtExit;

    /// <summary>Found missing by a later fault, though nothing had given them back: swapped out, reclaimed, or taken by another process.</summary>
    public long Reclaimed { get; set; }

    /// <summary><see cref="Grown"/> at equal distances of the window.</summary>
    public List<long> Samples { get; } = [];

    /// <param name="peak">Number of the highest sum so far of all owners' pages; it changes with each higher one.</param>
    public void Change(long pages, long nowNs, int peak) => Change(pages, pages * (double)nowNs, peak);

    /// <param name="timesNs">Sum over the pages of the time at which each came (or, where they leave, minus the sum of when they did).</param>
    /// <param name="peak">As above.</param>
    public void Change(long pages, double timesNs, int peak)
    {
        _atPeak.Keep(peak, Pages);
        _timesNs += timesNs;
        if (_atPeaks.Length > 0)
            ChangeGroups(pages);
        Pages += pages;
    }

    /// <summary>Pages at the moment of the highest sum.</summary>
    public long PagesAtPeak(int peak) => _atPeak.Of(peak) ?? Pages;

    /// <summary>Pages at the moment when the group had most; 0 if it is not in the group.</summary>
    public long PagesAtPeak(OwnerGroup group)
    {
        for (var i = 0; i < _atPeaks.Length; i++)
        {
            if (groups[i] == group)
                return _atPeaks[i].Of(group.PeakNumber) ?? Pages;
        }

        return 0;
    }

    /// <summary>It is what faults are charged to that have these.</summary>
    public bool IsOfFaults(int pid, int regionId, int stack, int mapperStack)
        => key.RegionId == regionId && key.Stack == stack && key.MapperStack == mapperStack && key.Pid == pid && key.Cause == BirthCause.Fault;

    public bool IsIn(OwnerGroup group) => groups.Contains(group);

    /// <summary>Sum over its pages of the time for which each was resident within the window.</summary>
    public double PageSeconds(long nowNs) => ((Pages * (double)nowNs) - _timesNs) / NsPerSecond;

    /// <summary>The window begins.</summary>
    public void Restart(long nowNs)
    {
        _timesNs = Pages * (double)nowNs;
        (NewPages, Born, AtExit, NewAtExit, Reclaimed) = (0, 0, 0, 0, 0);
        Samples.Clear();
        foreach (var group in groups)
            group.Restart();
    }

    private void ChangeGroups(long pages)
    {
        for (var i = 0; i < _atPeaks.Length; i++)
        {
            _atPeaks[i].Keep(groups[i].PeakNumber, Pages);
            groups[i].Change(pages);
        }
    }

    /// <summary>Pages at the latest peak. Until they change they are what they were at the peak.</summary>
    private struct AtPeak
    {
        private int _peak;
        private long _pages;

        public void Keep(int peak, long pages)
        {
            if (_peak != peak)
                (_peak, _pages) = (peak, pages);
        }

        /// <returns>Null: they have not changed since.</returns>
        public readonly long? Of(int peak) => _peak == peak ? _pages : null;
    }
}
