using System.Buffers.Text;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Kernel;

/// <summary>The kernel's counters of a process's memory, from /proc/PID/status (proc(5)). Not for several threads at a time.</summary>
internal sealed class ProcessStatus
{
    private const int KiB = 1024;

    // All but the list of the process's groups is short.
    private byte[] _text = new byte[4 * KiB];

    /// <summary>False if the process has ended, or its main thread, with which the file loses its lines of memory; or this user may not see it.</summary>
    public bool TryRead(int pid, out MemoryRecord memory)
    {
        memory = new MemoryRecord { TimeNs = Libc.MonotonicNs(), Pid = pid };
        using var file = new FdHandle(Libc.Open($"/proc/{pid}/status", Libc.OCloexec, 0));
        return !file.IsInvalid && TryParse(ReadAll(file), ref memory);
    }

    /// <summary>Times and ids are left as they are.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, ref MemoryRecord memory)
    {
        // Since 5.0.
        memory.ThpDisabled = text.IndexOf("\nTHP_enabled:\t0\n"u8) >= 0 ? 1 : 0;
        return TryFind(text, "\nVmHWM:"u8, out memory.PeakBytes) && TryFind(text, "\nRssAnon:"u8, out memory.AnonBytes)
            && TryFind(text, "\nRssFile:"u8, out memory.FileBytes) && TryFind(text, "\nRssShmem:"u8, out memory.ShmemBytes)
            && TryFind(text, "\nVmSwap:"u8, out memory.SwapBytes);
    }

    // A name cannot imitate a line: the kernel writes a line feed in it as \n.
    private static bool TryFind(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name, out long bytes)
    {
        bytes = 0;
        var at = text.IndexOf(name);
        if (at < 0)
            return false;
        var value = text[(at + name.Length)..].TrimStart("\t "u8);
        if (!Utf8Parser.TryParse(value, out long kibibytes, out var digits) || kibibytes < 0 || !value[digits..].StartsWith(" kB\n"u8))
            return false;
        bytes = kibibytes * KiB;
        return true;
    }

    // SAFETY: the rest of the array is pinned for each call, which gets its length.
    private unsafe ReadOnlySpan<byte> ReadAll(FdHandle file)
    {
        for (var length = 0; ;)
        {
            if (length == _text.Length)
                Array.Resize(ref _text, 2 * length);
            nint part;
            fixed (byte* rest = &_text[length])
                part = Libc.Read(file.Fd, rest, (nuint)(_text.Length - length));
            if (part <= 0)
                return _text.AsSpan(0, length);
            length += (int)part;
        }
    }
}
