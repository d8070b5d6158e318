using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Live;

/// <summary>
/// The size of the terminal on stdout, read from the terminal itself: System.Console would first switch it to another keypad mode,
/// and the traced command uses the same terminal.
/// </summary>
public static class LiveTerminal
{
    private const nuint Tiocgwinsz = 0x5413; // asm-generic/ioctls.h

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsX;
        public ushort PixelsY;
    }

    /// <summary>80 × 24 if the terminal does not know.</summary>
    // SAFETY: the kernel writes one struct winsize (ioctl_tty(2)), into the local.
    public static unsafe (int Columns, int Lines) Size
    {
        get
        {
            WindowSize size = default;
            var result = Libc.Ioctl(1, Tiocgwinsz, (nint)(&size));
            return result == 0 && size is { Rows: > 0, Columns: > 0 } ? (size.Columns, size.Rows) : (80, 24);
        }
    }
}
