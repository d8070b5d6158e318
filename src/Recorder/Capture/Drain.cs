using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>Why a recording ended; the words of <see cref="Traces.Receipt.EndReason"/>.</summary>
public static class EndReason
{
    public const string Exited = "exited";
    public const string Interrupted = "interrupted";
    public const string Duration = "duration";
    public const string MaxSize = "max-size";
    public const string DiskFull = "disk-full";
}

/// <summary>
/// The loop that empties the rings into the spool until the recording ends. It wakes by the clock, not by events: a wake-up a
/// fault would cost the program more than everything else (bench/).
/// </summary>
internal sealed unsafe class Drain(FaultRings faults, EventRing events, Sideband sideband, SpoolWriter spool)
{
    private const int IntervalMs = 20;
    private const long SpaceCheckIntervalNs = 200_000_000;

    /// <summary>Finalizing needs room for the trace beside the spool: at most a third of it, and some for the rest of the system.</summary>
    public const long SpareBytes = 16 << 20;

    private const int SpoolBytesPerTraceByte = 3;

    private long _nextSpaceCheckNs;

    /// <param name="endFd">Readable when the recorded process has ended.</param>
    /// <returns>Why it ended: one of <see cref="EndReason"/>.</returns>
    public string Run(int endFd, EndSignals signals, long? endNs, long maxBytes)
    {
        var fds = Fds(endFd, signals.Fd);
        while (true)
        {
            Wait(fds);
            if (!TryPass())
                return EndReason.DiskFull;
            if (signals.Signal != 0)
                return EndReason.Interrupted;
            if (fds[0].Revents != 0)
                return EndReason.Exited;
            var nowNs = Libc.MonotonicNs();
            if (nowNs >= endNs)
                return EndReason.Duration;
            if (spool.Length >= maxBytes)
                return EndReason.MaxSize;
            if (IsDiskFilling(nowNs))
                return EndReason.DiskFull;
        }
    }

    /// <summary>Empties every ring once. False: the disk is full, what was in the rings is lost.</summary>
    public bool TryPass()
    {
        try
        {
            var pass = new PassFrame { TimeNs = Libc.MonotonicNs() };
            spool.Append(FrameType.Pass, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<PassFrame>(in pass)));
            faults.DrainTo(spool, pass.TimeNs);
            sideband.DrainTo(spool);
            events.DrainTo(spool);
            spool.Flush();
            return true;
        }
        catch (IOException)
        {
            spool.DiscardBuffer();
            return false;
        }
    }

    private Libc.PollFd[] Fds(int endFd, int signalFd)
        => [.. new[] { endFd, signalFd, events.Fd }.Concat(sideband.Fds).Select(fd => new Libc.PollFd { Fd = fd, Events = Libc.PollIn })];

    private static void Wait(Libc.PollFd[] fds)
    {
        // EINTR is as good as a timeout.
        fixed (Libc.PollFd* pointer = fds)
            _ = Libc.Poll(pointer, (nuint)fds.Length, IntervalMs);
    }

    private bool IsDiskFilling(long nowNs)
    {
        if (nowNs < _nextSpaceCheckNs)
            return false;
        _nextSpaceCheckNs = nowNs + SpaceCheckIntervalNs;
        return DiskSpace.AvailableBytes(spool.Handle) < SpareBytes + spool.Length / SpoolBytesPerTraceByte;
    }
}
