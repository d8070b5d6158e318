using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Simulate;

/// <summary>Takes the faults of one region in order, and computes what they would have been under each scenario.</summary>
internal sealed class RegionSimulation
{
    private const long LargeFaultAroundBytes = 1 << 20;
    private const long LargePageBytes = 64 << 10;

    private readonly PageGeometry _pages;
    private readonly Region _region;
    private readonly MappingFacts _facts;
    private readonly WindowModel? _huge;
    private readonly WindowModel? _hugeWrites;
    private readonly WindowModel? _around;
    private readonly WindowModel? _pages64K;
    private readonly bool _canBePopulated;
    private readonly PageSet _touched;
    private readonly PageSet _copied;
    private readonly long[] _faults = new long[ScenarioNames.Count];
    private readonly long[] _timeNs = new long[ScenarioNames.Count];
    private long _hugeFaults;

    /// <param name="isForkCopy">The region came with a fork, so nothing can be done when it is mapped.</param>
    public RegionSimulation(Region region, PageGeometry pages, bool isForkCopy)
    {
        _pages = pages;
        (_region, _facts) = (region, MappingFacts.Of(region));
        _canBePopulated = !isForkCopy && _facts.CanBePopulated;
        _touched = Pages();
        _copied = Pages();
        // A stack never gets advice, and grows downwards through its windows.
        if (_facts.IsAnonymousPrivate && region.Name != "[stack]")
            (_huge, _hugeWrites) = (new WindowModel(pages.HugeOrder), new WindowModel(pages.HugeOrder));
        if (_facts.Backing == MappingBacking.File)
            _around = new WindowModel(pages.OrderOf(LargeFaultAroundBytes));
        if (_facts.CanBePopulated)
            _pages64K = new WindowModel(pages.OrderOf(LargePageBytes));
    }

    public void Add(in SimulatedFault fault)
    {
        Count(Scenario.Recorded, fault.DurationNs);
        var isFirst = _touched.Add(fault.Page);
        AddHuge(fault);
        // Populating a private mapping makes copies at once.
        var isFirstCopy = fault.IsWrite && _copied.Add(fault.Page) && fault.Kind is FaultKind.ZeroCow or FaultKind.CowFile or FaultKind.Unknown;
        if (!((isFirst || isFirstCopy) && IsFilled(fault)))
            Count(Scenario.Populate, fault.DurationNs);
        if (isFirst || !fault.FoundNothing)
            Count(Scenario.Keep, fault.DurationNs);
        if (!(_around is not null && fault.Kind == FaultKind.FileCache) || _around.Touch(fault.Page))
            Count(Scenario.FaultAround, fault.DurationNs);
        if (!(_pages64K is not null && fault.FoundNothing) || _pages64K.Touch(fault.Page))
            Count(Scenario.Page64K, fault.DurationNs);
    }

    /// <param name="hugeFaultNs">Cost of a huge page's fault; null: the trace has no durations.</param>
    public Outcome Of(Scenario scenario, long? hugeFaultNs)
        => new(_faults[(int)scenario], _timeNs[(int)scenario] + (scenario == Scenario.Thp ? _hugeFaults : 0) * hugeFaultNs, scenario switch
        {
            Scenario.Thp => Extra(_huge, _pages.HugePages),
            // Of all together only: Simulation.
            Scenario.Keep => null,
            Scenario.Populate when _canBePopulated => (long)(_region.End - _region.Start) - (_touched.Count << _pages.PageShift),
            // The file pages that it maps are already in memory.
            Scenario.Page64K when _facts.Backing != MappingBacking.File => Extra(_pages64K, 1L << _pages.OrderOf(LargePageBytes)),
            _ => 0,
        });

    private long Extra(WindowModel? model, long windowPages) => model is null ? 0 : ((model.Windows * windowPages) - model.Pages) << _pages.PageShift;

    // Reads of a huge zero page share one fault, and the first write after them takes the huge page.
    private void AddHuge(in SimulatedFault fault)
    {
        var model = fault.FoundNothing ? _huge : fault.Kind == FaultKind.ZeroCow ? _hugeWrites : null;
        if (model is null || !IsInside(fault.Page, _pages.HugeOrder))
            Count(Scenario.Thp, fault.DurationNs);
        else if (model.Touch(fault.Page))
            CountHuge();
    }

    // Its cost is known when all faults have been seen.
    private void CountHuge()
    {
        _hugeFaults++;
        _faults[(int)Scenario.Thp]++;
    }

    private bool IsFilled(in SimulatedFault fault)
        => _canBePopulated && (fault.FoundNothing || fault.Kind is FaultKind.ZeroCow or FaultKind.CowFile);

    private PageSet Pages() => new(_pages.PageOf(_region.Start), _pages.PageOf(_region.End - _region.Start));

    private void Count(Scenario scenario, long durationNs)
    {
        _faults[(int)scenario]++;
        _timeNs[(int)scenario] += Math.Max(durationNs, 0);
    }

    private bool IsInside(long page, int shift)
    {
        var start = (ulong)(page >> shift << shift) << _pages.PageShift;
        return start >= _region.Start && start + (1UL << (shift + _pages.PageShift)) <= _region.End;
    }
}

/// <param name="FoundNothing">No page was mapped: a first touch, or one of a page that was given back.</param>
internal readonly record struct SimulatedFault(long Page, long DurationNs, FaultKind Kind, bool FoundNothing, bool IsWrite);
