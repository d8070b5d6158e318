using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>Why a recording lacks something, and what would record it; null: it has it. Raw text with reasons from the trace in it.</summary>
internal static class Unrecorded
{
    public static string? Durations(TraceMetadata metadata)
        => metadata.Backend.WithoutDurations is { } reason ? $"how long faults took is not known: {reason}" : null;

    public static string? PageTables(TraceMetadata metadata) => metadata.PageTable switch
    {
        { Recorded: true } => null,
        { Reason: { } reason } => $"page tables were not recorded: {reason}",
        _ => "page tables were not recorded",
    };

    public static string? Causes(TraceMetadata metadata)
        => metadata.Causes.Count > 0 ? null : "where the time of faults went was not recorded: record with --why";

    public static string? LockWaits(TraceMetadata metadata)
        => Causes(metadata) is not null ? "waits for mmap_lock were not recorded: record with --why"
            : metadata.Causes.FirstOrDefault(probe => probe is { Cause: "lock_wait", Reason: not null }) is { Reason: { } reason }
                ? $"waits for mmap_lock could not be recorded: {reason}"
                : null;

    public static string? Handlers(TraceMetadata metadata)
        => metadata.Handlers.Count > 0 ? null : "which functions served faults was not recorded: record with --handlers (backends fexit and kprobe)";

    public static string? KernelObjects(TraceMetadata metadata) => metadata.Slab switch
    {
        null => "kernel objects and pages that faults allocate were not counted: record with --slab",
        { Stages: var stages } when stages.Count > 0 && stages.All(stage => stage.Reason is not null)
            => $"kernel objects and pages that faults allocate could not be counted: {stages[0].Reason}",
        _ => null,
    };

    public static string? TlbFlushes(TraceMetadata metadata)
        => metadata.Backend == Backend.Fexit || metadata.Backend == Backend.Kprobe || metadata.Backend == Backend.Tracepoint ? null
            : $"TLB flushes were not counted: backend {metadata.Backend} has no probe that could";
}
