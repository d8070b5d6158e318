using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Perf;

/// <summary>What perf_event_open gives this user on this kernel, found by trying it on the recorder itself.</summary>
/// <param name="ExcludeKernel">Only faults of user mode may be seen: kernel.perf_event_paranoid is 2.</param>
/// <param name="TellsLost">The kernel counts each event's lost samples (PERF_FORMAT_LOST, Linux 6.0).</param>
/// <param name="SampleRingBytes">Of one CPU.</param>
/// <param name="SidebandRingBytes">Of one CPU.</param>
internal sealed record PerfLimits(bool ExcludeKernel, bool TellsLost, int SampleRingBytes, int SidebandRingBytes)
{
    // 40 bytes a fault: 100,000 of them, a sixth of a second at the highest fault rate a core can produce.
    private const int LargestRing = 4 << 20;
    private const int SmallestRing = 32 << 10;
    private const int SmallestSideband = 32 << 10;
    private const int SamplesPerSideband = 16;

    private static readonly PerfEventAttr MinorFaults = new() { Type = PerfEvent.TypeSoftware, Config = PerfEvent.SwPageFaultsMin };

    /// <exception cref="FaultrecException">perf events are closed to this user, or there is no memory left for their rings.</exception>
    public static PerfLimits Probe(IReadOnlyList<int> cpus)
    {
        var flags = PerfEvent.Try(MinorFaults) is 0 ? 0 : PerfAttrFlags.ExcludeKernel;
        var allowed = MinorFaults with { Flags = flags };
        if (PerfEvent.Try(allowed) is not 0 and var errno)
            throw Closed(errno);
        var tellsLost = PerfEvent.Try(allowed with { ReadFormat = PerfEvent.ReadLost }) == 0;
        for (var bytes = LargestRing; bytes >= SmallestRing; bytes /= 2)
        {
            var sideband = Math.Max(bytes / SamplesPerSideband, SmallestSideband);
            if (HasRoomFor(cpus, bytes, sideband, flags != 0))
                return new PerfLimits(flags != 0, tellsLost, bytes, sideband);
        }

        throw new FaultrecException(
            ExitCode.NotPermitted,
            $"perf's rings need {(SmallestRing + SmallestSideband) >> 10} KiB of locked memory per CPU, and this user has less left "
            + $"(kernel.perf_event_mlock_kb is {Setting("perf_event_mlock_kb")}); end this user's other recordings, raise `ulimit -l`, or use sudo");
    }

    /// <summary>kernel.NAME of sysctl(8), or "unknown".</summary>
    public static string Setting(string name)
    {
        try
        {
            return File.ReadAllText($"/proc/sys/kernel/{name}").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }

    private static bool HasRoomFor(IReadOnlyList<int> cpus, int sampleBytes, int sidebandBytes, bool excludeKernel)
    {
        var rings = new List<PerfRing>();
        try
        {
            foreach (var cpu in cpus)
            {
                foreach (var bytes in (ReadOnlySpan<int>)[sampleBytes, sidebandBytes])
                {
                    if (PerfRing.TryOpen(cpu, bytes, excludeKernel) is not { } ring)
                        return false;
                    rings.Add(ring);
                }
            }

            return true;
        }
        finally
        {
            rings.ForEach(ring => ring.Dispose());
        }
    }

    private static FaultrecException Closed(int errno) => new(
        ExitCode.NotPermitted,
        $"perf events are closed to this user: {Errno.Describe(errno)}, kernel.perf_event_paranoid is {Setting("perf_event_paranoid")}; "
        + "use sudo, set it to 2 or less, or in a container allow perf_event_open");
}
