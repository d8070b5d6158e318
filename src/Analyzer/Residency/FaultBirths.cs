using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages that faults make resident: the page that faulted, and those that the same fault mapped with it.</summary>
internal sealed class FaultBirths(TraceMetadata metadata, PageBooks books, AccountRegions regions)
{
    private readonly PageGeometry _pages = metadata.Pages;
    private readonly bool _hasStacks = metadata.Stacks is not null;
    private readonly bool _hasFrames = KindRule.CanTell(metadata);
    private readonly long _zeroPfn = metadata.PageTable?.ZeroPfn ?? FaultBatch.Null;

    // Most faults have the owner of the one before.
    private (OwnerKey Key, int Owner, ProcessPages? Process) _run;

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId | FaultColumns.Signal
            | FaultColumns.DurationNs | FaultColumns.Access | (_hasStacks ? FaultColumns.StackId | FaultColumns.MapperStackId : FaultColumns.None)
            | (_hasFrames
                ? FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.Pfn | FaultColumns.PageOrder | FaultColumns.MappedAround
                : FaultColumns.None);

    /// <summary>Processes may have ended since the fault before.</summary>
    public void ForgetRun() => _run = default;

    public void Add(FaultBatch batch, int row)
    {
        if (batch.Signal[row] != FaultBatch.Null)
            return;
        var regionId = batch.RegionId[row];
        ref readonly var mapping = ref regions.FactsOf(regionId);
        if (!mapping.CountsAsResident)
            return;
        var page = _pages.PageOf((ulong)batch.Address[row]);
        var key = KeyOf(batch, row);
        if (_run.Process is null || _run.Key != key)
            _run = (key, books.OwnerOf(key), books.ProcessOf(key.Pid));
        var (_, owner, process) = _run;
        var isWrite = batch.Access[row] == FaultAccess.Write;
        if (mapping.Backing == MappingBacking.Anonymous || (isWrite && !mapping.IsShared))
            regions.MarkCopiedByFork(regionId);
        var birth = new Birth(books, process, owner, batch.DurationNs[row]);
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

    private OwnerKey KeyOf(FaultBatch batch, int row)
        => _hasStacks
            ? new OwnerKey(batch.Pid[row], batch.RegionId[row], batch.StackId[row], batch.MapperStackId[row], BirthCause.Fault)
            : new OwnerKey(batch.Pid[row], batch.RegionId[row], FaultBatch.Null, FaultBatch.Null, BirthCause.Fault);

    /// <summary>What one fault maps.</summary>
    private ref struct Birth(PageBooks books, ProcessPages process, int owner, long durationNs)
    {
        private bool _isCounted;

        /// <param name="isReplaced">The page was mapped, and a copy has taken its place.</param>
        /// <param name="wasMissing">Nothing was mapped there.</param>
        public void Make(long page, bool isReplaced, bool wasMissing)
        {
            ref var state = ref process.States[page];
            if (PageState.IsResident(state))
            {
                if (!isReplaced && !wasMissing)
                    return;
                if (wasMissing)
                {
                    books.Owners[PageState.OwnerIn(state)].Reclaimed++;
                    process.Reclaimed++;
                }

                books.Leave(ref state, process);
            }
            else if (PageState.IsGivenBack(state) && books.Sites[PageState.SiteIn(state)] is var site && site.Region == books.RegionNameOf(owner))
            {
                // What lies there now may be another mapping, but is memory of the same kind.
                site.AddTouch(owner, 1, _isCounted ? 0 : 1, _isCounted ? 0 : Math.Max(durationNs, 0));
                _isCounted = true;
            }

            books.Enter(ref state, process, owner);
        }
    }
}
