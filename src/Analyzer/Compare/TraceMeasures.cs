using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Compare;

/// <summary>One trace of a comparison: the figures of its items, and facts about the trace itself.</summary>
internal sealed class TraceMeasures
{
    private readonly Dictionary<ComparedItem, MeasureValues> _items = [];
    private readonly Dictionary<ComparedItem, long> _peakBytes = [];
    private readonly bool _hasDurations;

    private TraceMeasures(FaultReport report)
    {
        (Path, Metadata, Sample) = (report.Path, report.Metadata, report.Sample);
        _hasDurations = report.Metadata.Backend.HasDurations;
        Processes = report.Rows(ProcessTable.Definition).Count;
    }

    public string Path { get; }

    public TraceMetadata Metadata { get; }

    /// <summary>Null: every row is one fault.</summary>
    public SampleFacts? Sample { get; }

    /// <summary>Processes that faulted.</summary>
    public int Processes { get; }

    public IEnumerable<ComparedItem> Items => _items.Keys.Concat(_peakBytes.Keys.Where(item => !_items.ContainsKey(item)));

    /// <summary>The trace has a whole account of resident memory, and it was asked for.</summary>
    public bool HasMemory { get; private set; }

    /// <summary>Why it has none; null: it has one, or was not asked.</summary>
    public string? WhyNoMemory { get; private set; }

    /// <summary>The trace has stacks, and they were counted: its faults have code.</summary>
    public bool HasCode { get; private set; }

    /// <summary>An item that the trace does not have had no faults and no memory.</summary>
    public MeasureValues Of(ComparedItem item)
        => FaultsOf(item) with { PeakBytes = HasMemory && IsChargedMemory(item.Subject) ? _peakBytes.GetValueOrDefault(item) : null };

    /// <summary>What a report needs to have counted for it.</summary>
    public static IReadOnlyList<TableDefinition> Tables { get; } = [ProcessTable.Definition, CommTable.Definition];

    /// <summary>The same for <see cref="OfCodeToo"/>: resident memory needs a pass of its own.</summary>
    public static IReadOnlyList<TableDefinition> TablesOfCodeToo { get; } = [.. Tables, ResidentTable.Definition];

    /// <summary>What <see cref="OfCodeToo"/> needs beside its tables.</summary>
    public static Measure MeasureOfCode => StackAggregate.Measure;

    /// <param name="report">Of <see cref="Tables"/>.</param>
    public static TraceMeasures Of(FaultReport report)
    {
        var trace = new TraceMeasures(report);
        trace.Add(new ComparedItem(Subject.Total, "all"), report.Totals.Counts, report.Totals.DistinctPages);
        foreach (var row in report.Rows(KindTable.Definition))
            trace.Add(new ComparedItem(Subject.Kind, row.Kind.Name()), row.Counts, null);
        foreach (var row in report.Rows(ProcessTable.Definition))
            trace.Add(new ComparedItem(Subject.Process, CommOf(row)), row.Counts, row.DistinctPages);
        foreach (var row in report.Rows(SeverityTable.Definition))
            trace.Add(new ComparedItem(Subject.Severity, row.Severity.Name()), row.Counts, null);
        foreach (var row in report.Rows(CommTable.Definition))
            trace.Add(new ComparedItem(Subject.Comm, row.Comm), row.Counts, null);
        trace.AddRegions(report);
        return trace;
    }

    /// <summary>With the lines of code, and resident memory.</summary>
    /// <param name="report">Of <see cref="TablesOfCodeToo"/> and <see cref="MeasureOfCode"/>.</param>
    public static TraceMeasures OfCodeToo(FaultReport report)
    {
        var trace = Of(report);
        trace.AddCode(report);
        trace.AddMemory(report);
        return trace;
    }

    /// <summary>If every trace has only one process, it counts as the same one whatever its name.</summary>
    internal static void ForgetOnlyProcesses(IReadOnlyList<TraceMeasures> traces)
    {
        if (traces.Any(trace => trace.Processes > 1))
            return;
        foreach (var trace in traces)
            trace.Rename(item => item with { Process = null });
    }

    /// <summary>Gives items another identity; those that become the same one are summed.</summary>
    internal void Rename(Func<ComparedItem, ComparedItem> rename)
    {
        Rename(_items, rename, (a, b) => a.Plus(b));
        Rename(_peakBytes, rename, (a, b) => a + b);
    }

    private static void Rename<T>(Dictionary<ComparedItem, T> items, Func<ComparedItem, ComparedItem> rename, Func<T, T, T> sum)
    {
        foreach (var (item, value) in items.ToArray())
        {
            if (rename(item) is var renamed && renamed == item)
                continue;
            items.Remove(item);
            items[renamed] = items.TryGetValue(renamed, out var other) ? sum(other, value) : value;
        }
    }

    private MeasureValues FaultsOf(ComparedItem item)
        => item.Subject == Subject.Code && !HasCode ? default
            : _items.TryGetValue(item, out var measures) ? measures
            : new MeasureValues(0, Metadata.KnowsMajor ? 0 : null, HasPages(item.Subject) ? 0 : null, _hasDurations ? 0 : null);

    private static bool HasPages(Subject subject) => subject is not (Subject.Code or Subject.Kind or Subject.Severity or Subject.Comm);

    private static bool IsChargedMemory(Subject subject) => subject is Subject.Total or Subject.Process or Subject.Code;

    private void AddCode(FaultReport report)
    {
        if (report.Find(StackAggregate.Measure) is not { } stacks)
            return;
        HasCode = true;
        foreach (var (name, counts) in report.Code.SumByLine(stacks))
            Add(new ComparedItem(Subject.Code, name), counts, null);
    }

    private void AddMemory(FaultReport report)
    {
        WhyNoMemory = ResidentFacts.WhyEmpty(report) ?? ResidentFacts.WhyFilterDoesNotApply(report.Filter)
            ?? (report.Memory is { } facts ? facts.WhyTooHigh().Concat(facts.WhyTooLow()).FirstOrDefault() : "it was not counted");
        if (WhyNoMemory is not null || report.Memory is not { } memory)
            return;
        HasMemory = true;
        var comms = report.Rows(ProcessTable.Definition).ToDictionary(row => row.Pid, CommOf);
        var names = new TaskNames(Metadata);
        foreach (var owner in memory.Owners)
        {
            var bytes = memory.Bytes(owner.PagesAtPeak(memory.Account.PeakNumber));
            if (bytes == 0)
                continue;
            AddPeak(new ComparedItem(Subject.Total, "all"), bytes);
            AddPeak(new ComparedItem(Subject.Process, comms.GetValueOrDefault(owner.Key.Pid) ?? names.Process(owner.Key.Pid) ?? ""), bytes);
            AddPeak(new ComparedItem(Subject.Code, memory.NameOf(owner.Key).Summed.Name), bytes);
        }
    }

    private void AddPeak(ComparedItem item, long bytes) => _peakBytes[item] = _peakBytes.GetValueOrDefault(item) + bytes;

    private static string CommOf(ProcessRow row) => row.Comm ?? "";

    private void AddRegions(FaultReport report)
    {
        var comms = report.Rows(ProcessTable.Definition).ToDictionary(row => row.Pid, CommOf);
        var met = new Dictionary<ComparedItem, int>();
        foreach (var row in InOrderOfAppearance(report))
        {
            var region = row.Region;
            var item = new ComparedItem(
                Subject.Region, RegionNames.Of(region), RegionNames.KindOf(region), region?.Prot, region is null ? null : comms.GetValueOrDefault(region.Pid));
            met[item] = met.GetValueOrDefault(item) + 1;
            Add(item with { Order = met[item] }, row.Counts, row.DistinctPages);
            Add(new ComparedItem(Subject.Place, RegionNames.PlaceOf(region)), row.Counts, row.DistinctPages);
            if (region?.Path is { } path)
                Add(new ComparedItem(Subject.File, path), row.Counts, row.DistinctPages);
        }
    }

    // Processes in the order of their starts, mappings in the order of their creation. An id is assigned at a mapping's first fault, and racing
    // threads change that order in every run, so the id decides only between mappings from before the recording.
    private static IEnumerable<RegionRow> InOrderOfAppearance(FaultReport report)
    {
        var started = new Dictionary<int, long>();
        foreach (var process in report.Metadata.Processes)
            started.TryAdd(process.Pid, process.StartedNs ?? long.MinValue);
        return report.Rows(RegionTable.Definition)
            .OrderBy(row => row.Region is { } region ? started.GetValueOrDefault(region.Pid, long.MinValue) : long.MinValue)
            .ThenBy(row => row.Region?.Pid)
            .ThenBy(row => row.Region?.BornNs ?? long.MinValue)
            .ThenBy(row => row.Id);
    }

    private void Add(ComparedItem item, in FaultCounts counts, long? pages)
    {
        var measures = new MeasureValues(counts.Faults, Metadata.KnowsMajor ? counts.Major : null, pages, _hasDurations ? counts.DurationNs : null);
        _items[item] = _items.TryGetValue(item, out var before) ? before.Plus(measures) : measures;
    }
}
