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
    [FieldOffset(32)]
    public ulong ReadFormat;
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
    ExcludeKernel = 1UL << 5,
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
}

internal enum PerfRecordType : uint
{
    Lost = 2,
    Comm = 3,
    Exit = 4,
    Fork = 7,
    Sample = 9,
    Mmap2 = 10,
}

internal static class PerfEvent
{
    public const uint TypeSoftware = 1;
    public const ulong SwPageFaultsMin = 5;
    public const ulong SwPageFaultsMaj = 6;
    public const ulong SwDummy = 9;
    public const ulong SampleIp = 1 << 0;
    public const ulong SampleTid = 1 << 1;
    public const ulong SampleTime = 1 << 2;
    public const ulong SampleAddr = 1 << 3;
    public const ulong SampleId = 1 << 6;
    public const ulong SampleCpu = 1 << 7;
    public const ulong ReadLost = 1 << 4; // since Linux 6.0
    public const ushort MiscCpumodeMask = 7;
    public const ushort MiscKernel = 1;
    public const ushort MiscCommExec = 1 << 13;
    public const nuint IocEnable = 0x2400;
    public const nuint IocDisable = 0x2401;
    public const nuint IocSetBpf = 0x40042408;

    public const uint FlagFdCloexec = 1 << 3;

    private const uint FlagFdNoGroup = 1 << 0;
    private const uint FlagFdOutput = 1 << 1;

    /// <summary>Opens one event; null when the task is gone (ESRCH), an exception for everything else.</summary>
    public static FdHandle? TryOpen(PerfEventAttr attr, int pid, int cpu, string what, int outputFd = -1)
    {
        var fd = TryOpen(attr, pid, cpu, out var errno, outputFd);
        return fd is not null || errno == Errno.Esrch ? fd : throw Errno.Failure(errno, $"perf_event_open for {what}");
    }

    /// <summary>Opens one event; null and why not.</summary>
    /// <param name="outputFd">
    /// The event into whose ring it writes from its first moment on; -1: none. An event that gets its ring afterwards
    /// (PERF_EVENT_IOC_SET_OUTPUT) counts already and drops what it would have written, and no count of lost samples tells.
    /// </param>
    // SAFETY: the kernel reads the attributes, an argument of ours, for as many bytes as they say.
    public static unsafe FdHandle? TryOpen(PerfEventAttr attr, int pid, int cpu, out int errno, int outputFd = -1)
    {
        attr.Size = (uint)sizeof(PerfEventAttr);
        // Broken since Linux 2.6.35, says perf_event_open(2) of FD_OUTPUT: alone it makes the event a member of the group too.
        var flags = outputFd < 0 ? FlagFdCloexec : FlagFdCloexec | FlagFdOutput | FlagFdNoGroup;
        var fd = Libc.PerfEventOpen(&attr, pid, cpu, outputFd, flags);
        errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        return fd < 0 ? null : new FdHandle(fd);
    }

    /// <summary>Whether this user may have such an event on this kernel, tried on the calling thread.</summary>
    /// <returns>0, or errno.</returns>
    public static int Try(PerfEventAttr attr)
    {
        attr.Flags |= PerfAttrFlags.Disabled;
        TryOpen(attr, 0, -1, out var errno)?.Dispose();
        return errno;
    }

    public static void Control(FdHandle fd, nuint request, nint argument = 0)
        => Errno.ThrowIfFailed(Libc.Ioctl(fd.Fd, request, argument), $"perf event ioctl 0x{request:x}");

    /// <summary>
    /// Whether an inherited event is still on its task. The kernel takes it away when the task ends or executes a program with other
    /// privileges, and lets another event join its group only while it is there (EINVAL in perf_event_open(2)).
    /// </summary>
    // SAFETY: the kernel reads the attributes, a local, for as many bytes as they say.
    public static unsafe bool IsOn(FdHandle leader, int tid)
    {
        var attr = new PerfEventAttr
        {
            Type = TypeSoftware,
            Config = SwDummy,
            Flags = PerfAttrFlags.Disabled | PerfAttrFlags.Inherit,
            Size = (uint)sizeof(PerfEventAttr),
        };
        var fd = Libc.PerfEventOpen(&attr, tid, -1, leader.Fd, FlagFdCloexec);
        if (fd < 0)
            return false;
        new FdHandle(fd).Dispose();
        return true;
    }

    /// <summary>The event's count, with that of every inherited child.</summary>
    // SAFETY: read writes at most the size of the local.
    public static unsafe long ReadCount(FdHandle fd)
    {
        long count;
        Errno.ThrowIfFailed(Libc.Read(fd.Fd, &count, sizeof(long)), "reading a perf counter");
        return count;
    }

    /// <summary>Count and lost samples of an event whose read format is <see cref="ReadLost"/>, with every inherited child's.</summary>
    // SAFETY: read writes at most the two words that there are.
    public static unsafe (long Count, long Lost) ReadCountAndLost(FdHandle fd)
    {
        var values = stackalloc long[2];
        Errno.ThrowIfFailed(Libc.Read(fd.Fd, values, 2 * sizeof(long)), "reading a perf counter");
        return (values[0], values[1]);
    }
}
