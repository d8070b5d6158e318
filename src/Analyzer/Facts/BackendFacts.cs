using Faultrec.Analyzer.Import;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What a recording cannot contain, and what its durations mean, by the probe that made it.</summary>
public static class BackendFacts
{
    /// <summary>
    /// The software events count in the page-fault exception's path (mm_account_fault with registers), so whatever is built on
    /// them cannot see what get_user_pages raises.
    /// </summary>
    public static bool SeesGup(string backend) => backend is not ("tracepoint" or "perf" or PerfScriptImport.Backend or SystingImport.Backend);

    public static bool HasDurations(string backend) => backend is not ("perf" or PerfScriptImport.Backend or SystingImport.Backend);

    /// <summary>In plain words; null for a backend that this version does not know.</summary>
    public static string? DurationMeaning(string backend) => backend switch
    {
        "tracepoint" => "from the entry of the page-fault exception to the kernel's accounting of the fault",
        "fexit" or "kprobe" => "from the first entry of handle_mm_fault to its last return, waits between retries included",
        "perf" or PerfScriptImport.Backend => "none: this backend sees only the completion of a fault",
        SystingImport.Backend => "none: systing sees only the entry of a fault",
        _ => null,
    };

    /// <summary>One clause a limit; empty for a recording that can hold whatever its backend's column list says.</summary>
    public static IReadOnlyList<string> Limits(TraceMetadata metadata)
    {
        var limits = new List<string>();
        if (!HasDurations(metadata.Backend))
            limits.Add(metadata.Backend == SystingImport.Backend ? "no durations, mappings, stacks, nor faults of kernel mode (systing sees the entry of user mode's faults)" : "no durations (backend perf sees only the completion of a fault)");
        if (!metadata.KnowsMajor)
            limits.Add("which faults were major is not known");
        if (metadata is { Backend: PerfScriptImport.Backend, Regions.Count: 0 })
            limits.Add("no mappings (perf script prints them with --show-mmap-events)");
        if (metadata.ExcludeKernel)
            limits.Add("faults of kernel mode not recorded (perf_event_paranoid)");
        return limits;
    }
}
