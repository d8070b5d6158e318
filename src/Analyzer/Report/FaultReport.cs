using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>A table of the report; <c>--by</c> picks one.</summary>
public enum ReportTableKind
{
    Kind,
    Severity,
    Region,
    Process,
    Thread,
    File,
    Comm,
    Handler,

    /// <summary>Where walks through the page table ended.</summary>
    Level,

    /// <summary>Pages of page tables by process.</summary>
    PageTable,
    Tlb,
    Physical,
    Cause,
    Worst,
    Lock,
    Slab,
    Cache,
    Buddy,
    Stack,
    Function,

    /// <summary>Of source code.</summary>
    Line,

    /// <summary>What faulted, branching to its callers.</summary>
    Caller,

    /// <summary>By region, the program's code that faulted in it and the code that made it.</summary>
    Toucher,

    /// <summary>Buckets of time.</summary>
    Time,

    /// <summary>By region, when its pages were first touched.</summary>
    FirstTouch,

    /// <summary>By region, address and time.</summary>
    Heat,

    /// <summary>By region, where most of its faults are.</summary>
    Hot,

    /// <summary>By region, how threads walked through it.</summary>
    Locality,

    /// <summary>Moments when faults burst.</summary>
    Storm,
}

/// <summary>Durations of a group of faults, ns; all null when no duration is known. Percentiles: <see cref="LatencyHistogram"/>.</summary>
/// <param name="Count">Faults with a known duration.</param>
public sealed record LatencySummary(long Count, long? MinNs, long? P50Ns, long? P90Ns, long? P99Ns, long? MaxNs, long? SumNs)
{
    public static LatencySummary Of(LatencyHistogram histogram)
        => histogram.Count == 0
            ? new LatencySummary(0, null, null, null, null, null, null)
            : new LatencySummary(
                histogram.Count,
                histogram.Min,
                histogram.Percentile(0.5),
                histogram.Percentile(0.9),
                histogram.Percentile(0.99),
                histogram.Max,
                histogram.Sum);
}

/// <param name="DistinctPages">Pages by address, counted once a process.</param>
public sealed record Totals(FaultCounts Counts, long DistinctPages, LatencySummary Latency)
{
    /// <summary>Of the faults, those raised by get_user_pages.</summary>
    public long Gup { get; init; }
}

/// <param name="Region">Null: the row of faults that no known mapping covered, id 0.</param>
/// <param name="Pages">Pages of the region's range; 0 without a region.</param>
/// <param name="Heat">Faults in 64 equal address buckets of the range.</param>
/// <param name="IsSample">Counts are estimates, distinct pages and coverage lower bounds.</param>
public sealed record RegionRow(
    int Id,
    Region? Region,
    long Pages,
    long Bytes,
    FaultCounts Counts,
    long DistinctPages,
    LatencySummary Latency,
    IReadOnlyList<long> Heat,
    bool IsSample)
{
    /// <summary>Faults a page; null without a range.</summary>
    public double? Density => Pages == 0 ? null : (double)Counts.Faults / Pages;

    /// <summary>Share of the region's pages that faulted; null without a range.</summary>
    public double? Coverage => Pages == 0 ? null : (double)DistinctPages / Pages;

    /// <summary>Faults on pages that had faulted before in this recording; a sample cannot tell.</summary>
    public long? Refaults => IsSample ? null : Counts.Faults - DistinctPages;

    public double? FaultsPerMib => Bytes == 0 ? null : Counts.Faults * 1048576.0 / Bytes;

    /// <summary>Null where the trace does not say which faults were major.</summary>
    public double? MajorRatio => Counts.Faults == 0 ? 0 : (double?)Counts.KnownMajor / Counts.Faults;
}

/// <param name="Comm">Last name of the main thread as the trace knows it, else its most frequent name; null when neither.</param>
/// <param name="DistinctPages">Pages by address, whichever mapping they were in.</param>
public sealed record ProcessRow(int Pid, string? Comm, int Threads, FaultCounts Counts, long DistinctPages);

/// <param name="Comm">Last name as the trace knows it, else its most frequent name.</param>
public sealed record ThreadRow(int Pid, int Tid, string? Comm, FaultCounts Counts);

/// <param name="Regions">Mappings of the file that faulted.</param>
/// <param name="Processes">Processes whose mappings of the file faulted.</param>
public sealed record FileRow(string Path, int Regions, int Processes, FaultCounts Counts, LatencySummary Latency);

/// <param name="Comm">Thread name at the fault.</param>
/// <param name="Threads">Threads that faulted under this name.</param>
public sealed record CommRow(string Comm, int Threads, FaultCounts Counts);

/// <summary>
/// The answer about one trace, ready for any renderer. Every list is ordered by faults, most first, ties by identity, so that the
/// same trace gives the same text.
/// </summary>
public sealed record FaultReport
{
    /// <summary>As given on the command line.</summary>
    public required string Path { get; init; }

    public required TraceMetadata Metadata { get; init; }

    public required FaultFilter Filter { get; init; }

    /// <summary>Null: every row is one fault. Otherwise all counts are estimates but those that it says are exact.</summary>
    public SampleFacts? Sample { get; init; }

    public required Totals Totals { get; init; }

    public required IReadOnlyList<KindRow> Kinds { get; init; }

    /// <summary>In their own order.</summary>
    public required IReadOnlyList<SeverityRow> Severities { get; init; }

    public required IReadOnlyList<RegionRow> Regions { get; init; }

    public required IReadOnlyList<FileRow> Files { get; init; }

    /// <summary>This and the next two are empty when the report was asked to leave tasks out.</summary>
    public required IReadOnlyList<ProcessRow> Processes { get; init; }

    public required IReadOnlyList<ThreadRow> Threads { get; init; }

    public required IReadOnlyList<CommRow> Comms { get; init; }

    /// <summary>Empty when the recording was made without `--handlers`.</summary>
    public IReadOnlyList<HandlerRow> Handlers { get; init; } = [];

    /// <summary>This and the next are empty without page-table facts.</summary>
    public IReadOnlyList<LevelRow> Levels { get; init; } = [];

    public IReadOnlyList<TableRow> PageTables { get; init; } = [];

    /// <summary><see cref="PageTableAggregate.Undetermined"/>.</summary>
    public long PageTablesUndetermined { get; init; }

    public IReadOnlyList<TlbRow> TlbFlushes { get; init; } = [];

    /// <summary>In the order of <see cref="Regions"/>; without frames only how 2 MiB ranges are filled.</summary>
    public IReadOnlyList<PhysicalRow> Physical { get; init; } = [];

    public required FaultTime FaultTime { get; init; }

    /// <summary>Empty without `--why`.</summary>
    public IReadOnlyList<CauseRow> Causes { get; init; } = [];

    /// <summary>What the causes are parts of; null without `--why`.</summary>
    public CauseAggregate? CauseSums { get; init; }

    /// <summary>Empty without durations, or when the report was asked to leave tasks out.</summary>
    public IReadOnlyList<WorstRow> Worst { get; init; } = [];

    public IReadOnlyList<LockWaitRow> LockWaits { get; init; } = [];

    /// <summary>This and the next two are empty without `--slab`.</summary>
    public IReadOnlyList<SlabStageRow> SlabStages { get; init; } = [];

    public IReadOnlyList<SlabCacheRow> SlabCaches { get; init; } = [];

    public IReadOnlyList<BuddyRow> Buddy { get; init; } = [];

    /// <summary>Null: the trace has no stacks, or the report was asked to leave them out.</summary>
    public StackReport? Stacks { get; init; }

    /// <summary>Null: not asked for.</summary>
    public ActivityAggregate? Activity { get; init; }

    /// <summary>Of this and the next two; null when they were not asked for.</summary>
    public TimeAxis? TimeAxis { get; init; }

    /// <summary>In the order of time, without gaps.</summary>
    public IReadOnlyList<TimeRow> Timeline { get; init; } = [];

    public IReadOnlyList<FirstTouchRow> FirstTouches { get; init; } = [];

    /// <summary>The rows of <see cref="HeatMaps"/>; null when they were not asked for.</summary>
    public TimeAxis? HeatAxis { get; init; }

    /// <summary>Of the regions with most faults, in the order of <see cref="Regions"/>.</summary>
    public IReadOnlyList<HeatMap> HeatMaps { get; init; } = [];

    public IReadOnlyList<HotRangeRow> HotRanges { get; init; } = [];

    /// <summary>Empty also for a sample.</summary>
    public IReadOnlyList<LocalityRow> Locality { get; init; } = [];

    /// <summary>The windows that storms are made of; null when they were not asked for.</summary>
    public TimeAxis? StormAxis { get; init; }

    public IReadOnlyList<StormRow> Storms { get; init; } = [];
}
