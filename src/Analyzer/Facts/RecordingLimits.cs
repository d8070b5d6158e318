using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What a recording cannot contain.</summary>
internal static class RecordingLimits
{
    /// <summary>One clause per limit; empty for a recording that can hold everything its backend offers.</summary>
    public static IReadOnlyList<string> Of(TraceMetadata metadata)
    {
        var limits = new List<string>();
        if (metadata.Backend.WithoutDurations is { } durations)
            limits.Add(durations);
        if (!metadata.KnowsMajor)
            limits.Add("which faults were major is not known");
        if (metadata.Regions.Count == 0 && metadata.Backend.WithoutMappings is { } mappings)
            limits.Add(mappings);
        if (metadata.ExcludeKernel)
            limits.Add("faults of kernel mode not recorded (perf_event_paranoid)");
        return limits;
    }
}
