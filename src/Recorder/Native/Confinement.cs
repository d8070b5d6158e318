using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>What a process gives up for good: user, capabilities, system calls (setresuid(2), capabilities(7), seccomp(2)).</summary>
// SAFETY: the kernel gets locals and what is pinned for the call: version 3 of the capabilities is two words of header and six of sets.
internal static unsafe partial class Confinement
{
    public const int CapDacReadSearch = 2;

    private const string Library = "libc";
    private const int PrSetDumpable = 4;
    private const int PrCapbsetDrop = 24;
    private const int PrSetNoNewPrivs = 38;
    private const int PrCapAmbient = 47;
    private const int PrCapAmbientClearAll = 4;
    private const int MaxCapabilities = 64;
    private const uint CapabilityVersion = 0x20080522; // _LINUX_CAPABILITY_VERSION_3
    private const int ReadOk = 4; // R_OK
    private const int SeccompSetModeFilter = 1;
    private const int SeccompFilterFlagTsync = 1;
    private const int CloseRangeCloexec = 4;

    private static readonly int SysCapget = SystemCalls.Number("capget");
    private static readonly int SysCapset = SystemCalls.Number("capset");
    private static readonly int SysSeccomp = SystemCalls.Number("seccomp");
    private static readonly int SysCloseRange = SystemCalls.Number("close_range");

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Length;
        public FilterInstruction* Instructions;
    }

    /// <summary>This thread may do something that an ordinary user's may not.</summary>
    public static bool HasCapabilities
    {
        get
        {
            var header = stackalloc uint[2] { CapabilityVersion, 0 };
            var sets = stackalloc uint[6];
            return Syscall(SysCapget, (nint)header, (nint)sets, 0) == 0 && (sets[1] | sets[4]) != 0;
        }
    }

    /// <summary>What a program that is executed later could have at most.</summary>
    public static void DropBoundingSet(int but)
    {
        for (var capability = 0; capability < MaxCapabilities; capability++)
        {
            if (capability != but)
                _ = Prctl(PrCapbsetDrop, capability, 0, 0, 0);
        }

        _ = Prctl(PrCapAmbient, PrCapAmbientClearAll, 0, 0, 0);
    }

    /// <summary>Of this thread, and of what it executes.</summary>
    /// <param name="mask">Those it keeps, as bits; of them only what it has.</param>
    public static void KeepCapabilities(uint mask)
    {
        var header = stackalloc uint[2] { CapabilityVersion, 0 };
        // effective, permitted, inheritable; then again for the upper 32
        var sets = stackalloc uint[6];
        if (Syscall(SysCapget, (nint)header, (nint)sets, 0) != 0)
            return;
        sets[0] = sets[1] &= mask;
        sets[2] = sets[3] = sets[4] = sets[5] = 0;
        _ = Syscall(SysCapset, (nint)header, (nint)sets, 0);
    }

    /// <summary>By this process's real user.</summary>
    public static bool CanRead(string path) => Access(path, ReadOk) == 0;

    /// <summary>Of this thread, and of what it executes: no set-uid program gives it anything back.</summary>
    public static void SetNoNewPrivileges() => _ = Prctl(PrSetNoNewPrivs, 1, 0, 0, 0);

    /// <summary>Another process of the same user may not look into this one.</summary>
    public static void SetUndumpable() => _ = Prctl(PrSetDumpable, 0, 0, 0, 0);

    /// <summary>Every descriptor but the standard ones is closed by the next execve.</summary>
    public static void CloseAllOnExec() => _ = Syscall(SysCloseRange, 3, unchecked((nint)uint.MaxValue), CloseRangeCloexec);

    /// <summary>From here on the filter decides each system call, of this thread or of every one of the process.</summary>
    /// <returns>0 or an errno value.</returns>
    public static int SetFilter(ReadOnlySpan<FilterInstruction> filter, bool allThreads)
    {
        SetNoNewPrivileges();
        fixed (FilterInstruction* instructions = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = instructions };
            var result = Syscall(SysSeccomp, SeccompSetModeFilter, allThreads ? SeccompFilterFlagTsync : 0, (nint)(&program));
            // With TSYNC a positive result is a thread that could not follow.
            return result < 0 ? Marshal.GetLastPInvokeError() : result > 0 ? Errno.Esrch : 0;
        }
    }

    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    private static partial int Prctl(int option, nint a2, nint a3, nint a4, nint a5);

    [LibraryImport(Library, EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a0, nint a1, nint a2);
}

/// <summary>struct sock_filter: one instruction of classic BPF.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FilterInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);
