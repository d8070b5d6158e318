namespace Faultrec.Analyzer.Import;

internal enum PerfEventKind
{
    Other,
    Minor,
    Major,

    /// <summary>page-faults: counted when a fault begins, whatever comes of it.</summary>
    Any,

    /// <summary>exceptions:page_fault_user, which x86 and RISC-V have.</summary>
    UserTracepoint,

    /// <summary>exceptions:page_fault_kernel.</summary>
    KernelTracepoint,
}

/// <summary>The events whose samples are faults, as perf and the kernel spell them.</summary>
internal static class PerfEvents
{
    public static PerfEventKind KindOf(string name) => name switch
    {
        "minor-faults" or "page-faults-min" => PerfEventKind.Minor,
        "major-faults" or "page-faults-maj" => PerfEventKind.Major,
        "page-faults" or "faults" => PerfEventKind.Any,
        "exceptions:page_fault_user" or "page_fault_user" => PerfEventKind.UserTracepoint,
        "exceptions:page_fault_kernel" or "page_fault_kernel" => PerfEventKind.KernelTracepoint,
        _ => PerfEventKind.Other,
    };

    /// <summary>Its samples say which faults were major.</summary>
    public static bool KnowsMajor(PerfEventKind kind) => kind is PerfEventKind.Minor or PerfEventKind.Major;
}
