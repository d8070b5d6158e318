using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;

namespace Faultrec.Analyzer.Scan;

/// <summary>
/// Which faults to look at. Values of one property are alternatives, properties must all match; an empty property matches all.
/// </summary>
public sealed record FaultFilter
{
    public static FaultFilter None { get; } = new();

    public IReadOnlyList<int> Pids { get; init; } = [];

    public IReadOnlyList<int> Tids { get; init; } = [];

    /// <summary>Thread names at the fault: exact, or a pattern with * and ?.</summary>
    public IReadOnlyList<string> Comms { get; init; } = [];

    /// <summary>Region ids (only digits), or parts of region names.</summary>
    public IReadOnlyList<string> Regions { get; init; } = [];

    /// <summary>An alternative to <see cref="Kinds"/>: a fault matches when either has it.</summary>
    public IReadOnlyList<Severity> Severities { get; init; } = [];

    public IReadOnlyList<FaultKind> Kinds { get; init; } = [];

    /// <summary>Start of the window, ns since the recording began, inclusive.</summary>
    public long? FromNs { get; init; }

    /// <summary>End of the window, exclusive.</summary>
    public long? ToNs { get; init; }

    /// <summary>A phase by its name; like the marks below it becomes a window when the trace is known.</summary>
    internal string? Phase { get; init; }

    /// <summary>A mark at which the window begins, in the place of <see cref="FromNs"/>.</summary>
    internal string? FromMark { get; init; }

    /// <summary>A mark at which it ends, in the place of <see cref="ToNs"/>.</summary>
    internal string? ToMark { get; init; }

    /// <summary>The options that the window was asked for with; null: <see cref="FromNs"/> and <see cref="ToNs"/> say it.</summary>
    internal string? Window { get; init; }

    public bool IsEmpty
        => Pids.Count + Tids.Count + Comms.Count + Regions.Count + Severities.Count + Kinds.Count == 0
            && FromNs is null && ToNs is null && Phase is null && FromMark is null && ToMark is null;

    /// <summary>For sums that the trace holds by process: whether faults of this process may match.</summary>
    public bool MayMeanProcess(int pid) => Pids.Count == 0 || Pids.Contains(pid);

    /// <summary>The same for sums by thread.</summary>
    public bool MayMeanThread(int pid, int tid) => MayMeanProcess(pid) && (Tids.Count == 0 || Tids.Contains(tid));

    /// <summary>The options that make this filter, for a report's header.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        foreach (var pid in Pids)
            parts.Add($"--pid {pid}");
        foreach (var tid in Tids)
            parts.Add($"--tid {tid}");
        foreach (var comm in Comms)
            parts.Add($"--comm {comm}");
        foreach (var region in Regions)
            parts.Add($"--region {region}");
        foreach (var severity in Severities)
            parts.Add($"--kind {severity.Name()}");
        foreach (var kind in Kinds)
            parts.Add($"--kind {kind.Name()}");
        if ((Window ?? WindowOptions()) is { Length: > 0 } window)
            parts.Add(window);
        return string.Join(' ', parts);
    }

    /// <summary>The options that make the window; empty without one.</summary>
    internal string WindowOptions()
    {
        var parts = new List<string>();
        if (Phase is not null)
            parts.Add($"--phase {Phase}");
        if (FromMark is not null || FromNs is not null)
            parts.Add($"--from {FromMark ?? $"{FromNs}ns"}");
        if (ToMark is not null || ToNs is not null)
            parts.Add($"--to {ToMark ?? $"{ToNs}ns"}");
        return string.Join(' ', parts);
    }
}
