using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Simulate;

/// <summary>One change to one region, and its estimated benefit.</summary>
/// <param name="FaultsSaved">Page faults that would not happen.</param>
/// <param name="TimeSavedNs">Of the time in the fault handler; null where the trace has no durations.</param>
/// <param name="ExtraBytes">Its price in memory; null: not known.</param>
/// <param name="Change">What to do.</param>
internal sealed record Advice(SimulatedRegion Row, Scenario Scenario, long FaultsSaved, long? TimeSavedNs, long? ExtraBytes, string Change)
{
    /// <summary>Faults of the region with the change, as simulated.</summary>
    public long PredictedFaults => Row.Of(Scenario).Faults;

    /// <summary>The same as measured by a replay; null: no replay was made.</summary>
    public long? MeasuredFaults { get; init; }

    /// <summary>A change that saves a smaller share of the recording's faults is not listed.</summary>
    private const double LeastShare = 0.01;

    /// <summary>Pages that nobody touched, for each fault saved: with more, the memory is used sparsely.</summary>
    private const int MostExtraPages = 3;

    // The kernel's page size and fault_around_bytes cannot be chosen per region.
    private static readonly Scenario[] OfARegion = [Scenario.Thp, Scenario.Populate, Scenario.Keep];

    /// <summary>Largest savings first: of time, if it is known, otherwise of faults.</summary>
    public static IReadOnlyList<Advice> Of(Simulation simulation)
    {
        var advice = new List<Advice>();
        var least = simulation.Total.Of(Scenario.Recorded).Faults * LeastShare;
        foreach (var row in simulation.Regions)
        {
            foreach (var scenario in OfARegion)
            {
                var (before, after) = (row.Of(Scenario.Recorded), row.Of(scenario));
                var saved = before.Faults - after.Faults;
                // Populating moves the filling into mmap(2): only the exceptions disappear, and the recording does not show their cost.
                var savedNs = scenario == Scenario.Populate ? null : before.TimeNs - after.TimeNs;
                if (saved >= least && saved > 0 && savedNs is not <= 0 && !IsRefused(simulation.Metadata, scenario, row.Region)
                    && !(after.ExtraBytes > MostExtraPages * saved * simulation.Metadata.PageSize))
                {
                    advice.Add(new Advice(row, scenario, saved, savedNs, after.ExtraBytes, ChangeFor(scenario, row)));
                }
            }
        }

        advice.Sort((a, b) => (b.TimeSavedNs ?? -1, b.FaultsSaved).CompareTo((a.TimeSavedNs ?? -1, a.FaultsSaved)));
        return advice;
    }

    /// <summary>The program asked for the contrary.</summary>
    private static bool IsRefused(TraceMetadata metadata, Scenario scenario, Region? region)
        => region is not null && scenario switch
        {
            Scenario.Thp => MappingAdvice.ForbidsHugePages(metadata, region),
            Scenario.Populate => MappingAdvice.WasTold(metadata, region, "random"),
            _ => false,
        };

    private static string ChangeFor(Scenario scenario, SimulatedRegion row) => (scenario, RegionNames.KindOf(row.Region)) switch
    {
        (Scenario.Thp, "heap") => "huge pages for the heap: GLIBC_TUNABLES=glibc.malloc.hugetlb=1, or MADV_HUGEPAGE on it",
        (Scenario.Thp, _) => "madvise(MADV_HUGEPAGE) after mmap, on a start aligned to 2 MiB",
        (Scenario.Populate, "file") => "MAP_POPULATE, or madvise(MADV_POPULATE_READ) before it is used; another thread can do it",
        (Scenario.Populate, _) => "MAP_POPULATE, or madvise(MADV_POPULATE_WRITE) before it is used; another thread can do it",
        (_, "heap") => "keep freed memory: GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=…, larger than all of the heap",
        _ => "keep it mapped and filled for the next use, instead of MADV_DONTNEED or munmap (jemalloc: dirty_decay_ms:-1)",
    };
}
