using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// What the kernel counted as resident memory of a process (/proc/PID/status, proc(5)), read now and then during the recording, as one
/// array per column. On several kernels these counters are approximations: each CPU keeps a part of them to itself.
/// </summary>
/// <param name="Pid">Process id.</param>
/// <param name="TimeNs">When each sample was taken, ns since the recording began; in order.</param>
/// <param name="AnonBytes">RssAnon of each sample: pages of no file, bytes.</param>
/// <param name="FileBytes">RssFile of each sample: pages of files, bytes.</param>
/// <param name="ShmemBytes">RssShmem of each sample: pages of shared memory and tmpfs, bytes.</param>
/// <param name="SwapBytes">VmSwap of each sample: anonymous memory that is swapped out, bytes.</param>
/// <param name="PeakBytes">
/// The highest resident memory that the kernel knew, bytes: VmHWM, or the process's ru_maxrss (getrusage(2)) once it has ended, which
/// includes what it was before an execve. Null if it was not read.
/// </param>
/// <param name="HasExit">True if the last sample was taken when the process ended, before its memory was freed.</param>
public sealed record ProcessMemory(
    int Pid,
    IReadOnlyList<long> TimeNs,
    IReadOnlyList<long> AnonBytes,
    IReadOnlyList<long> FileBytes,
    IReadOnlyList<long> ShmemBytes,
    IReadOnlyList<long> SwapBytes,
    long? PeakBytes,
    bool HasExit)
{
    /// <summary>True if the process refused transparent huge pages at one of the samples (PR_SET_THP_DISABLE of prctl(2)).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool RefusesHugePages { get; init; }

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("time_ns", RedactionRule.Keep),
        new("anon_bytes", RedactionRule.Keep),
        new("file_bytes", RedactionRule.Keep),
        new("shmem_bytes", RedactionRule.Keep),
        new("swap_bytes", RedactionRule.Keep),
        new("peak_bytes", RedactionRule.Keep),
        new("has_exit", RedactionRule.Keep),
        new("refuses_huge_pages", RedactionRule.Keep),
    ];

    /// <summary>Resident memory at a sample, bytes: VmRSS, the sum of the first three counters.</summary>
    public long ResidentBytes(int sample) => AnonBytes[sample] + FileBytes[sample] + ShmemBytes[sample];
}
