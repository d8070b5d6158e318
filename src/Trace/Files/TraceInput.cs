using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Files;

/// <summary>A file of which one window at a time is held, in a reused buffer.</summary>
/// <param name="file">Owned: disposed with this.</param>
internal sealed class TraceInput(SafeFileHandle file) : IDisposable
{
    private byte[] _buffer = [];
    private int _windowLength;

    public long Length { get; } = RandomAccess.GetLength(file);

    /// <summary>Valid until the next call.</summary>
    public ReadOnlySpan<byte> Window => _buffer.AsSpan(0, _windowLength);

    /// <summary>Makes the bytes from <paramref name="start"/> the window.</summary>
    /// <exception cref="EndOfStreamException">The file ends before.</exception>
    public void Load(long start, int length)
    {
        if (_buffer.Length < length)
            _buffer = new byte[Math.Max(length, (int)Math.Min(_buffer.Length * 2L, Array.MaxLength))];
        _windowLength = 0;
        while (_windowLength < length)
        {
            var read = RandomAccess.Read(file, _buffer.AsSpan(_windowLength, length - _windowLength), start + _windowLength);
            if (read == 0)
                throw new EndOfStreamException("the file ends inside");
            _windowLength += read;
        }
    }

    /// <summary>Gives the buffer back, when what was loaded is far larger than what comes.</summary>
    public void Forget() => (_buffer, _windowLength) = ([], 0);

    public void Dispose() => file.Dispose();
}
