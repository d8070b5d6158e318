using System.Runtime.InteropServices;
using Faultrec.Traces.Files;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Spool;

/// <summary>
/// Appends records. Flushed data survives the death of this process: it is in the page cache. Nothing here allocates, so
/// the drain loop never waits for the garbage collector.
/// </summary>
internal sealed class SpoolWriter : IRecordSink, IDisposable
{
    public const int MaxFaultsPerRecord = 16 * 1024;

    private const int BufferSize = 1 << 20;

    /// <summary>How often a pass is written that nothing follows: what recovers the spool of a killed recorder knows then until when it ran.</summary>
    private const long IdlePassNs = 1_000_000_000;

    private readonly SafeFileHandle _file;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _buffered;

    // Ends of the last whole record: among all appended records, and among those in the file.
    private long _recordEnd;
    private long _recordEndInFile;

    private PassRecord? _heldPass;
    private long? _writtenPassNs;

    /// <param name="file">Owned; empty.</param>
    public SpoolWriter(SafeFileHandle file) => _file = file;

    /// <summary>Bytes in the file, without what is still buffered.</summary>
    public long Length { get; private set; }

    public SafeFileHandle Handle => _file;

    public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        if (type == SpoolRecordType.Pass)
        {
            _heldPass = MemoryMarshal.Read<PassRecord>(payload);
            if (_heldPass.Value.TimeNs - _writtenPassNs < IdlePassNs)
                return; // until something follows
        }

        if (_heldPass is { } pass)
        {
            (_heldPass, _writtenPassNs) = (null, pass.TimeNs);
            PutRecord(SpoolRecordType.Pass, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<PassRecord>(in pass)), default);
        }

        if (type != SpoolRecordType.Pass)
            PutRecord(type, cpu, payload, rest);
    }

    /// <exception cref="IOException">See <see cref="Flush"/>.</exception>
    public string? EndPass(long nowNs)
    {
        Flush();
        return null;
    }

    /// <exception cref="IOException">
    /// The disk is full or broken. The file then ends with a whole record, so that later records can be read; call
    /// <see cref="DiscardBuffer"/> before appending them.
    /// </exception>
    public void Flush()
    {
        if (_buffered == 0)
            return;
        try
        {
            RandomAccess.Write(_file, _buffer.AsSpan(0, _buffered), Length);
        }
        catch (Exception e) when (e is IOException or ArgumentOutOfRangeException)
        {
            Length = _recordEndInFile;
            RandomAccess.SetLength(_file, Length);
            // How .NET reports EFBIG: a limit on file sizes, or that of the file system.
            if (e is ArgumentOutOfRangeException)
                throw new IOException("the file has reached its size limit", e);
            throw;
        }

        Length += _buffered;
        _recordEndInFile = _recordEnd;
        _buffered = 0;
    }

    /// <summary>Drops what is buffered; after a failed flush.</summary>
    public void DiscardBuffer() => _buffered = 0;

    public void Dispose() => _file.Dispose();

    private void PutRecord(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest)
    {
        var header = new SpoolRecordHeader { Magic = SpoolRecordHeader.ExpectedMagic, Type = type, Cpu = (ushort)cpu, Length = payload.Length + rest.Length };
        header.Checksum = Crc32C.Append(Crc32C.Append(header.CrcOfHead, payload), rest);
        Put(MemoryMarshal.AsBytes(new ReadOnlySpan<SpoolRecordHeader>(in header)));
        Put(payload);
        Put(rest);
        _recordEnd = Length + _buffered;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_buffered == BufferSize)
                Flush();
            var chunk = Math.Min(bytes.Length, BufferSize - _buffered);
            bytes[..chunk].CopyTo(_buffer.AsSpan(_buffered));
            _buffered += chunk;
            bytes = bytes[chunk..];
        }
    }
}
