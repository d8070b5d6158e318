using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>
/// Which pages are resident, since when, and who made them so: every page is born by a fault or by another cause (<see cref="BirthCause"/>), and
/// goes by a call that gives it back or with its process. Needs all faults of the trace in the order of time, whatever the report's filter. A page that
/// the kernel took by itself (reclaim, swap) is resident here until a fault finds it missing: what the kernel's own counters have less is that.
/// Memory is bounded by distinct pages.
/// </summary>
internal sealed class MemoryAccount : IOrderedMeasure, IFaultSink<MemoryAccount>
{
    /// <summary>Owners have so many samples over the window.</summary>
    public const int SampleCount = 16;

    // The state of a page: 0: never resident. Positive: resident, the owner's index + 1 and these. Negative: given back, -1 - the index of the site.
    private const int OwnerMask = (1 << 28) - 1;
    private const int NewBit = 1 << 28;
    private const int FreedBit = 1 << 29;

    // Threads alternate row by row, with a few stacks each: remembering the last ones saves hash look-ups. Powers of two.
    private const int RecentOwners = 2048;
    private const int RecentProcesses = 256;

    // A trace may claim more pages than anybody has: beyond 64 GiB of pages they have no addresses here.
    private const long MostPagesByRange = 1 << 24;

    private readonly TraceMetadata _metadata;
    private readonly PageGeometry _pages;
    private readonly MappingFacts[] _mappings;
    private readonly RegionIndex _index;
    private readonly RegionPlaces _places;
    private readonly bool _hasFrames;
    private readonly long _zeroPfn;
    private readonly TimeAxis _window;
    private readonly TimeAxis _buckets;
    private readonly Func<OwnerKey, IReadOnlyList<OwnerGroup>>? _groups;
    private readonly List<MemoryEvent> _events;
    private readonly Dictionary<OwnerKey, int> _ownerIds = [];
    private readonly List<PageOwner> _owners = [];
    private readonly Dictionary<(string Call, int? Stack, string Region), int> _siteIds = [];
    private readonly List<ReleaseSite> _sites = [];
    private readonly Dictionary<int, ProcessPages> _processes = [];
    private readonly bool[] _isCopiedByFork;
    private readonly HashSet<int> _swapping;
    private readonly long[][] _accounted;
    private readonly long[] _totals;
    private readonly (OwnerKey Key, int Id)[] _recentOwners = new (OwnerKey Key, int Id)[RecentOwners];
    private readonly ProcessPages?[] _recentProcesses = new ProcessPages?[RecentProcesses];
    private (string Call, int? Stack, string Region, int Id) _lastSite = ("", null, "", -1);
    // Most faults have the owner of the one before.
    private (OwnerKey Key, int Owner, ProcessPages? Process) _run;
    private long _nextStopNs = long.MinValue;
    private int _nextEvent;
    private int _nextSample;
    private int _nextBucket;
    private long _now = long.MinValue;
    private long _pagesByRange;
    private bool _isInWindow;
    private bool _isFinished;
    private int _peak = 1;

    /// <param name="axis">The time for which it is asked: its start is where growth begins, its end the last moment.</param>
    /// <param name="groups">To which an owner belongs; null: there are none. Asked once for each owner.</param>
    public MemoryAccount(TraceMetadata metadata, RegionIndex index, TimeAxis axis, Func<OwnerKey, IReadOnlyList<OwnerGroup>>? groups = null)
    {
        (_metadata, _pages, _index, _buckets, _groups) = (metadata, metadata.Pages, index, axis, groups);
        _window = axis.Equal(SampleCount);
        _totals = new long[axis.Count];
        _mappings = MappingFacts.ById(index);
        _isCopiedByFork = new bool[index.IdLimit];
        _places = new RegionPlaces(metadata);
        _hasFrames = KindRule.CanTell(metadata);
        _zeroPfn = metadata.PageTable?.ZeroPfn ?? FaultBatch.Null;
        _events = MemoryEvents.Of(metadata);
        _swapping = [.. metadata.Memory.Where(process => process.SwapBytes.Any(bytes => bytes > 0)).Select(process => process.Pid)];
        _accounted = [.. metadata.Memory.Select(process => new long[process.TimeNs.Count])];
        PlaceBefore();
        _isInWindow = axis.FromNs <= 0;
    }

    public IReadOnlyList<PageOwner> Owners => _owners;

    public IReadOnlyList<ReleaseSite> Sites => _sites;

    public IReadOnlyCollection<ProcessPages> Processes => _processes.Values;

    /// <summary>Resident pages of all processes together, now.</summary>
    public long Resident { get; private set; }

    /// <summary>The most that were resident at once within the window, and when.</summary>
    public long Peak { get; private set; }

    public long PeakNs { get; private set; }

    /// <summary>Number of that moment, for <see cref="PageOwner.PagesAtPeak(int)"/>.</summary>
    public int PeakNumber => _peak;

    /// <summary>Given back lazily (MADV_FREE) and not taken by the kernel yet, as far as known; they are resident.</summary>
    public long LazilyFreed { get; private set; }

    /// <summary>Accounted pages at each sample of each entry of <see cref="TraceMetadata.Memory"/>; 0 where the sample is after the window.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Accounted => _accounted;

    /// <summary>Resident pages at the end of each bucket of the axis.</summary>
    public IReadOnlyList<long> Totals => _totals;

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId | FaultColumns.Signal
            | FaultColumns.DurationNs | FaultColumns.Access | (_metadata.Stacks is null ? FaultColumns.None : FaultColumns.StackId | FaultColumns.MapperStackId)
            | (_hasFrames
                ? FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.Pfn | FaultColumns.PageOrder | FaultColumns.MappedAround
                : FaultColumns.None);

    public bool NeedsVerdicts => false;

    public bool NeedsOrder => true;

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
    }

    public void Merge(MemoryAccount other)
    {
    }

    public void AddInOrder(FaultBatch batch, in Verdicts verdicts) => AddInOrder(batch);

    public void AddInOrder(FaultBatch batch)
    {
        for (var row = 0; row < batch.Count; row++)
        {
            var time = batch.TimeNs[row];
            if (time >= _nextStopNs)
            {
                if (time >= _window.ToNs)
                    return;
                GoTo(time);
            }
            else if (time > _now)
            {
                _now = time;
            }

            if (batch.Signal[row] == FaultBatch.Null)
                AddFault(batch, row);
        }
    }

    private OwnerKey KeyOf(FaultBatch batch, int row)
        => _metadata.Stacks is null
            ? new OwnerKey(batch.Pid[row], batch.RegionId[row], FaultBatch.Null, FaultBatch.Null, BirthCause.Fault)
            : new OwnerKey(batch.Pid[row], batch.RegionId[row], batch.StackId[row], batch.MapperStackId[row], BirthCause.Fault);

    /// <summary>Applies what comes after the last fault; call once, before the results are used.</summary>
    public void Finish()
    {
        if (_isFinished)
            return;
        _isFinished = true;
        GoTo(_window.ToNs);
        foreach (var process in _processes.Values)
            process.States.Clear();
        _ownerIds.Clear();
    }

    private void AddFault(FaultBatch batch, int row)
    {
        var regionId = batch.RegionId[row];
        ref readonly var mapping = ref _mappings[(uint)regionId < (uint)_mappings.Length ? regionId : 0];
        if (!mapping.CountsAsResident)
            return;
        var page = _pages.PageOf((ulong)batch.Address[row]);
        var key = KeyOf(batch, row);
        if (_run.Process is null || _run.Key != key)
            _run = (key, OwnerOf(key), ProcessOf(key.Pid));
        var (_, owner, process) = _run;
        var isWrite = batch.Access[row] == FaultAccess.Write;
        if ((mapping.Backing == MappingBacking.Anonymous || (isWrite && !mapping.IsShared)) && (uint)regionId < (uint)_isCopiedByFork.Length)
            _isCopiedByFork[regionId] = true;
        var birth = new Birth(this, process, owner, batch.DurationNs[row]);
        if (!_hasFrames || batch.PtLevel[row] < 0)
        {
            birth.Make(page, isReplaced: false, wasMissing: false);
            return;
        }

        var (pfn, order) = (batch.Pfn[row], (int)batch.PageOrder[row]);
        // Not mapped when the fault was over, or by the zero page, which the kernel does not count.
        if (pfn < 0 || pfn == _zeroPfn)
            return;
        var before = new PageTableEntry(batch.PteBefore[row]);
        // do_huge_pmd_anonymous_page: what is read first is the huge zero page (unless use_zero_page is 0, which is not its default).
        if (order == _pages.HugeOrder && mapping.IsAnonymousPrivate && before.IsMissing
            && batch.Access[row] is FaultAccess.Read or FaultAccess.Exec)
        {
            return;
        }

        if (order > 0 && order <= _pages.HugeOrder)
        {
            var first = page - (pfn & ((1L << order) - 1));
            for (var i = 0L; i < 1L << order; i++)
                birth.Make(first + i, isReplaced: false, wasMissing: before.IsMissing);
            return;
        }

        var isCopied = before.IsPresent && before.Frame(0) != pfn;
        birth.Make(page, isCopied, wasMissing: !before.IsPresent && !before.IsProtNone);
        if (batch.MappedAround[row] <= 0)
            return;
        var window = page & -FaultBatch.AroundPages;
        for (var i = 0; i < FaultBatch.AroundBits; i++)
        {
            if ((batch.MappedAround[row] & (1 << i)) != 0 && window + i != page)
                birth.Make(window + i, isReplaced: false, wasMissing: true);
        }
    }

    /// <summary>What one fault maps.</summary>
    private ref struct Birth(MemoryAccount account, ProcessPages process, int owner, long durationNs)
    {
        private bool _isCounted;

        /// <param name="isReplaced">The page was mapped, and a copy has taken its place.</param>
        /// <param name="wasMissing">Nothing was mapped there.</param>
        public void Make(long page, bool isReplaced, bool wasMissing)
        {
            ref var state = ref process.States[page];
            if (state > 0)
            {
                if (!isReplaced && !wasMissing)
                    return;
                if (wasMissing)
                {
                    account._owners[account.OwnerIn(state)].Reclaimed++;
                    process.Reclaimed++;
                }

                account.Leave(ref state, process);
            }
            else if (state < 0 && account._sites[-1 - state] is var site && site.Region == account.RegionNameOf(owner))
            {
                // What lies there now may be another mapping, but is memory of the same kind.
                site.AddTouch(owner, 1, _isCounted ? 0 : 1, _isCounted ? 0 : Math.Max(durationNs, 0));
                _isCounted = true;
            }

            account.Enter(ref state, process, owner);
        }
    }

    private int OwnerIn(int state) => (state & OwnerMask) - 1;

    private void Enter(ref int state, ProcessPages process, int owner)
    {
        var value = _owners[owner];
        value.Change(1, _now, _peak);
        value.Born++;
        if (_isInWindow)
            value.NewPages++;
        state = (owner + 1) | (_isInWindow ? NewBit : 0);
        ChangeTotal(1, process);
    }

    private void Leave(ref int state, ProcessPages process)
    {
        var value = _owners[OwnerIn(state)];
        value.Change(-1, _now, _peak);
        if ((state & NewBit) != 0)
            value.NewPages--;
        if ((state & FreedBit) != 0)
            LazilyFreed--;
        state = 0;
        ChangeTotal(-1, process);
    }

    private void ChangeTotal(long pages, ProcessPages process)
    {
        Resident += pages;
        process.Change(pages, _now);
        if (Resident <= Peak)
            return;
        (Peak, PeakNs) = (Resident, _now);
        _peak++;
    }

    /// <summary>Everything that happened before this time.</summary>
    private void GoTo(long timeNs)
    {
        while (_nextEvent < _events.Count && _events[_nextEvent].TimeNs <= timeNs)
        {
            var next = _events[_nextEvent];
            if (next.TimeNs >= _window.ToNs)
                break;
            Tick(next.TimeNs);
            _nextEvent++;
            Apply(next);
        }

        Tick(timeNs);
        _run = default;
        _nextStopNs = NextStopNs();
    }

    /// <summary>Until then only faults happen.</summary>
    private long NextStopNs()
    {
        var stop = Math.Min(_window.ToNs, _nextEvent < _events.Count ? _events[_nextEvent].TimeNs : long.MaxValue);
        if (!_isInWindow)
            return Math.Min(stop, _window.FromNs);
        stop = Math.Min(stop, _nextBucket < _buckets.Count ? EndNs(_buckets, _nextBucket) : long.MaxValue);
        return Math.Min(stop, _nextSample < _window.Count ? EndNs(_window, _nextSample) : long.MaxValue);
    }

    private void Tick(long timeNs)
    {
        if (timeNs <= _now)
            return;
        if (!_isInWindow && timeNs >= _window.FromNs)
        {
            _now = _window.FromNs;
            StartWindow();
        }

        while (_isInWindow && _nextBucket < _buckets.Count && timeNs >= EndNs(_buckets, _nextBucket))
            _totals[_nextBucket++] = Resident;
        while (_isInWindow && _nextSample < _window.Count && timeNs >= EndNs(_window, _nextSample))
        {
            _now = EndNs(_window, _nextSample);
            TakeSample(_nextSample++);
        }

        _now = timeNs;
    }

    private static long EndNs(TimeAxis axis, int bucket) => axis.StartNs(bucket) + axis.LengthNs(bucket);

    private void TakeSample(int sample)
    {
        foreach (var owner in _owners)
        {
            while (owner.Samples.Count < sample)
                owner.Samples.Add(0);
            owner.Samples.Add(owner.Grown);
        }
    }

    private void StartWindow()
    {
        _isInWindow = true;
        (Peak, PeakNs) = (Resident, _now);
        _peak++;
        foreach (var owner in _owners)
            owner.Restart(_now);
        foreach (var site in _sites)
            site.Restart();
        foreach (var process in _processes.Values)
            process.Restart(_now);
    }

    private void Apply(MemoryEvent happened)
    {
        switch (happened)
        {
            case ReleaseEvent { Release: var release } when release.IsEnd():
                End(release);
                break;
            case ReleaseEvent { Release: { Call: ReleaseCalls.Collapse } release }:
                Collapse(release);
                break;
            case ReleaseEvent { Release: { ToPage: { } to } release }:
                Move(release, to);
                break;
            case ReleaseEvent { Release: var release }:
                GiveBack(release);
                break;
            case CopyEvent copy:
                Copy(copy);
                break;
            case FillEvent { Call: var call }:
                Fill(call);
                break;
            case SampleEvent sample:
                _accounted[sample.Process][sample.Sample] = _processes.GetValueOrDefault(_metadata.Memory[sample.Process].Pid)?.Resident ?? 0;
                break;
        }
    }

    private void GiveBack(Release release)
    {
        if (!_processes.TryGetValue(release.Pid, out var process))
            return;
        var visitor = new GivenBack(this, process, release, []);
        process.States.Visit(release.FirstPage, release.Pages, ref visitor);
        foreach (var site in visitor.Sites)
            _sites[site].Ranges++;
    }

    private readonly struct GivenBack(MemoryAccount account, ProcessPages process, Release release, HashSet<int> sites) : IPageVisitor
    {
        private readonly bool _isLazy = release.Call == ReleaseCalls.Free;
        private readonly bool _isKept = release.Call == ReleaseCalls.PageOut && !account._swapping.Contains(release.Pid);

        public HashSet<int> Sites => sites;

        public void See(long page, ref int state)
        {
            if (state <= 0 || (_isLazy && (state & FreedBit) != 0))
                return;
            if (_isKept && account._mappings[account._owners[account.OwnerIn(state)].Key.RegionId].Backing != MappingBacking.File)
                return;
            var site = account.SiteOf(release, account.RegionNameOf(account.OwnerIn(state)));
            sites.Add(site);
            account._sites[site].Pages++;
            if (_isLazy)
            {
                state |= FreedBit;
                account.LazilyFreed++;
                return;
            }

            account.Leave(ref state, process);
            state = -1 - site;
        }
    }

    private void End(Release release)
    {
        if (!_processes.TryGetValue(release.Pid, out var process))
            return;
        var isExit = release.Call != ReleaseCalls.Execve;
        var visitor = new Ended(this, isExit);
        process.States.Visit(release.FirstPage, release.Pages, ref visitor);
        foreach (var (owner, pages) in process.Unplaced)
        {
            _owners[owner].Change(-pages, _now, _peak);
            _owners[owner].AtExit += isExit ? pages : 0;
            Resident -= pages;
        }

        Resident -= visitor.Found;
        process.End(isExit);
        _recentProcesses[process.Pid & (RecentProcesses - 1)] = null;
    }

    private struct Ended(MemoryAccount account, bool isExit) : IPageVisitor
    {
        public long Found { get; private set; }

        public void See(long page, ref int state)
        {
            if (state <= 0)
                return;
            Found++;
            var owner = account._owners[account.OwnerIn(state)];
            owner.Change(-1, account._now, account._peak);
            owner.AtExit += isExit ? 1 : 0;
            if ((state & FreedBit) != 0)
                account.LazilyFreed--;
            if ((state & NewBit) == 0)
                return;
            owner.NewPages--;
            owner.NewAtExit += isExit ? 1 : 0;
        }
    }

    private void Move(Release release, long to)
    {
        if (!_processes.TryGetValue(release.Pid, out var process))
            return;
        var moved = new Moved([]);
        process.States.Visit(release.FirstPage, release.Pages, ref moved);
        var region = _places.At(release.Pid, to, release.TimeNs);
        foreach (var (page, state) in moved.Pages)
        {
            ref var place = ref process.States[page - release.FirstPage + to];
            if (place > 0)
                Leave(ref place, process);
            place = region == 0 ? state : InRegion(state, region);
        }
    }

    // Who touched the page is charged for it where it is now.
    private int InRegion(int state, int region)
    {
        var (from, isNew) = (_owners[OwnerIn(state)], (state & NewBit) != 0);
        var owner = OwnerOf(from.Key with { RegionId = region });
        var to = _owners[owner];
        from.Change(-1, _now, _peak);
        to.Change(1, _now, _peak);
        from.NewPages -= isNew ? 1 : 0;
        to.NewPages += isNew ? 1 : 0;
        return (state & ~OwnerMask) | (owner + 1);
    }

    private readonly struct Moved(List<(long Page, int State)> pages) : IPageVisitor
    {
        public List<(long Page, int State)> Pages => pages;

        public void See(long page, ref int state)
        {
            if (state <= 0)
                return;
            pages.Add((page, state));
            state = 0;
        }
    }

    // vma_needs_copy, mm/memory.c: of mappings that never had a page of their own, nothing is copied.
    private void Copy(CopyEvent copy)
    {
        if (!_processes.TryGetValue(copy.ParentPid, out var parent))
            return;
        var visitor = new Copied(this, ProcessOf(copy.Pid), copy);
        parent.States.Visit(0, ReleaseTable.Everything, ref visitor);
    }

    private struct Copied(MemoryAccount account, ProcessPages child, CopyEvent copy) : IPageVisitor
    {
        // Owners of the child by those of the parent: pages of one come in runs.
        private readonly Dictionary<int, int> _owners = [];

        public void See(long page, ref int state)
        {
            if (state <= 0)
                return;
            var parent = account.OwnerIn(state);
            if (!_owners.TryGetValue(parent, out var owner))
                _owners.Add(parent, owner = OwnerOf(account._owners[parent].Key, page));
            if (owner < 0)
                return;
            ref var place = ref child.States[page];
            if (place <= 0)
                account.Enter(ref place, child, owner);
        }

        private readonly int OwnerOf(OwnerKey parent, long page)
        {
            if (parent.RegionId != 0 && !account._isCopiedByFork[parent.RegionId])
                return -1;
            var region = account._places.At(copy.Pid, page, copy.TimeNs);
            if (region != 0)
                account._isCopiedByFork[region] = true;
            return account.OwnerOf(new OwnerKey(copy.Pid, region, parent.Stack, parent.MapperStack, BirthCause.Fork));
        }
    }

    // Where a page is, the whole of its huge page is filled: MADV_COLLAPSE does not mind how many are missing (mm/khugepaged.c), and counts no faults.
    private void Collapse(Release release)
    {
        if (!_processes.TryGetValue(release.Pid, out var process))
            return;
        var huge = _pages.HugePages;
        var first = (release.FirstPage + huge - 1) & -huge;
        var found = new HugePagesInUse(_pages.HugeOrder, []);
        process.States.Visit(first, ((release.FirstPage + release.Pages) & -huge) - first, ref found);
        foreach (var page in found.FirstPages)
        {
            var region = _places.At(release.Pid, page, release.TimeNs);
            Place(process, page, huge, OwnerOf(new OwnerKey(release.Pid, region, release.Stack ?? FaultBatch.Null, FaultBatch.Null, BirthCause.Call)));
        }
    }

    private readonly struct HugePagesInUse(int order, SortedSet<long> firstPages) : IPageVisitor
    {
        public SortedSet<long> FirstPages => firstPages;

        public void See(long page, ref int state)
        {
            if (state > 0)
                firstPages.Add(page >> order << order);
        }
    }

    private void Fill(CallFaults call)
    {
        if (call.Pid == 0)
            return;
        var process = ProcessOf(call.Pid);
        var stack = call.Stack ?? FaultBatch.Null;
        if (call.Call == ReleaseCalls.LockAll && FillAll(process, call, stack))
            return;
        if (call is { Start: { } start, End: { } end } && end > start)
        {
            var first = _pages.PageOf(start);
            var pages = _pages.PageOf(end - 1) - first + 1;
            // A fault may have mapped a huge page; a call that faults page by page ends where it has enough.
            var filled = FillsAll(call.Call) ? Math.Min(pages, call.Faults * _pages.HugePages) : Math.Min(pages, call.Faults);
            var region = _places.At(call.Pid, first, call.TimeNs);
            if (!_mappings[region].CountsAsResident || IsFilledWithZeroPages(call, _mappings[region]))
                return;
            if (_mappings[region].Backing == MappingBacking.Anonymous)
                _isCopiedByFork[region] = true;
            if (Place(process, first, filled, OwnerOf(new OwnerKey(call.Pid, region, stack, call.Call == "mmap" ? stack : FaultBatch.Null, BirthCause.Call))))
                return;
        }

        AddUnplaced(process, OwnerOf(new OwnerKey(call.Pid, 0, stack, FaultBatch.Null, BirthCause.Call)), call.Faults);
    }

    // Whatever the number of faults, the whole range: they may have been of huge pages.
    private static bool FillsAll(string? call) => call is "mmap" or "mlock" or "mlock2" or "madvise" or ReleaseCalls.PopulateRead or "mremap";

    private static bool IsFilledWithZeroPages(CallFaults call, in MappingFacts mapping)
        => mapping.IsAnonymousPrivate && (call.Call == ReleaseCalls.PopulateRead || !mapping.IsWritable);

    /// <summary>mlockall: what is missing in any of the mappings.</summary>
    /// <returns>False: so many faults do not fill all of them, so where they were is not known.</returns>
    private bool FillAll(ProcessPages process, CallFaults call, int stack)
    {
        var pieces = _places.AllAt(call.Pid, call.TimeNs)
            .Where(piece => _mappings[piece.RegionId] is { CountsAsResident: true, IsAccessible: true } mapping && !IsFilledWithZeroPages(call, mapping))
            .ToList();
        var (missing, missingOfFiles) = (0L, 0L);
        foreach (var (regionId, first, pages) in pieces)
        {
            var resident = new ResidentPages();
            process.States.Visit(first, pages, ref resident);
            if (_mappings[regionId].Backing == MappingBacking.File)
                missingOfFiles += pages - resident.Count;
            else
                missing += pages - resident.Count;
        }

        var canBeHuge = _metadata.ThpMode == "always";
        var leastFaults = (canBeHuge ? missing / _pages.HugePages : missing) + (missingOfFiles / FaultBatch.AroundPages);
        if (leastFaults > call.Faults || pieces.Sum(piece => piece.Pages) > MostPagesByRange - _pagesByRange)
            return false;
        foreach (var (regionId, first, pages) in pieces)
        {
            if (_mappings[regionId].Backing == MappingBacking.Anonymous)
                _isCopiedByFork[regionId] = true;
            Place(process, first, pages, OwnerOf(new OwnerKey(call.Pid, regionId, stack, FaultBatch.Null, BirthCause.Call)));
        }

        return true;
    }

    private struct ResidentPages : IPageVisitor
    {
        public long Count { get; private set; }

        public void See(long page, ref int state) => Count += state > 0 ? 1 : 0;
    }

    /// <returns>False: there is no room for so many.</returns>
    private bool Place(ProcessPages process, long first, long pages, int owner)
    {
        if (pages > MostPagesByRange - _pagesByRange)
            return false;
        _pagesByRange += pages;
        for (var page = first; page < first + pages; page++)
        {
            ref var state = ref process.States[page];
            if (state <= 0)
                Enter(ref state, process, owner);
        }

        return true;
    }

    private void AddUnplaced(ProcessPages process, int owner, long pages)
    {
        process.Unplaced[owner] = process.Unplaced.GetValueOrDefault(owner) + pages;
        _owners[owner].Change(pages, _now, _peak);
        _owners[owner].Born += pages;
        ChangeTotal(pages, process);
    }

    private void PlaceBefore()
    {
        if (_metadata.ResidentBefore is not { } runs)
            return;
        _now = Math.Min(0, _window.FromNs);
        for (var i = 0; i < runs.Pid.Count; i++)
        {
            var process = ProcessOf(runs.Pid[i]);
            var region = _places.At(runs.Pid[i], runs.FirstPage[i], 0);
            if (!_mappings[region].CountsAsResident)
                continue;
            // Whether a page is the process's own is not known: most private memory that is written to is.
            _isCopiedByFork[region] |= _mappings[region].Backing == MappingBacking.Anonymous;
            var owner = OwnerOf(new OwnerKey(runs.Pid[i], region, FaultBatch.Null, FaultBatch.Null, BirthCause.Before));
            if (!Place(process, runs.FirstPage[i], runs.Pages[i], owner))
                AddUnplaced(process, owner, runs.Pages[i]);
        }

        foreach (var owner in _owners)
            owner.Restart(_now);
    }

    private ProcessPages ProcessOf(int pid)
    {
        ref var recent = ref _recentProcesses[pid & (RecentProcesses - 1)];
        if (recent is not null && recent.Pid == pid)
            return recent;
        if (!_processes.TryGetValue(pid, out var process))
            _processes.Add(pid, process = new ProcessPages(pid));
        process.Revive();
        return recent = process;
    }

    private int OwnerOf(OwnerKey key)
    {
        ref var recent = ref _recentOwners[((((key.Stack * 31) + key.MapperStack) * 31) + key.RegionId + ((int)key.Cause << 10)) & (RecentOwners - 1)];
        if (recent.Id > 0 && recent.Key == key)
            return recent.Id - 1;
        if (!_ownerIds.TryGetValue(key, out var id))
        {
            _ownerIds.Add(key, id = _owners.Count);
            _owners.Add(new PageOwner(key, _groups?.Invoke(key) ?? []));
        }

        recent = (key, id + 1);
        return id;
    }

    private int SiteOf(Release release, string region)
    {
        if (_lastSite.Id >= 0 && _lastSite.Stack == release.Stack && _lastSite.Region == region && _lastSite.Call == release.Call)
            return _lastSite.Id;
        if (!_siteIds.TryGetValue((release.Call, release.Stack, region), out var id))
        {
            _siteIds.Add((release.Call, release.Stack, region), id = _sites.Count);
            _sites.Add(new ReleaseSite(release.Call, release.Stack, region));
        }

        _lastSite = (release.Call, release.Stack, region, id);
        return id;
    }

    private string RegionNameOf(int owner) => RegionNames.Of(_index.Find(_owners[owner].Key.RegionId));
}
