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
    // Threads alternate row by row, with a few stacks each: remembering the last ones saves hash look-ups. A power of two.
    private const int RecentOwners = 2048;

    private readonly Dictionary<OwnerKey, PageOwner> _ownersByKey = [];
    private readonly List<PageOwner> _owners = [];
    private readonly Dictionary<(string Call, int? Stack, string Region), int> _siteIds = [];
    private readonly List<ReleaseSite> _sites = [];
    private readonly Dictionary<int, ProcessPages> _processes = [];
    private readonly PageOwner?[] _recentOwners = new PageOwner?[RecentOwners];
    private (string Call, int? Stack, string Region, int Id) _lastSite = ("", null, "", -1);

    // By calls, and not resident again: sum of ProcessPages.GivenBack.
    private long _givenBack;

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

    /// <summary>The most that would have been resident at once within the window if calls had given back nothing before their process ended.</summary>
    public long PeakIfKept { get; private set; }

    /// <summary>Number of that moment; it changes with each higher one.</summary>
    public int PeakNumber { get; private set; } = 1;

    /// <summary>See <see cref="PageState.LazilyFreed"/>.</summary>
    public long LazilyFreed { get; set; }

    public ProcessPages ProcessOf(int pid)
    {
        if (!_processes.TryGetValue(pid, out var process))
            _processes.Add(pid, process = new ProcessPages(pid));
        return process;
    }

    /// <summary>Null: it never had a page.</summary>
    public ProcessPages? FindProcess(int pid) => _processes.GetValueOrDefault(pid);

    /// <param name="state">Of a resident page.</param>
    public PageOwner OwnerIn(int state) => _owners[PageState.OwnerIn(state)];

    /// <param name="state">Of a page that was given back.</param>
    public ReleaseSite SiteIn(int state) => _sites[PageState.SiteIn(state)];

    /// <param name="place">In <see cref="Owners"/>.</param>
    public PageOwner OwnerAt(int place) => _owners[place];

    public PageOwner OwnerOf(OwnerKey key)
    {
        if (_ownersByKey.TryGetValue(key, out var owner))
            return owner;
        owner = new PageOwner(key, _owners.Count, ProcessOf(key.Pid), RegionNames.Of(index.Find(key.RegionId)), groups?.Invoke(key) ?? []);
        _ownersByKey.Add(key, owner);
        _owners.Add(owner);
        return owner;
    }

    /// <summary>To whom the pages of such faults are charged.</summary>
    public PageOwner OwnerOfFaults(int pid, int regionId, int stack, int mapperStack)
    {
        ref var recent = ref _recentOwners[((((stack * 31) + mapperStack) * 31) + regionId) & (RecentOwners - 1)];
        if (recent is null || !recent.IsOfFaults(pid, regionId, stack, mapperStack))
            recent = OwnerOf(new OwnerKey(pid, regionId, stack, mapperStack, BirthCause.Fault));
        return recent;
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

    public void Enter(ref int state, PageOwner owner)
    {
        TakeAgain(owner.Process, state);
        state = PageState.Resident(owner.Index, IsInWindow);
        var entry = default(Entry);
        entry.Add(NowNs);
        Enter(owner, entry);
    }

    /// <summary>Pages whose states say so already.</summary>
    public void Enter(PageOwner owner, in Entry entry)
    {
        owner.Change(entry.Pages, entry.TimesNs, PeakNumber);
        owner.Born += entry.Pages;
        if (IsInWindow)
            owner.NewPages += entry.Pages;
        ChangeTotal(entry.Pages, owner.Process, entry.LastNs);
    }

    public void Leave(ref int state)
    {
        if (PageState.IsLazilyFreed(state))
            LazilyFreed--;
        Leave(OwnerIn(state), 1, PageState.IsNew(state) ? 1 : 0);
        state = 0;
    }

    /// <summary>Pages whose states say so already.</summary>
    /// <param name="newPages">Of them, those that became resident within the window.</param>
    public void Leave(PageOwner owner, long pages, long newPages)
    {
        owner.Change(-pages, NowNs, PeakNumber);
        owner.NewPages -= newPages;
        ChangeTotal(-pages, owner.Process, NowNs);
    }

    /// <summary>As <see cref="Leave(PageOwner, long, long)"/>, of pages whose states are <see cref="PageState.GivenBack"/>.</summary>
    public void GiveBack(PageOwner owner, long pages, long newPages)
    {
        Leave(owner, pages, newPages);
        owner.Process.GivenBack += pages;
        _givenBack += pages;
    }

    /// <summary>A page with this state gets another one.</summary>
    public void TakeAgain(ProcessPages process, int state)
    {
        if (!PageState.IsGivenBack(state))
            return;
        process.GivenBack--;
        _givenBack--;
    }

    /// <summary>Pages of which no address is known: see <see cref="ProcessPages.Unplaced"/>.</summary>
    public void EnterUnplaced(PageOwner owner, long pages)
    {
        var unplaced = owner.Process.Unplaced;
        unplaced[owner] = unplaced.GetValueOrDefault(owner) + pages;
        owner.Change(pages, NowNs, PeakNumber);
        owner.Born += pages;
        ChangeTotal(pages, owner.Process, NowNs);
    }

    /// <summary>Who touched a page is charged for it in another region. Returns its new state.</summary>
    public int InRegion(int state, int region)
    {
        var (from, isNew) = (OwnerIn(state), PageState.IsNew(state));
        var to = OwnerOf(from.Key with { RegionId = region });
        from.Change(-1, NowNs, PeakNumber);
        to.Change(1, NowNs, PeakNumber);
        from.NewPages -= isNew ? 1 : 0;
        to.NewPages += isNew ? 1 : 0;
        return PageState.WithOwner(state, to.Index);
    }

    /// <summary>All that a process has leaves, because its program ends.</summary>
    public void End(ProcessPages process, bool isExit)
    {
        var visitor = new Ended(this, isExit);
        process.States.Visit(0, ReleaseTable.Everything, ref visitor);
        foreach (var (owner, pages) in process.Unplaced)
        {
            owner.Change(-pages, NowNs, PeakNumber);
            owner.AtExit += isExit ? pages : 0;
            Resident -= pages;
        }

        Resident -= visitor.Found;
        _givenBack -= process.GivenBack;
        process.End(isExit);
    }

    /// <summary>The time for which it is asked begins.</summary>
    public void StartWindow()
    {
        IsInWindow = true;
        (Peak, PeakNs, PeakIfKept) = (Resident, NowNs, Resident + _givenBack);
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
        _ownersByKey.Clear();
    }

    private void ChangeTotal(long pages, ProcessPages process, long timeNs)
    {
        Resident += pages;
        process.Change(pages, timeNs);
        PeakIfKept = Math.Max(PeakIfKept, Resident + _givenBack);
        if (Resident <= Peak)
            return;
        (Peak, PeakNs) = (Resident, timeNs);
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
            var owner = books.OwnerIn(state);
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
