using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// How many pages were new in each phase, and in each step of the recording: pages of a region, or of a process outside its mappings, at their first
/// fault. One bit per page. Faults must come in the order of time.
/// </summary>
internal sealed class NewPageAggregate(RegionIndex index, PageGeometry pages, PhaseClock clock, TimeAxis axis) : IOrderedMeasure
{
    /// <summary>The window is cut into this many equal parts.</summary>
    public const int Steps = 100;

    public static Measure<NewPageAggregate> Measure { get; }
        = new(plan => new NewPageAggregate(plan.Index, plan.Metadata.Pages, new PhaseClock(Phases.Of(plan.Metadata)), plan.Window.Equal(Steps)));

    private readonly PageSet?[] _byId = new PageSet?[index.IdLimit];
    private readonly Dictionary<int, PageSet> _unmappedByPid = [];
    private readonly long[] _byPhase = new long[Math.Max(1, clock.Count)];
    private readonly long[] _byStep = new long[axis.Count];

    public TimeAxis Axis => axis;

    public IReadOnlyList<long> ByPhase => _byPhase;

    public IReadOnlyList<long> ByStep => _byStep;

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.RegionId | FaultColumns.Pid | FaultColumns.Address;

    public void AddInOrder(FaultBatch batch)
    {
        var times = batch.TimeNs.AsSpan(0, batch.Count);
        for (var row = 0; row < times.Length;)
        {
            var (phase, end) = clock.Run(times, row);
            for (; row < end; row++)
            {
                if (!SetOf(batch.RegionId[row], batch.Pid[row]).Add((long)((ulong)batch.Address[row] >> pages.PageShift)))
                    continue;
                _byPhase[phase]++;
                _byStep[axis.BucketOf(times[row])]++;
            }
        }
    }

    private PageSet SetOf(int id, int pid)
    {
        if (index.Find(id) is { } region)
            return _byId[id] ??= PageSet.Of(region, pages.PageShift);
        if (!_unmappedByPid.TryGetValue(pid, out var unmapped))
            _unmappedByPid.Add(pid, unmapped = PageSet.Of(null, pages.PageShift));
        return unmapped;
    }
}
