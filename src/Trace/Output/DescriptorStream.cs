using System.Runtime.InteropServices;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>Writes where a descriptor stands: pipes, devices, and files whose offset is shared with other programs.</summary>
internal sealed class DescriptorStream : Stream
{
    private readonly SafeFileHandle _file;

    /// <param name="file">Owned.</param>
    public DescriptorStream(SafeFileHandle file) => _file = file;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>A descriptor that was open before; null: it is not.</summary>
    public static DescriptorStream? Open(int fd)
        => FileCalls.Dup(fd) is >= 0 and var copy ? new DescriptorStream(new SafeFileHandle(copy, ownsHandle: true)) : null;

    /// <exception cref="IOException">HResult is errno.</exception>
    // SAFETY: the bytes are pinned until all are written, and done never passes their number.
    public override unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (nint done = 0; done < bytes.Length;)
            {
                var written = FileCalls.Write(_file, start + done, bytes.Length - done);
                if (written >= 0)
                    done += written;
                else if (Marshal.GetLastPInvokeError() != FileCalls.Eintr)
                    throw FileCalls.Failure();
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file.Dispose();
        base.Dispose(disposing);
    }
}
