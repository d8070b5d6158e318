using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>The functions below handle_mm_fault that serve faults, if this kernel lets probes see them; most are static and often inlined.</summary>
internal static class FaultHandlers
{
    public static IReadOnlyList<string> Functions { get; } = [.. Enum.GetValues<FaultHandler>().Select(Name).OfType<string>()];

    /// <summary>The name of a record's handler; null: none was seen.</summary>
    public static string? Name(FaultHandler handler) => handler switch
    {
        FaultHandler.PteFault => "handle_pte_fault",
        FaultHandler.Anonymous => "do_anonymous_page",
        FaultHandler.File => "do_fault",
        FaultHandler.Swap => "do_swap_page",
        FaultHandler.Wp => "do_wp_page",
        FaultHandler.Numa => "do_numa_page",
        FaultHandler.HugeAnonymous => "do_huge_pmd_anonymous_page",
        _ => null,
    };

    /// <summary>For each function, whether this backend can probe it.</summary>
    public static IReadOnlyList<HandlerProbe> Find(Backend backend)
        => [.. KernelFunctions.Reasons(backend, Functions).Select(function => new HandlerProbe(function.Key, function.Value))];

    /// <summary>The program of bpf/handle_mm_fault.bpf.h for it.</summary>
    public static string Program(Backend backend, HandlerProbe probe)
        => $"{backend.Hooks!.Entry}_{probe.Function}";
}
