using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>struct perf_event_attr (include/uapi/linux/perf_event.h), the members we set.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct PerfEventAttr
{
    [FieldOffset(0)]
    public uint Type;
    [FieldOffset(4)]
    public uint Size;
    [FieldOffset(8)]
    public ulong Config;
    [FieldOffset(16)]
    public ulong SamplePeriod;
    [FieldOffset(24)]
    public ulong SampleType;
    [FieldOffset(40)]
    public PerfAttrFlags Flags;
    [FieldOffset(48)]
    public uint WakeupWatermark;

    /// <summary>kprobe_func for the kprobe PMU: address of a C string.</summary>
    [FieldOffset(56)]
    public nint Config1;
    [FieldOffset(92)]
    public int ClockId;
}

[Flags]
internal enum PerfAttrFlags : ulong
{
    Disabled = 1UL << 0,
    Inherit = 1UL << 1,
    Mmap = 1UL << 8,
    Comm = 1UL << 9,
    EnableOnExec = 1UL << 12,
    Task = 1UL << 13,
    Watermark = 1UL << 14,
    MmapData = 1UL << 17,
    SampleIdAll = 1UL << 18,
    Mmap2 = 1UL << 23,
    CommExec = 1UL << 24,
    UseClockid = 1UL << 25,
    BuildId = 1UL << 34,
}

internal enum PerfRecordType : uint
{
    Lost = 2,
    Comm = 3,
    Exit = 4,
    Fork = 7,
    Mmap2 = 10,
}

internal static unsafe class PerfEvent
{
    public const uint TypeSoftware = 1;
    public const ulong SwPageFaultsMin = 5;
    public const ulong SwPageFaultsMaj = 6;
    public const ulong SwDummy = 9;
    public const ulong SampleTime = 1 << 2;
    public const ushort MiscCommExec = 1 << 13;
    public const ushort MiscMmapBuildId = 1 << 14;
    public const nuint IocEnable = 0x2400;
    public const nuint IocDisable = 0x2401;
    public const nuint IocSetOutput = 0x2405;
    public const nuint IocSetBpf = 0x40042408;

    public const uint FlagFdCloexec = 1 << 3;

    /// <summary>Opens one event; null and errno when the task is gone (ESRCH), an exception for everything else.</summary>
    public static FdHandle? TryOpen(PerfEventAttr attr, int pid, int cpu, string what)
    {
        attr.Size = (uint)sizeof(PerfEventAttr);
        var fd = Libc.PerfEventOpen(&attr, pid, cpu, -1, FlagFdCloexec);
        if (fd < 0 && Marshal.GetLastPInvokeError() == Errno.Esrch)
            return null;
        Errno.ThrowIfFailed(fd, $"perf_event_open for {what}");
        return new FdHandle(fd);
    }

    public static void Control(FdHandle fd, nuint request, nint argument = 0)
        => Errno.ThrowIfFailed(Libc.Ioctl(fd.Fd, request, argument), $"perf event ioctl 0x{request:x}");

    /// <summary>The event's count, with that of every inherited child.</summary>
    public static long ReadCount(FdHandle fd)
    {
        long count;
        Errno.ThrowIfFailed(Libc.Read(fd.Fd, &count, sizeof(long)), "reading a perf counter");
        return count;
    }
}
