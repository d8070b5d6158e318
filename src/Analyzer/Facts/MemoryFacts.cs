using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What the kernel's counters say of a process.</summary>
internal static class MemoryFacts
{
    /// <summary>The most that was resident, bytes: what the kernel says, or the highest sample if that is more, as an approximation can be.</summary>
    public static long HighestBytes(this ProcessMemory memory)
        => Enumerable.Range(0, memory.TimeNs.Count).Select(memory.ResidentBytes).Append(memory.PeakBytes ?? 0).Max();

    /// <summary>Ids are reused: of the processes with this one, the last that was there at the first sample.</summary>
    public static string NameIn(this ProcessMemory memory, TraceMetadata metadata)
    {
        var ofPid = metadata.Processes.Where(process => process.Pid == memory.Pid).ToList();
        var process = memory.TimeNs.Count == 0 ? ofPid.LastOrDefault() : ofPid.LastOrDefault(process => !(process.StartedNs > memory.TimeNs[0]));
        return process?.Comm ?? "process";
    }
}
