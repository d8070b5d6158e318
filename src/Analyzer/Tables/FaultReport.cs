using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="DistinctPages">Pages by address, counted once per process.</param>
internal sealed record Totals(FaultCounts Counts, long DistinctPages, LatencySummary Latency)
{
    /// <summary>Of the faults, those raised by get_user_pages.</summary>
    public long Gup { get; init; }
}

/// <summary>
/// The report on one trace: what a scan counted, and the rows of every table, each made when it is first used. All are ordered by
/// faults, most first, ties by identity, unless their table says otherwise, so that the same trace gives the same text.
/// </summary>
internal sealed record FaultReport
{
    private readonly MeasureSet _counted;
    private readonly Dictionary<TableDefinition, object> _rows = [];
    private readonly Dictionary<FollowUp, object?> _followUps = [];
    private readonly Lazy<Helpers?> _helpers;

    /// <param name="path">As given on the command line.</param>
    public FaultReport(string path, MeasurePlan plan, MeasureSet counted)
    {
        (Path, Plan, Metadata, Filter, _counted) = (path, plan, plan.Metadata, plan.Filter, counted);
        _helpers = new Lazy<Helpers?>(() => Helpers.Of(this));
        Sample = SampleFacts.Of(plan.Metadata, Find(SampleAggregate.Measure), plan.Filter);
        DistinctPagesByPid = DistinctPages.ByProcess(plan.Index, counted.Find(RegionAggregate.Measure)!);
        Totals = TotalsOf(this);
    }

    /// <summary>What every report counts.</summary>
    public static IReadOnlyList<Measure> Always { get; } = [KindAggregate.Measure, RegionAggregate.Measure, SampleAggregate.Measure, GupAggregate.Measure];

    /// <summary>What its first lines need beside that, where all tables follow.</summary>
    public static IReadOnlyList<Measure> ForFirstLines { get; } = [ResidentFacts.Measure];

    public string Path { get; init; }

    public TraceMetadata Metadata { get; init; }

    public MeasurePlan Plan { get; }

    public FaultFilter Filter { get; init; }

    /// <summary>Null: every row is one fault. Otherwise all counts are estimates, except those that it marks as exact.</summary>
    public SampleFacts? Sample { get; }

    public Totals Totals { get; }

    public IReadOnlyDictionary<int, long> DistinctPagesByPid { get; }

    public FaultTime FaultTime
    {
        get => field ??= FaultTime.Of(Metadata, Filter, Totals.Latency);
        init;
    }

    /// <summary>Null: the trace has no stacks, or no requested table needs them.</summary>
    public StackFacts? Stacks => field ??= StackFacts.Of(this);

    /// <summary>Null: no process of the report is one.</summary>
    public Helpers? Helpers => _helpers.Value;

    /// <summary>Whether tables for people have a row for each helper.</summary>
    public bool ShowsHelpers { get; init; }

    /// <summary>Names of the program's code, by stack.</summary>
    public ChargedCode Code => field ??= new ChargedCode(Metadata);

    /// <summary>Null: no requested table needs the account of resident memory, or the trace cannot tell.</summary>
    public ResidentFacts? Memory => field ??= ResidentFacts.Of(this);

    /// <summary>The same, for tables of time: it is of all processes, so null where a filter leaves a part of their faults.</summary>
    public ResidentFacts? AllMemory => (Filter with { FromNs = null, ToNs = null }).IsEmpty ? Memory : null;

    /// <summary>Null: not counted, or already dropped because its tables have their rows.</summary>
    public T? Find<T>(Measure<T> measure)
        where T : class
        => _counted.Find(measure);

    public IReadOnlyList<TRow> Rows<TRow>(TableDefinition<TRow> table)
    {
        if (!_rows.TryGetValue(table, out var rows))
            _rows.Add(table, rows = table.Rows(this));
        return (IReadOnlyList<TRow>)rows;
    }

    /// <summary>Null: not run, or there was nothing to look for.</summary>
    public TSink? Find<TSink>(FollowUp<TSink> followUp)
        where TSink : class, IFaultSink<TSink>
        => _followUps.GetValueOrDefault(followUp) as TSink;

    public void Add(FollowUp followUp, object? counted) => _followUps[followUp] = counted;

    /// <summary>A sum of no known durations is no time, where the backend cannot know any.</summary>
    public long? TimeOf(in FaultCounts counts) => Metadata.Backend.HasDurations ? counts.DurationNs : null;

    /// <summary>Makes the rows of these tables, then frees the memory that grew with the trace's pages.</summary>
    public void Settle(IEnumerable<TableDefinition> tables)
    {
        foreach (var table in tables)
            table.MakeRows(this);
        _counted.ForgetPages();
    }

    private static Totals TotalsOf(FaultReport report)
    {
        var counts = new FaultCounts();
        var latency = new LatencyHistogram();
        foreach (var row in report.Rows(SeverityTable.Definition))
        {
            counts.Merge(row.Counts);
            report.Find(KindAggregate.Measure)!.Counts(row.Severity, out var ofSeverity);
            latency.Merge(ofSeverity);
        }

        return new Totals(counts, report.DistinctPagesByPid.Values.Sum(), LatencySummary.Of(latency)) { Gup = report.Find(GupAggregate.Measure)?.Faults ?? 0 };
    }
}
