using System.Numerics;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>
/// The rules that derive a kind from a fault's facts; the first match wins. docs/kinds.md describes them in the same order. The facts
/// are what the page table held at entry (<see cref="FaultBatch.PteBefore"/>) and at completion (<see cref="FaultBatch.Pfn"/>), the
/// access and the mapping; what they do not prove is <see cref="FaultKind.Unknown"/>. The branches are those of
/// handle_pte_fault and its callees (mm/memory.c), where a kernel function's name stands beside one.
/// </summary>
internal sealed class KindRule
{
    private const int Sigbus = 7;

    // The results for which SIGBUS is raised; get_user_pages sees only the result.
    private static readonly string[] BusErrorNames = ["VM_FAULT_SIGBUS", "VM_FAULT_HWPOISON", "VM_FAULT_HWPOISON_LARGE"];

    private readonly PageGeometry _pages;
    private readonly MappingFacts[] _mappings;
    private readonly RangeAdvice _advice;
    private readonly long _zeroPfn;
    private readonly bool _hasFrames;
    private readonly WantedFolios _folios;
    private readonly HashSet<int> _refusing;
    private readonly SwapUses? _swapTypes;
    private readonly AccessReader _access;
    private readonly ForkHistory _forks;
    private readonly int _busErrorBits;

    /// <param name="index">The ledger of the same trace.</param>
    public KindRule(TraceMetadata metadata, RegionIndex index)
    {
        _pages = metadata.Pages;
        _mappings = MappingFacts.ById(index);
        _advice = new RangeAdvice(metadata);
        _forks = new ForkHistory(metadata);
        _access = new AccessReader(metadata.Backend);
        _zeroPfn = metadata.PageTable?.ZeroPfn ?? FaultBatch.Null;
        _hasFrames = CanTell(metadata);
        _folios = new WantedFolios(metadata);
        _refusing = [.. metadata.Memory.Where(process => process.RefusesHugePages).Select(process => process.Pid)];
        _swapTypes = SwapUses.Of(metadata);
        foreach (var name in BusErrorNames)
            _busErrorBits |= (int)metadata.FaultResultNames.GetValueOrDefault(name);
    }

    /// <summary>Whether the trace has page-table facts that can be read: other architectures have other bits.</summary>
    public static bool CanTell(TraceMetadata metadata) => metadata is { PageTable.Recorded: true, Arch: "x86_64" };

    /// <summary>Columns that <see cref="Classify"/> reads.</summary>
    public FaultColumns Columns
        => FaultColumns.Grew | FaultColumns.RegionId | FaultColumns.Signal | (_busErrorBits == 0 ? FaultColumns.None : FaultColumns.FaultResult)
            | (_hasFrames
                ? FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.Pfn | FaultColumns.PageOrder | FaultColumns.EmptyOrder | _access.Columns
                    | (_refusing.Count == 0 ? FaultColumns.None : FaultColumns.Pid)
                    | FaultColumns.KernelAccess | FaultColumns.Major | FaultColumns.Address | FaultColumns.Gup | FaultColumns.Merged
                    | (_advice.IsEmpty && !_forks.NeedsTime ? FaultColumns.None : FaultColumns.TimeNs)
                : FaultColumns.None);

    /// <summary>Fills the first <see cref="FaultBatch.Count"/> elements of <paramref name="kinds"/>.</summary>
    /// <param name="severities">Severities of the same faults.</param>
    public void Classify(FaultBatch batch, ReadOnlySpan<Severity> severities, Span<FaultKind> kinds)
    {
        var (grew, regions) = (batch.Grew, batch.RegionId);
        var (levels, entries) = _hasFrames ? (batch.PtLevel, batch.PteBefore) : ([], []);
        for (var i = 0; i < batch.Count; i++)
        {
            if (severities[i] == Severity.Failed)
                kinds[i] = IsBusError(batch, i) ? FaultKind.BusError : FaultKind.Failed;
            else if (grew[i])
                kinds[i] = FaultKind.StackGrowth;
            else if (!_hasFrames || levels[i] < 0 || entries[i] == FaultBatch.NullPte)
                kinds[i] = WithoutEntry(regions[i]);
            else
                kinds[i] = Decide(batch, i, regions[i], new PageTableEntry(entries[i]));
        }
    }

    private bool IsBusError(FaultBatch batch, int row)
        => batch.Signal[row] != FaultBatch.Null ? batch.Signal[row] == Sigbus
            : _busErrorBits != 0 && batch.FaultResult[row] != FaultBatch.Null && (batch.FaultResult[row] & _busErrorBits) != 0;

    private ref readonly MappingFacts Mapping(int regionId) => ref _mappings[(uint)regionId < (uint)_mappings.Length ? regionId : 0];

    // hugetlb_fault serves every fault of such a mapping, so this needs no page table.
    private FaultKind WithoutEntry(int regionId) => Mapping(regionId).Backing == MappingBacking.Hugetlb ? FaultKind.Hugetlb : FaultKind.Unknown;

    private FaultKind Decide(FaultBatch batch, int row, int regionId, PageTableEntry entry)
    {
        ref readonly var mapping = ref Mapping(regionId);
        if (_advice.HasUserfault && IsUserfault(batch, row, regionId, entry))
            return FaultKind.Userfaultfd;
        if (entry.IsProtNone && (mapping.IsAccessible || mapping.Backing == MappingBacking.Unknown))
            return FaultKind.NumaHint;
        if (entry.IsSwap)
            return Swap(entry, batch.Major[row]);
        if (mapping.Backing == MappingBacking.Hugetlb)
            return HugetlbPage(batch, row, entry, mapping);
        if (entry.IsMissing)
            return Missing(batch, row, regionId, mapping);
        return entry.IsPresent ? Present(batch, row, entry, mapping) : FaultKind.Unknown;
    }

    private bool IsUserfault(FaultBatch batch, int row, int regionId, PageTableEntry entry)
    {
        var isWriteProtected = entry.IsPresent && entry.IsUserfaultWriteProtected && !entry.IsWritable && _access.Of(batch, row) == FaultAccess.Write;
        var isMarker = entry.IsSwap && UseOf(entry) == SwapUse.Marker;
        if (!entry.IsMissing && !isWriteProtected && !isMarker)
            return false;
        var state = _advice.At(regionId, (ulong)batch.Address[row], batch.TimeNs[row]);
        return entry.IsMissing
            ? (state & (RangeState.UserfaultMissing | RangeState.UserfaultMinor)) != 0
            : (state & RangeState.UserfaultWriteProtect) != 0;
    }

    // hugetlb_wp: a private page that is shared is copied; one that only this process has is made writable.
    private FaultKind HugetlbPage(FaultBatch batch, int row, PageTableEntry entry, in MappingFacts mapping)
    {
        var isForbidden = entry.IsPresent && !entry.IsWritable && _access.Of(batch, row) == FaultAccess.Write && !mapping.IsShared;
        if (!isForbidden || batch.Pfn[row] < 0)
            return FaultKind.Hugetlb;
        var order = _pages.OrderAt(batch.PtLevel[row]);
        return (batch.Pfn[row] & -(1L << order)) == entry.Frame(order) ? FaultKind.Reuse : FaultKind.HugetlbCow;
    }

    private SwapUse? UseOf(PageTableEntry entry) => _swapTypes?[entry];

    private FaultKind Swap(PageTableEntry entry, bool isMajor) => UseOf(entry) switch
    {
        SwapUse.Migration => FaultKind.MigrationWait,
        SwapUse.Device => isMajor ? FaultKind.SwapDevice : FaultKind.SwapCache,
        _ => FaultKind.Unknown,
    };

    /// <summary>Nothing was mapped: do_anonymous_page, do_read_fault, do_cow_fault, do_shared_fault and their huge-page counterparts.</summary>
    private FaultKind Missing(FaultBatch batch, int row, int regionId, in MappingFacts mapping)
    {
        var order = batch.PageOrder[row];
        var isAboveLast = batch.PtLevel[row] >= PageGeometry.PmdLevel;
        if (order >= _pages.HugeOrder)
            return FaultKind.Huge;
        // It is not known whether a huge page was mapped.
        if (isAboveLast && order < 0)
            return FaultKind.Unknown;
        var access = _access.Of(batch, row);
        switch (mapping.Backing)
        {
            case MappingBacking.Anonymous when Fallback(batch, row, regionId, mapping, isAboveLast) is { } fallback:
                return fallback;
            case MappingBacking.Anonymous or MappingBacking.Shmem when order > 0:
                return FaultKind.Mthp;
            case MappingBacking.Anonymous:
                var isDemandZero = access == FaultAccess.Write || (access != FaultAccess.Unknown && _zeroPfn >= 0 && batch.Pfn[row] == _zeroPfn);
                if (!isDemandZero)
                    return FaultKind.Unknown;
                return batch.KernelAccess[row] ? FaultKind.KernelAccess
                    : access == FaultAccess.Write ? FaultKind.AnonWrite
                    : FaultKind.ZeroRead;
            case MappingBacking.File or MappingBacking.Shmem when !mapping.IsShared && access == FaultAccess.Write:
                return FaultKind.CowFile;
            case MappingBacking.File or MappingBacking.Shmem when !mapping.IsShared && access == FaultAccess.Unknown:
                return FaultKind.Unknown;
            case MappingBacking.Shmem:
                return FaultKind.Shmem;
            case MappingBacking.File or MappingBacking.Special:
                return batch.Major[row] ? FaultKind.FileDisk : FaultKind.FileCache;
            default:
                return FaultKind.Unknown;
        }
    }

    /// <summary>Null: nothing proves that a larger folio than the one that was mapped was possible and wanted (alloc_anon_folio).</summary>
    private FaultKind? Fallback(FaultBatch batch, int row, int regionId, in MappingFacts mapping, bool isAboveLast)
    {
        var empty = isAboveLast ? _pages.HugeOrder : batch.EmptyOrder[row];
        if (empty <= 0 || empty > _pages.HugeOrder || mapping.Changes || (_refusing.Count > 0 && _refusing.Contains(batch.Pid[row])))
            return null;
        var address = (ulong)batch.Address[row];
        var state = _advice.IsEmpty ? RangeState.None : _advice.At(regionId, address, batch.TimeNs[row]);
        var wanted = _folios.Orders(state);
        if (empty == _pages.HugeOrder && wanted >> _pages.HugeOrder != 0 && Fits(mapping, address, _pages.HugeOrder))
            return FaultKind.HugeFallback;
        // One that fits proves it: the kernel tries all sizes down to one page.
        var smallest = BitOperations.TrailingZeroCount(wanted);
        return batch.PageOrder[row] == 0 && smallest <= Math.Min(empty, _pages.HugeOrder - 1) && _access.Of(batch, row) == FaultAccess.Write
            && (state & RangeState.Userfault) == 0 && Fits(mapping, address, smallest)
            ? FaultKind.MthpFallback
            : null;
    }

    // thp_vma_suitable_order, with the range that the ledger knows.
    private bool Fits(in MappingFacts mapping, ulong address, int order)
    {
        var bytes = (ulong)_pages.PageBytes << order;
        var start = address & ~(bytes - 1);
        return start >= mapping.Start && mapping.End >= bytes && start <= mapping.End - bytes;
    }

    /// <summary>A page was mapped: do_wp_page, or nothing to do.</summary>
    private FaultKind Present(FaultBatch batch, int row, PageTableEntry entry, in MappingFacts mapping)
    {
        var (access, frame, order, isGup) = (_access.Of(batch, row), batch.Pfn[row], batch.PageOrder[row], batch.Gup[row]);
        var entryOrder = entry.IsHuge ? _pages.OrderAt(batch.PtLevel[row]) : 0;
        if (batch.PtLevel[row] == PageGeometry.PmdLevel && order == 0)
            return FaultKind.HugeSplit;
        var permits = access switch
        {
            FaultAccess.Read => entry.IsReadable,
            FaultAccess.Write => entry.IsWritable,
            FaultAccess.Exec => entry.IsExecutable,
            _ => false,
        };
        var isSame = frame >= 0 && (frame & -(1L << entryOrder)) == entry.Frame(entryOrder);
        // FAULT_FLAG_UNSHARE: get_user_pages needs a page that stays with the process, so it copies a shared one even for reading.
        var isUnshare = isGup && permits && access == FaultAccess.Read && frame >= 0 && !isSame && !mapping.IsShared;
        if (permits && !isUnshare)
            return FaultKind.Spurious;
        if ((access != FaultAccess.Write && !isUnshare) || frame < 0 || mapping.Backing == MappingBacking.Unknown)
            return FaultKind.Unknown;
        if (mapping.IsShared)
            return !isSame ? FaultKind.Unknown : mapping.Backing == MappingBacking.File ? FaultKind.SharedMkwrite : FaultKind.Reuse;
        return isSame ? FaultKind.Reuse : Copied(batch, row, entry, entryOrder, mapping);
    }

    /// <summary>wp_page_copy.</summary>
    private FaultKind Copied(FaultBatch batch, int row, PageTableEntry entry, int entryOrder, in MappingFacts mapping)
    {
        // A huge page is never copied whole, except for the huge zero page, which is replaced by a huge page of the process
        // (do_huge_zero_wp_pmd, since 6.13).
        var wasZero = entryOrder > 0 ? mapping.IsAnonymousPrivate : _zeroPfn >= 0 && entry.Frame(0) == _zeroPfn;
        if (wasZero)
            return FaultKind.ZeroCow;
        if (batch.Merged[row])
            return FaultKind.Ksm;
        // Dirty in a private file mapping: this was already the process's own copy, and a fork has shared it since.
        if (!mapping.IsAnonymousPrivate && !entry.IsDirty)
            return FaultKind.CowFile;
        return _forks.MayShare(batch.RegionId[row], _forks.NeedsTime ? batch.TimeNs[row] : long.MaxValue) ? FaultKind.CowFork : FaultKind.CowShared;
    }
}
