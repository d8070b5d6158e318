using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages that calls give back or move to another place.</summary>
internal sealed class PageDeaths(TraceMetadata metadata, PageBooks books, AccountRegions regions)
{
    private readonly bool _hasSwap = metadata.SwapAreas is { Count: > 0 };
    private readonly HashSet<int> _swapping = [.. metadata.Memory.Where(process => process.SwapBytes.Any(bytes => bytes > 0)).Select(process => process.Pid)];

    public void GiveBack(Release release)
    {
        if (books.FindProcess(release.Pid) is not { } process)
            return;
        var isKept = release.Call == ReleaseCalls.PageOut && !_hasSwap && !_swapping.Contains(release.Pid);
        var visitor = new GivenBack(books, regions, release, isKept);
        process.States.Visit(release.FirstPage, release.Pages, ref visitor);
        visitor.EndRun();
        foreach (var site in visitor.Sites)
            books.Sites[site].Ranges++;
    }

    public void End(Release release)
    {
        if (books.FindProcess(release.Pid) is { } process)
            books.End(process, isExit: release.Call != ReleaseCalls.Execve);
    }

    public void Move(Release release, long to)
    {
        if (books.FindProcess(release.Pid) is not { } process)
            return;
        var moved = new Moved([]);
        process.States.Visit(release.FirstPage, release.Pages, ref moved);
        var region = regions.Places.At(release.Pid, to, release.TimeNs);
        foreach (var (page, state) in moved.Pages)
        {
            ref var place = ref process.States[page - release.FirstPage + to];
            if (PageState.IsResident(place))
                books.Leave(ref place);
            books.TakeAgain(process, place);
            place = region == 0 ? state : books.InRegion(state, region);
        }
    }

    /// <param name="isKept">Nothing is swapped: only what has a file to be written to goes.</param>
    private struct GivenBack(PageBooks books, AccountRegions regions, Release release, bool isKept) : IPageVisitor
    {
        private readonly bool _isLazy = release.Call == ReleaseCalls.Free;

        // Pages of one owner come in runs: so many, and so many of them new.
        private PageOwner? _owner;
        private bool _isKept;
        private int _site;
        private long _pages;
        private long _newPages;

        public HashSet<int> Sites { get; } = [];

        public void See(long page, ref int state)
        {
            if (!PageState.IsResident(state) || (_isLazy && PageState.IsLazilyFreed(state)))
                return;
            if (_owner is null || _owner.Index != PageState.OwnerIn(state))
            {
                EndRun();
                _owner = books.OwnerIn(state);
                _isKept = isKept && regions.FactsOf(_owner.Key.RegionId).Backing != MappingBacking.File;
                _site = _isKept ? -1 : books.SiteOf(release.Call, release.Stack, _owner.RegionName);
            }

            if (_isKept)
                return;
            _pages++;
            if (_isLazy)
            {
                state |= PageState.LazilyFreed;
                books.LazilyFreed++;
                return;
            }

            _newPages += PageState.IsNew(state) ? 1 : 0;
            books.LazilyFreed -= PageState.IsLazilyFreed(state) ? 1 : 0;
            state = PageState.GivenBack(_site);
        }

        public void EndRun()
        {
            if (_pages == 0)
                return;
            Sites.Add(_site);
            books.Sites[_site].Pages += _pages;
            if (!_isLazy)
                books.GiveBack(_owner!, _pages, _newPages);
            (_pages, _newPages) = (0, 0);
        }
    }

    private readonly struct Moved(List<(long Page, int State)> pages) : IPageVisitor
    {
        public List<(long Page, int State)> Pages => pages;

        public void See(long page, ref int state)
        {
            if (!PageState.IsResident(state))
                return;
            pages.Add((page, state));
            state = 0;
        }
    }
}
