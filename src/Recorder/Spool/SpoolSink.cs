using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Spool;

/// <summary>Frames into a spool file, until the disk or a limit ends it.</summary>
internal sealed class SpoolSink(SpoolWriter spool, long maxBytes) : IFrameSink
{
    /// <summary>Finalizing needs room for the trace beside the spool: at most a third of it, and some for the rest of the system.</summary>
    public const long SpareBytes = 16 << 20;

    private const long SpaceCheckIntervalNs = 200_000_000;
    private const int SpoolBytesPerTraceByte = 3;

    private long _nextSpaceCheckNs;
    private bool _isFull;

    public void Append(FrameType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        if (_isFull)
            return; // The rest of this pass; EndPass tells.
        try
        {
            spool.Append(type, cpu, payload, rest);
        }
        catch (IOException)
        {
            Fill();
        }
    }

    public string? EndPass(long nowNs)
    {
        try
        {
            spool.Flush();
        }
        catch (IOException)
        {
            Fill();
        }
        if (_isFull || IsDiskFilling(nowNs))
        {
            _isFull = false; // The last frame may still find room, and is tried.
            return EndReason.DiskFull;
        }
        return spool.Length >= maxBytes ? EndReason.MaxSize : null;
    }

    private void Fill()
    {
        spool.DiscardBuffer();
        _isFull = true;
    }

    private bool IsDiskFilling(long nowNs)
    {
        if (nowNs < _nextSpaceCheckNs)
            return false;
        _nextSpaceCheckNs = nowNs + SpaceCheckIntervalNs;
        return DiskSpace.AvailableBytes(spool.Handle) < SpareBytes + spool.Length / SpoolBytesPerTraceByte;
    }
}
