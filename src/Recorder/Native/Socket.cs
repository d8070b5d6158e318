using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

/// <summary>A pair of connected sockets between two processes, which also carries open files (unix(7), SCM_RIGHTS).</summary>
// SAFETY: the message, its part and its control lie in the frame of the caller, the bytes are pinned for the call, and the kernel keeps
// none of them.
internal static unsafe partial class Socket
{
    private const string Library = "libc";
    private const int AfUnix = 1;
    private const int SockStream = 1;
    private const int SolSocket = 1;
    private const int ScmRights = 1;
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int Cloexec = 0x40000000; // MSG_CMSG_CLOEXEC

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public nint Name;
        public nuint NameBytes;
        public Part* Parts;
        public nuint PartCount;
        public Control* Control;
        public nuint ControlBytes;
        public long Flags;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Bytes;
        public nuint Length;
    }

    /// <summary>struct cmsghdr with one descriptor.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Control
    {
        /// <summary>Without the padding behind the descriptor.</summary>
        public const int Bytes = 20;

        public nuint Length;
        public int Level;
        public int Type;
        public int Fd;
        public int Padding;
    }

    public static (FdHandle Ours, FdHandle Theirs) Pair()
    {
        var fds = stackalloc int[2];
        Errno.ThrowIfFailed(Socketpair(AfUnix, SockStream | Libc.OCloexec, 0, fds), "socketpair");
        return (new FdHandle(fds[0]), new FdHandle(fds[1]));
    }

    /// <param name="file">Goes with the first byte; null: none.</param>
    /// <returns>Bytes sent, or -1 and errno.</returns>
    public static nint Send(int fd, ReadOnlySpan<byte> bytes, SafeFileHandle? file)
    {
        fixed (byte* pointer = bytes)
        {
            var part = new Part { Bytes = pointer, Length = (nuint)bytes.Length };
            var message = new Message { Parts = &part, PartCount = 1 };
            var control = new Control { Length = Control.Bytes, Level = SolSocket, Type = ScmRights };
            if (file is not null)
            {
                control.Fd = (int)file.DangerousGetHandle();
                message.Control = &control;
                message.ControlBytes = (nuint)sizeof(Control);
            }

            return Sendmsg(fd, &message, NoSignal);
        }
    }

    /// <param name="file">What came with the bytes; null: nothing. More than one the kernel drops.</param>
    /// <returns>Bytes received, 0 when the other side is gone, or -1 and errno.</returns>
    public static nint Receive(int fd, Span<byte> bytes, out SafeFileHandle? file)
    {
        file = null;
        fixed (byte* pointer = bytes)
        {
            var part = new Part { Bytes = pointer, Length = (nuint)bytes.Length };
            Control control = default;
            var message = new Message { Parts = &part, PartCount = 1, Control = &control, ControlBytes = (nuint)sizeof(Control) };
            var received = Recvmsg(fd, &message, Cloexec);
            if (received >= 0 && message.ControlBytes >= Control.Bytes && control is { Level: SolSocket, Type: ScmRights })
                file = new SafeFileHandle(control.Fd, ownsHandle: true);
            return received;
        }
    }

    [LibraryImport(Library, EntryPoint = "socketpair", SetLastError = true)]
    private static partial int Socketpair(int domain, int type, int protocol, int* fds);

    [LibraryImport(Library, EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint Sendmsg(int fd, Message* message, int flags);

    [LibraryImport(Library, EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint Recvmsg(int fd, Message* message, int flags);
}
