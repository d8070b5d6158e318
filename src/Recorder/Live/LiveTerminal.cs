using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Live;

/// <summary>
/// What a terminal tells about itself, by its descriptor: System.Console would first switch it to another keypad mode, and the recorded
/// command uses the same terminal.
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
    public static unsafe (int Columns, int Lines) SizeOf(int descriptor)
    {
        WindowSize size = default;
        var result = Libc.Ioctl(descriptor, Tiocgwinsz, (nint)(&size));
        return result == 0 && size is { Rows: > 0, Columns: > 0 } ? (size.Columns, size.Rows) : (80, 24);
    }

    /// <summary>A shell on this terminal has put another job in the foreground, and the terminal is that one's.</summary>
    public static bool IsAnothers(int descriptor)
    {
        // Negative: it is not this process's controlling terminal, which knows no jobs.
        var foreground = Libc.Tcgetpgrp(descriptor);
        return foreground >= 0 && foreground != Libc.Getpgrp();
    }
}
