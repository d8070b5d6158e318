using System.Runtime.InteropServices;
using Faultrec.Recorder.Marks;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The loop that empties the rings into the sink until the recording ends. It is woken by the clock, not by events: one wake-up per
/// fault would cost the program more than everything else (bench/).
/// </summary>
/// <param name="marks">Null: none can be set.</param>
internal sealed class Drain(ICapture capture, IRecordSink sink, MarkPipe? marks)
{
    private const int IntervalMs = 20;
    private const int MarksAt = 2;
    private const int RingsFrom = 3;

    /// <param name="endFd">Readable when the recorded process has ended; -1: there is no such process.</param>
    /// <returns>Why the recording ended: one of <see cref="EndReason"/>.</returns>
    public string Run(int endFd, EndSignals signals, long? endNs)
    {
        // poll(2) ignores a negative fd.
        int[] own = [endFd, signals.Fd, marks?.Fd ?? -1];
        Libc.PollFd[] fds = [.. own.Concat(capture.Fds).Select(fd => new Libc.PollFd { Fd = fd, Events = Libc.PollIn })];
        while (true)
        {
            Wait(fds);
            IgnoreEnded(fds);
            // Whoever writes more marks than are kept does not keep the recorder busy.
            if (marks?.IsFull == true)
                fds[MarksAt].Fd = -1;
            if (Pass() is { } reason)
                return reason;
            if (signals.Signal != 0)
                return EndReason.Interrupted;
            if (fds[0].Revents != 0)
                return EndReason.Exited;
            if (Libc.MonotonicNs() >= endNs)
                return EndReason.Duration;
        }
    }

    /// <summary>Empties every ring once. A result that is not null says why this has to be the last time.</summary>
    public string? Pass()
    {
        marks?.ReadTo(sink);
        var pass = new PassRecord { TimeNs = Libc.MonotonicNs() };
        sink.Append(SpoolRecordType.Pass, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<PassRecord>(in pass)));
        capture.DrainTo(sink, pass.TimeNs);
        return sink.EndPass(pass.TimeNs);
    }

    /// <summary>An event whose thread has ended reports a hang-up for ever. Its ring, into which others write, is still read by the clock.</summary>
    private static void IgnoreEnded(Libc.PollFd[] fds)
    {
        for (var i = RingsFrom; i < fds.Length; i++)
        {
            if ((fds[i].Revents & Libc.PollHup) != 0)
                fds[i].Fd = -1;
        }
    }

    // SAFETY: the array is pinned for the call, and its own length goes with it.
    private static unsafe void Wait(Libc.PollFd[] fds)
    {
        // EINTR is treated like a timeout.
        fixed (Libc.PollFd* pointer = fds)
            _ = Libc.Poll(pointer, (nuint)fds.Length, IntervalMs);
    }
}
