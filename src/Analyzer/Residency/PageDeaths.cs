using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages that calls give back or move to another place.</summary>
internal sealed class PageDeaths(TraceMetadata metadata, PageBooks books, AccountRegions regions)
{
    private readonly HashSet<int> _swapping = [.. metadata.Memory.Where(process => process.SwapBytes.Any(bytes => bytes > 0)).Select(process => process.Pid)];

    public void GiveBack(Release release)
    {
        if (books.FindProcess(release.Pid) is not { } process)
            return;
        var isKept = release.Call == ReleaseCalls.PageOut && !_swapping.Contains(release.Pid);
        var visitor = new GivenBack(books, regions, process, release, isKept, []);
        process.States.Visit(release.FirstPage, release.Pages, ref visitor);
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
                books.Leave(ref place, process);
            place = region == 0 ? state : books.InRegion(state, region);
        }
    }

    /// <param name="isKept">Nothing is swapped: only what has a file to be written to goes.</param>
    private readonly struct GivenBack(
        PageBooks books, AccountRegions regions, ProcessPages process, Release release, bool isKept, HashSet<int> sites) : IPageVisitor
    {
        private readonly bool _isLazy = release.Call == ReleaseCalls.Free;

        public HashSet<int> Sites => sites;

        public void See(long page, ref int state)
        {
            if (!PageState.IsResident(state) || (_isLazy && PageState.IsLazilyFreed(state)))
                return;
            var owner = PageState.OwnerIn(state);
            if (isKept && regions.FactsOf(books.Owners[owner].Key.RegionId).Backing != MappingBacking.File)
                return;
            var site = books.SiteOf(release.Call, release.Stack, books.RegionNameOf(owner));
            sites.Add(site);
            books.Sites[site].Pages++;
            if (_isLazy)
            {
                state |= PageState.LazilyFreed;
                books.LazilyFreed++;
                return;
            }

            books.Leave(ref state, process);
            state = PageState.GivenBack(site);
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
