using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Spool;

/// <summary>Writes records to a spool file until the disk or a limit ends it.</summary>
internal sealed class SpoolSink(SpoolWriter spool, long maxBytes) : IRecordSink
{
    /// <summary>Finalizing needs room for the trace beside the spool: at most a third of it, and some for the rest of the system.</summary>
    public const long SpareBytes = 16 << 20;

    private const long SpaceCheckIntervalNs = 200_000_000;
    private const int SpoolBytesPerTraceByte = 3;

    private long _nextSpaceCheckNs;
    private bool _isFull;

    /// <summary>Why writing to the file failed; null: it did not.</summary>
    public IOException? Failure { get; private set; }

    public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        if (_isFull)
            return; // Drops the rest of this pass; EndPass reports it.
        try
        {
            spool.Append(type, cpu, payload, rest);
        }
        catch (IOException e)
        {
            Fill(e);
        }
    }

    public string? EndPass(long nowNs)
    {
        try
        {
            spool.Flush();
        }
        catch (IOException e)
        {
            Fill(e);
        }

        if (_isFull)
        {
            // The last record may still find room, so it is tried; without the first record the spool could not be read.
            _isFull = spool.Length == 0;
            return Failure is null || Errno.IsDiskFull(Failure) ? EndReason.DiskFull : EndReason.WriteFailed;
        }

        if (IsDiskFilling(nowNs))
            return EndReason.DiskFull;
        return spool.Length >= maxBytes ? EndReason.MaxSize : null;
    }

    private void Fill(IOException failure)
    {
        Failure ??= failure;
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
