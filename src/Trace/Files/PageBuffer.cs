namespace Faultrec.Traces.Files;

/// <summary>A stream over a reused array: pages are appended, then read. Reading past its end throws, where the Parquet library would loop for ever.</summary>
internal sealed class PageBuffer : Stream
{
    private byte[] _bytes = [];
    private int _length;
    private int _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => _length;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 && value <= _length ? (int)value : throw new EndOfStreamException("a page lies outside its column");
    }

    public void Clear() => _position = _length = 0;

    /// <returns>Where to write; valid until the next call.</returns>
    public Span<byte> Append(int count)
    {
        var start = _length;
        _length = checked(start + count);
        if (_bytes.Length < _length)
            Array.Resize(ref _bytes, (int)Math.Clamp(2L * _bytes.Length, _length, Array.MaxLength));
        return _bytes.AsSpan(start, count);
    }

    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Append(bytes.Length));

    public override int Read(Span<byte> destination)
    {
        if (_position == _length && destination.Length > 0)
            throw new EndOfStreamException("its pages end early");
        var count = Math.Min(destination.Length, _length - _position);
        _bytes.AsSpan(_position, count).CopyTo(destination);
        _position += count;
        return count;
    }

    public override int ReadByte() => _position < _length ? _bytes[_position++] : throw new EndOfStreamException("its pages end early");

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override long Seek(long offset, SeekOrigin origin)
        => Position = offset + origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => _position,
            _ => _length,
        };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
