using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>The functions below handle_mm_fault that serve faults, where this kernel lets us see them; most are static and often inlined.</summary>
internal static class FaultHandlers
{
    // enum fault_handler in bpf/faultrec.h, from 1.
    public static IReadOnlyList<string> Functions { get; } =
    [
        "handle_pte_fault", "do_anonymous_page", "do_fault", "do_swap_page", "do_wp_page", "do_numa_page", "do_huge_pmd_anonymous_page",
    ];

    /// <summary>The name of a record's handler; null: none was seen.</summary>
    public static string? Name(byte handler) => handler is 0 || handler > Functions.Count ? null : Functions[handler - 1];

    /// <summary>Of each, whether a probe of this rung can be put on it.</summary>
    public static IReadOnlyList<HandlerProbe> Find(Backend backend)
        => [.. KernelFunctions.Refusals(backend, Functions).Select(function => new HandlerProbe(function.Key, function.Value))];

    /// <summary>The program of bpf/handle_mm_fault.bpf.h for it.</summary>
    public static string Program(Backend backend, HandlerProbe probe)
        => $"{backend.Hooks!.Entry}_{probe.Function}";
}
