using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>Pages of page tables by level.</summary>
/// <param name="Deposited">PTE tables among these that a huge page keeps in reserve for a later split.</param>
internal readonly record struct TablePages(long Pte, long Pmd, long Pud, long P4d, long Deposited)
{
    public long All => Pte + Pmd + Pud + P4d;

    public TablePages Plus(TablePages other)
        => new(Pte + other.Pte, Pmd + other.Pmd, Pud + other.Pud, P4d + other.P4d, Deposited + other.Deposited);
}

/// <summary>How many page tables did faults allocate that found an entry missing above the last level?</summary>
internal sealed class PageTableAggregate : IMeasure<PageTableAggregate>
{
    public static Measure<PageTableAggregate> Measure { get; } = new(plan => plan.HasPageTable ? new PageTableAggregate(plan.Metadata, plan.Index) : null);

    private readonly Dictionary<int, TablePages> _byPid = [];
    private readonly bool[] _isAnonymous;
    private readonly bool _hasP4d;
    private readonly PageGeometry _pages;

    public PageTableAggregate(TraceMetadata metadata, RegionIndex index)
    {
        _isAnonymous = new bool[index.IdLimit];
        for (var id = 1; id < _isAnonymous.Length; id++)
            _isAnonymous[id] = index.Find(id) is { } region && MappingFacts.Of(region).IsAnonymousPrivate;
        _hasP4d = metadata.PageTable?.PagingLevels == 5;
        _pages = metadata.Pages;
    }

    /// <summary>Tables allocated by the faults of each process that allocated any.</summary>
    public IReadOnlyDictionary<int, TablePages> ByPid => _byPid;

    /// <summary>Faults without a table below the pmd whose mapping is not known: their allocations are not counted.</summary>
    public long Undetermined { get; private set; }

    public FaultColumns Columns => FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.PageOrder | FaultColumns.RegionId | FaultColumns.Pid;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (levels, entries) = (batch.PtLevel, batch.PteBefore);
        for (var i = 0; i < severities.Length; i++)
        {
            // One fault in 512 of those that touch memory in order.
            if (levels[i] > 0 && entries[i] == 0 && severities[i] != Severity.Failed)
                AddTables(batch, i, Math.Min((int)levels[i], (int)WalkEnd.Pgd), weights.Of(i));
        }
    }

    public void Merge(PageTableAggregate other)
    {
        foreach (var (pid, pages) in other._byPid)
            _byPid[pid] = _byPid.GetValueOrDefault(pid).Plus(pages);
        Undetermined += other.Undetermined;
    }

    // From the missing level down to the mapping, one table per level (__p4d_alloc, __pud_alloc, __pmd_alloc, __pte_alloc in
    // mm/memory.c). A transparent huge page of anonymous memory also deposits a PTE table (__do_huge_pmd_anonymous_page,
    // do_huge_pmd_anonymous_page); one of a file does so only on architectures that need it, and hugetlb has none.
    private void AddTables(FaultBatch batch, int row, int missingLevel, int weight)
    {
        var (order, regionId, pid) = (batch.PageOrder[row], batch.RegionId[row], batch.Pid[row]);
        if (order < 0)
        {
            Undetermined += weight;
            return;
        }

        var mappedLevel = order >= _pages.OrderAt(PageGeometry.PudLevel) ? PageGeometry.PudLevel
            : order >= _pages.HugeOrder ? PageGeometry.PmdLevel
            : PageGeometry.PteLevel;
        var deposit = mappedLevel == PageGeometry.PmdLevel && (uint)regionId < (uint)_isAnonymous.Length && _isAnonymous[regionId] ? weight : 0;
        var pages = new TablePages(
            Below(PageGeometry.PmdLevel) + deposit,
            Below(PageGeometry.PudLevel),
            Below(PageGeometry.P4dLevel),
            _hasP4d ? Below(PageGeometry.PgdLevel) : 0, // four levels: the kernel's p4d is folded into the pgd, and takes no page
            deposit);
        _byPid[pid] = _byPid.GetValueOrDefault(pid).Plus(pages);

        int Below(int level) => level > mappedLevel && level <= missingLevel ? weight : 0;
    }
}
