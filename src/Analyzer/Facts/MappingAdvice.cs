using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What a program told the kernel about a mapping.</summary>
internal static class MappingAdvice
{
    /// <summary>The program asked for small pages, or for something that huge ones prevent.</summary>
    public static bool ForbidsHugePages(TraceMetadata metadata, Region region)
        => WasTold(metadata, region, "nohugepage") || WasTold(metadata, region, "mergeable")
            || metadata.Memory.Any(memory => memory.Pid == region.Pid && memory.RefusesHugePages);

    /// <summary>Whether it was told so of any part of the mapping, at any time.</summary>
    public static bool WasTold(TraceMetadata metadata, Region region, string what)
        => metadata.Advice.Any(advice => advice.Advice == what && advice.Pid == region.Pid && advice.Start < region.End && advice.End > region.Start
            && !(advice.TimeNs > region.DiedNs) && !(advice.TimeNs < region.BornNs)
            // So an execve ends what was told before it.
            && advice is not { Start: 0, End: ulong.MaxValue });
}
