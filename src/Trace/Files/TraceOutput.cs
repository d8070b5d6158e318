using System.Buffers.Binary;

namespace Faultrec.Traces.Files;

/// <summary>
/// What the Parquet writer writes into: gathers its small writes, checksums each column chunk as it passes, and holds the footer
/// back so that its guard can stand before it.
/// </summary>
internal sealed class TraceOutput : Stream
{
    private const int BufferSize = 64 * 1024;

    private readonly Stream _file;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _buffered;
    private long _position;
    private uint _crc;
    private MemoryStream? _footer;

    /// <param name="file">Left open.</param>
    public TraceOutput(Stream file) => _file = file;

    public override bool CanRead => false;

    // The writer wraps a stream without this in one more stream, only to ask for Position.
    public override bool CanSeek => true;

    public override bool CanWrite => true;

    public override long Length => _position;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <summary>CRC-32C of everything written since the last call.</summary>
    public uint TakeChecksum()
    {
        var crc = _crc;
        _crc = 0;
        return crc;
    }

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        _position += bytes.Length;
        if (_footer is not null)
        {
            _footer.Write(bytes);
            return;
        }

        _crc = Crc32C.Append(_crc, bytes);
        Pass(bytes);
    }

    /// <summary>From here on the writer writes footer, its length and the magic.</summary>
    public void BeginFooter() => _footer = new MemoryStream();

    /// <summary>Writes guard and footer, and flushes the file.</summary>
    public void EndFooter()
    {
        // Footer = metadata, then its length (4 bytes) and the magic (4 bytes), which are not part of it.
        ReadOnlySpan<byte> footer = _footer!.GetBuffer().AsSpan(0, (int)_footer.Length);
        Span<byte> guard = stackalloc byte[FooterGuard.Size];
        FooterGuard.Write(guard, footer[..^8]);
        Pass(guard);
        Pass(footer);
        Drain();
        _file.Flush();
    }

    // The writer flushes before each page; the file is only worth anything as a whole.
    public override void Flush()
    {
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Write(buffer.AsSpan(offset, count));
        return Task.CompletedTask;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Pass(ReadOnlySpan<byte> bytes)
    {
        if (_buffered + bytes.Length > BufferSize)
            Drain();
        if (bytes.Length >= BufferSize)
        {
            _file.Write(bytes);
            return;
        }

        bytes.CopyTo(_buffer.AsSpan(_buffered));
        _buffered += bytes.Length;
    }

    private void Drain()
    {
        _file.Write(_buffer.AsSpan(0, _buffered));
        _buffered = 0;
    }
}

/// <summary>
/// Sixteen bytes between the last column chunk and the footer, where Parquet readers do not look: "faultrec", the footer's
/// CRC-32C and its length, both little-endian. A footer with a flipped bit is recognised before anything in it is believed.
/// </summary>
internal static class FooterGuard
{
    public const int Size = 16;

    private static ReadOnlySpan<byte> Magic => "faultrec"u8;

    public static void Write(Span<byte> guard, ReadOnlySpan<byte> footer)
    {
        Magic.CopyTo(guard);
        BinaryPrimitives.WriteUInt32LittleEndian(guard[8..], Crc32C.Append(0, footer));
        BinaryPrimitives.WriteInt32LittleEndian(guard[12..], footer.Length);
    }

    /// <summary>Null when there is no guard (another program wrote the file), else whether the footer is the one written.</summary>
    public static bool? Check(ReadOnlySpan<byte> guard, ReadOnlySpan<byte> footer)
    {
        if (!guard.StartsWith(Magic))
            return null;
        return BinaryPrimitives.ReadUInt32LittleEndian(guard[8..]) == Crc32C.Append(0, footer)
            && BinaryPrimitives.ReadInt32LittleEndian(guard[12..]) == footer.Length;
    }
}
