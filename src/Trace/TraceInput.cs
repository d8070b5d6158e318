using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces;

/// <summary>
/// What the Parquet reader reads from: one window of the file at a time, held in a reused buffer. Reading outside the window, or
/// moving about in it more often than its pages could ask for, is damage and throws, where the library would loop for ever.
/// </summary>
internal sealed class TraceInput : Stream
{
    private readonly SafeFileHandle _file;
    private byte[] _buffer = [];
    private long _windowStart;
    private int _windowLength;
    private long _position;
    private int _movesLeft;

    /// <param name="file">Owned: disposed with this stream.</param>
    public TraceInput(SafeFileHandle file)
    {
        _file = file;
        Length = RandomAccess.GetLength(file);
        WholeFile = true;
    }

    /// <summary>While true, reads go straight to the file; the library needs that once, to open.</summary>
    public bool WholeFile { get; set; }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; }

    public override long Position
    {
        get => _position;
        set => Move(value);
    }

    /// <summary>Valid until the next call.</summary>
    public ReadOnlySpan<byte> Window => _buffer.AsSpan(0, _windowLength);

    /// <summary>Makes the bytes from <paramref name="start"/> the window.</summary>
    /// <exception cref="EndOfStreamException">The file ends before.</exception>
    public void Load(long start, int length)
    {
        if (_buffer.Length < length)
            _buffer = new byte[Math.Max(length, (int)Math.Min(_buffer.Length * 2L, Array.MaxLength))];
        _windowStart = start;
        _windowLength = 0;
        while (_windowLength < length)
        {
            int read = RandomAccess.Read(_file, _buffer.AsSpan(_windowLength, length - _windowLength), start + _windowLength);
            if (read == 0)
                throw new EndOfStreamException("the file ends inside");
            _windowLength += read;
        }
        // Two moves a page at least, and a page is longer than 8 bytes.
        _movesLeft = 64 + length / 4;
        _position = start;
    }

    public override int Read(Span<byte> destination)
    {
        if (WholeFile)
        {
            int read = RandomAccess.Read(_file, destination, _position);
            _position += read;
            return read;
        }
        long offset = _position - _windowStart;
        if (offset < 0 || offset >= _windowLength)
            throw new EndOfStreamException("a page reaches beyond its column");
        int count = (int)Math.Min(destination.Length, _windowLength - offset);
        _buffer.AsSpan((int)offset, count).CopyTo(destination);
        _position += count;
        return count;
    }

    public override int ReadByte()
    {
        long offset = _position - _windowStart;
        if (WholeFile || offset < 0 || offset >= _windowLength)
            throw new EndOfStreamException("a page reaches beyond its column");
        _position++;
        return _buffer[offset];
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override long Seek(long offset, SeekOrigin origin)
    {
        Move(origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => _position + offset,
            _ => Length + offset,
        });
        return _position;
    }

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file.Dispose();
        base.Dispose(disposing);
    }

    private void Move(long position)
    {
        if (position < 0 || position > Length)
            throw new EndOfStreamException("a page lies outside the file");
        if (!WholeFile && --_movesLeft < 0)
            throw new EndOfStreamException("its pages form a loop");
        _position = position;
    }
}
