using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>
/// Whose pages are resident: now, and at the peak. Every page enters and leaves here, so that the sum over the owners, and over the processes, is always
/// <see cref="Resident"/>.
/// </summary>
/// <param name="groups">To which an owner belongs; null: there are none. Asked once for each owner.</param>
internal sealed class PageBooks(RegionIndex index, Func<OwnerKey, IReadOnlyList<OwnerGroup>>? groups)
{
    // Threads alternate row by row, with a few stacks each: remembering the last ones saves hash look-ups. Powers of two.
    private const int RecentOwners = 2048;
    private const int RecentProcesses = 256;

    private readonly Dictionary<OwnerKey, int> _ownerIds = [];
    private readonly List<PageOwner> _owners = [];
    private readonly Dictionary<(string Call, int? Stack, string Region), int> _siteIds = [];
    private readonly List<ReleaseSite> _sites = [];
    private readonly Dictionary<int, ProcessPages> _processes = [];
    private readonly (OwnerKey Key, int Id)[] _recentOwners = new (OwnerKey Key, int Id)[RecentOwners];
    private readonly ProcessPages?[] _recentProcesses = new ProcessPages?[RecentProcesses];
    private (string Call, int? Stack, string Region, int Id) _lastSite = ("", null, "", -1);

    public IReadOnlyList<PageOwner> Owners => _owners;

    public IReadOnlyList<ReleaseSite> Sites => _sites;

    public IReadOnlyCollection<ProcessPages> Processes => _processes.Values;

    /// <summary>When pages enter and leave.</summary>
    public long NowNs { get; set; }

    public bool IsInWindow { get; private set; }

    /// <summary>Resident pages of all processes together, now.</summary>
    public long Resident { get; private set; }

    /// <summary>The most that were resident at once within the window, and when.</summary>
    public long Peak { get; private set; }

    public long PeakNs { get; private set; }

    /// <summary>Number of that moment; it changes with each higher one.</summary>
    public int PeakNumber { get; private set; } = 1;

    /// <summary>See <see cref="PageState.LazilyFreed"/>.</summary>
    public long LazilyFreed { get; set; }

    public ProcessPages ProcessOf(int pid)
    {
        ref var recent = ref _recentProcesses[pid & (RecentProcesses - 1)];
        if (recent is not null && recent.Pid == pid)
            return recent;
        if (!_processes.TryGetValue(pid, out var process))
            _processes.Add(pid, process = new ProcessPages(pid));
        process.Revive();
        return recent = process;
    }

    /// <summary>Null: it never had a page.</summary>
    public ProcessPages? FindProcess(int pid) => _processes.GetValueOrDefault(pid);

    /// <returns>Index of <see cref="Owners"/>.</returns>
    public int OwnerOf(OwnerKey key)
    {
        ref var recent = ref _recentOwners[((((key.Stack * 31) + key.MapperStack) * 31) + key.RegionId + ((int)key.Cause << 10)) & (RecentOwners - 1)];
        if (recent.Id > 0 && recent.Key == key)
            return recent.Id - 1;
        if (!_ownerIds.TryGetValue(key, out var id))
        {
            _ownerIds.Add(key, id = _owners.Count);
            _owners.Add(new PageOwner(key, groups?.Invoke(key) ?? []));
        }

        recent = (key, id + 1);
        return id;
    }

    /// <returns>Index of <see cref="Sites"/>.</returns>
    public int SiteOf(string call, int? stack, string region)
    {
        if (_lastSite.Id >= 0 && _lastSite.Stack == stack && _lastSite.Region == region && _lastSite.Call == call)
            return _lastSite.Id;
        if (!_siteIds.TryGetValue((call, stack, region), out var id))
        {
            _siteIds.Add((call, stack, region), id = _sites.Count);
            _sites.Add(new ReleaseSite(call, stack, region));
        }

        _lastSite = (call, stack, region, id);
        return id;
    }

    public string RegionNameOf(int owner) => RegionNames.Of(index.Find(_owners[owner].Key.RegionId));

    public void Enter(ref int state, ProcessPages process, int owner)
    {
        var value = _owners[owner];
        value.Change(1, NowNs, PeakNumber);
        value.Born++;
        if (IsInWindow)
            value.NewPages++;
        state = PageState.Resident(owner, IsInWindow);
        ChangeTotal(1, process);
    }

    public void Leave(ref int state, ProcessPages process)
    {
        var value = _owners[PageState.OwnerIn(state)];
        value.Change(-1, NowNs, PeakNumber);
        if (PageState.IsNew(state))
            value.NewPages--;
        if (PageState.IsLazilyFreed(state))
            LazilyFreed--;
        state = 0;
        ChangeTotal(-1, process);
    }

    /// <summary>Pages of which no address is known: see <see cref="ProcessPages.Unplaced"/>.</summary>
    public void EnterUnplaced(ProcessPages process, int owner, long pages)
    {
        process.Unplaced[owner] = process.Unplaced.GetValueOrDefault(owner) + pages;
        _owners[owner].Change(pages, NowNs, PeakNumber);
        _owners[owner].Born += pages;
        ChangeTotal(pages, process);
    }

    /// <summary>Who touched a page is charged for it in another region. Returns its new state.</summary>
    public int InRegion(int state, int region)
    {
        var (from, isNew) = (_owners[PageState.OwnerIn(state)], PageState.IsNew(state));
        var owner = OwnerOf(from.Key with { RegionId = region });
        var to = _owners[owner];
        from.Change(-1, NowNs, PeakNumber);
        to.Change(1, NowNs, PeakNumber);
        from.NewPages -= isNew ? 1 : 0;
        to.NewPages += isNew ? 1 : 0;
        return PageState.WithOwner(state, owner);
    }

    /// <summary>All that a process has leaves, because its program ends.</summary>
    public void End(ProcessPages process, bool isExit)
    {
        var visitor = new Ended(this, isExit);
        process.States.Visit(0, ReleaseTable.Everything, ref visitor);
        foreach (var (owner, pages) in process.Unplaced)
        {
            _owners[owner].Change(-pages, NowNs, PeakNumber);
            _owners[owner].AtExit += isExit ? pages : 0;
            Resident -= pages;
        }

        Resident -= visitor.Found;
        process.End(isExit);
        _recentProcesses[process.Pid & (RecentProcesses - 1)] = null;
    }

    /// <summary>The time for which it is asked begins.</summary>
    public void StartWindow()
    {
        IsInWindow = true;
        (Peak, PeakNs) = (Resident, NowNs);
        PeakNumber++;
        foreach (var owner in _owners)
            owner.Restart(NowNs);
        foreach (var site in _sites)
            site.Restart();
        foreach (var process in _processes.Values)
            process.Restart(NowNs);
    }

    /// <summary>Frees what only further pages would need.</summary>
    public void Close()
    {
        foreach (var process in _processes.Values)
            process.States.Clear();
        _ownerIds.Clear();
    }

    private void ChangeTotal(long pages, ProcessPages process)
    {
        Resident += pages;
        process.Change(pages, NowNs);
        if (Resident <= Peak)
            return;
        (Peak, PeakNs) = (Resident, NowNs);
        PeakNumber++;
    }

    private struct Ended(PageBooks books, bool isExit) : IPageVisitor
    {
        public long Found { get; private set; }

        public void See(long page, ref int state)
        {
            if (!PageState.IsResident(state))
                return;
            Found++;
            var owner = books._owners[PageState.OwnerIn(state)];
            owner.Change(-1, books.NowNs, books.PeakNumber);
            owner.AtExit += isExit ? 1 : 0;
            if (PageState.IsLazilyFreed(state))
                books.LazilyFreed--;
            if (!PageState.IsNew(state))
                return;
            owner.NewPages--;
            owner.NewAtExit += isExit ? 1 : 0;
        }
    }
}
