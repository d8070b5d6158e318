using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages that become resident without a fault exception: inside system calls, and before the recording.</summary>
internal sealed class CallBirths(TraceMetadata metadata, PageBooks books, AccountRegions regions)
{
    // A trace may claim more pages than anybody has: beyond 64 GiB of pages they have no addresses here.
    private const long MostPagesByRange = 1 << 24;

    private readonly PageGeometry _pages = metadata.Pages;
    private long _pagesByRange;

    /// <summary>What was resident when the recording began.</summary>
    public void AddBefore()
    {
        if (metadata.ResidentBefore is not { } runs)
            return;
        for (var i = 0; i < runs.Pid.Count; i++)
        {
            var region = regions.Places.At(runs.Pid[i], runs.FirstPage[i], 0);
            if (!regions.FactsOf(region).CountsAsResident)
                continue;
            // Whether a page is the process's own is not known: most private memory that is written to is.
            if (regions.FactsOf(region).Backing == MappingBacking.Anonymous)
                regions.MarkCopiedByFork(region);
            var owner = books.OwnerOf(new OwnerKey(runs.Pid[i], region, FaultBatch.Null, FaultBatch.Null, BirthCause.Before));
            if (!Place(runs.FirstPage[i], runs.Pages[i], owner))
                books.EnterUnplaced(owner, runs.Pages[i]);
        }
    }

    /// <summary>The kernel filled pages inside a call.</summary>
    public void Fill(CallFaults call)
    {
        if (call.Pid == 0)
            return;
        var stack = call.Stack ?? FaultBatch.Null;
        if (call.Call == ReleaseCalls.LockAll && FillAll(call, stack))
            return;
        if (call is { Start: { } start, End: { } end } && end > start)
        {
            var first = _pages.PageOf(start);
            var pages = _pages.PageOf(end - 1) - first + 1;
            // A fault may have mapped a huge page; a call that faults page by page ends where it has enough.
            var filled = FillsAll(call.Call) ? Math.Min(pages, call.Faults * _pages.HugePages) : Math.Min(pages, call.Faults);
            var region = regions.Places.At(call.Pid, first, call.TimeNs);
            ref readonly var mapping = ref regions.FactsOf(region);
            if (!mapping.CountsAsResident || IsFilledWithZeroPages(call, mapping))
                return;
            if (mapping.Backing == MappingBacking.Anonymous)
                regions.MarkCopiedByFork(region);
            var mapper = call.Call == "mmap" ? stack : FaultBatch.Null;
            if (Place(first, filled, books.OwnerOf(new OwnerKey(call.Pid, region, stack, mapper, BirthCause.Call))))
                return;
        }

        books.EnterUnplaced(books.OwnerOf(new OwnerKey(call.Pid, 0, stack, FaultBatch.Null, BirthCause.Call)), call.Faults);
    }

    /// <summary>
    /// Where a page is, the whole of its huge page is filled: MADV_COLLAPSE does not mind how many are missing (mm/khugepaged.c), and counts no faults.
    /// </summary>
    public void Collapse(Release release)
    {
        if (books.FindProcess(release.Pid) is not { } process)
            return;
        var huge = _pages.HugePages;
        var first = (release.FirstPage + huge - 1) & -huge;
        var found = new HugePagesInUse(_pages.HugeOrder, []);
        process.States.Visit(first, ((release.FirstPage + release.Pages) & -huge) - first, ref found);
        foreach (var page in found.FirstPages)
        {
            var region = regions.Places.At(release.Pid, page, release.TimeNs);
            var key = new OwnerKey(release.Pid, region, release.Stack ?? FaultBatch.Null, FaultBatch.Null, BirthCause.Call);
            Place(page, huge, books.OwnerOf(key));
        }
    }

    /// <summary>By khugepaged, or the handler of a userfaultfd. A fault that waited for it has its page by now: its time is that of its beginning.</summary>
    public void FillUnasked(Release release)
    {
        var cause = release.Call == ReleaseCalls.Khugepaged ? BirthCause.Khugepaged : BirthCause.Call;
        var region = regions.Places.At(release.Pid, release.FirstPage, release.TimeNs);
        ref readonly var mapping = ref regions.FactsOf(region);
        // mfill_atomic_pte_zeropage, mm/userfaultfd.c.
        if (!mapping.CountsAsResident || (release.Call == ReleaseCalls.UserfaultZeroPage && mapping.IsAnonymousPrivate))
            return;
        if (mapping.Backing == MappingBacking.Anonymous)
            regions.MarkCopiedByFork(region);
        var owner = books.OwnerOf(new OwnerKey(release.Pid, region, release.Stack ?? FaultBatch.Null, FaultBatch.Null, cause));
        if (release.FirstPage == 0 || !Place(release.FirstPage, release.Pages, owner))
            books.EnterUnplaced(owner, release.Pages);
    }

    // Whatever the number of faults, the whole range: they may have been of huge pages.
    private static bool FillsAll(string? call) => call is "mmap" or "mlock" or "mlock2" or "madvise" or ReleaseCalls.PopulateRead or "mremap";

    private static bool IsFilledWithZeroPages(CallFaults call, in MappingFacts mapping)
        => mapping.IsAnonymousPrivate && (call.Call == ReleaseCalls.PopulateRead || !mapping.IsWritable);

    /// <summary>mlockall: what is missing in any of the mappings.</summary>
    /// <returns>False: so many faults do not fill all of them, so where they were is not known.</returns>
    private bool FillAll(CallFaults call, int stack)
    {
        var process = books.ProcessOf(call.Pid);
        var pieces = regions.Places.AllAt(call.Pid, call.TimeNs)
            .Where(piece => regions.FactsOf(piece.RegionId) is { CountsAsResident: true, IsAccessible: true } mapping
                && !IsFilledWithZeroPages(call, mapping))
            .ToList();
        var (missing, missingOfFiles) = (0L, 0L);
        foreach (var (regionId, first, pages) in pieces)
        {
            var resident = new ResidentPages();
            process.States.Visit(first, pages, ref resident);
            if (regions.FactsOf(regionId).Backing == MappingBacking.File)
                missingOfFiles += pages - resident.Count;
            else
                missing += pages - resident.Count;
        }

        var canBeHuge = metadata.ThpMode == "always";
        var leastFaults = (canBeHuge ? missing / _pages.HugePages : missing) + (missingOfFiles / FaultBatch.AroundPages);
        if (leastFaults > call.Faults || pieces.Sum(piece => piece.Pages) > MostPagesByRange - _pagesByRange)
            return false;
        foreach (var (regionId, first, pages) in pieces)
        {
            if (regions.FactsOf(regionId).Backing == MappingBacking.Anonymous)
                regions.MarkCopiedByFork(regionId);
            Place(first, pages, books.OwnerOf(new OwnerKey(call.Pid, regionId, stack, FaultBatch.Null, BirthCause.Call)));
        }

        return true;
    }

    /// <returns>False: there is no room for so many.</returns>
    private bool Place(long first, long pages, PageOwner owner)
    {
        if (pages > MostPagesByRange - _pagesByRange)
            return false;
        _pagesByRange += pages;
        for (var page = first; page < first + pages; page++)
        {
            ref var state = ref owner.Process.States[page];
            if (!PageState.IsResident(state))
                books.Enter(ref state, owner);
        }

        return true;
    }

    private readonly struct HugePagesInUse(int order, SortedSet<long> firstPages) : IPageVisitor
    {
        public SortedSet<long> FirstPages => firstPages;

        public void See(long page, ref int state)
        {
            if (PageState.IsResident(state))
                firstPages.Add(page >> order << order);
        }
    }

    private struct ResidentPages : IPageVisitor
    {
        public long Count { get; private set; }

        public void See(long page, ref int state) => Count += PageState.IsResident(state) ? 1 : 0;
    }
}
