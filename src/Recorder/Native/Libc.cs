using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>System calls as glibc names them; see the man page of each. Errors: -1 and errno.</summary>
// SAFETY: declarations as in the manual; what is not only that passes locals, of the sizes that the kernel writes: 18 words are a struct
// stat.
internal static unsafe partial class Libc
{
    public const int ProtRead = 1;
    public const int ProtWrite = 2;
    public const int MapShared = 1;
    public const int MapPrivate = 2;
    public const int MapAnonymous = 0x20;
    public const int MallocMmapThreshold = -3;
    public const int ORdwr = 2;
    public const int OCloexec = 0x80000;
    public const int OPath = 0x200000;
    public const int ONonblock = 0x800;
    public const short PollIn = 1;
    public const short PollOut = 4;
    public const short PollHup = 0x10;
    public const int Wnohang = 1;
    public const int ClockMonotonic = 1;
    public const int FSetfd = 2;
    public const int FdCloexec = 1;
    public const int FadviseWillNeed = 3;
    public const int FadviseDontNeed = 4;
    public const int RusageSelf = 0;
    public const uint MfdCloexec = 1;
    public const int RlimitCpu = 0;
    public const int RlimitFsize = 1;
    public const int RlimitCore = 4;
    public const int RlimitNproc = 6;
    public const int RlimitNofile = 7;
    public const int RlimitAs = 9;
    public const nuint AuxvSysinfoEhdr = 33; // AT_SYSINFO_EHDR

    private const string Library = "libc";

    private static readonly int SysRtSigaction = SystemCalls.Number("rt_sigaction");
    private static readonly int SysPerfEventOpen = SystemCalls.Number("perf_event_open");
    private static readonly int SysPidfdOpen = SystemCalls.Number("pidfd_open");
    private static readonly int SysOpenat2 = SystemCalls.Number("openat2");
    private static readonly int SysMembarrier = SystemCalls.Number("membarrier");

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Revents;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct rlimit.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public record struct Rlimit(ulong Soft, ulong Hard);

    /// <summary>struct rusage: the members we read, and padding for the rest (16 longs in all on 64 bit).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Rusage
    {
        public fixed long Times[4];
        public long MaxRssKib;
        public fixed long Unused[3];
        public long MinorFaults;
        public long MajorFaults;
        public fixed long Rest[8];
    }

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    public static partial nint Mmap(nint address, nuint length, int prot, int flags, int fd, nint offset);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    public static partial int Munmap(nint address, nuint length);

    [LibraryImport(Library, EntryPoint = "madvise", SetLastError = true)]
    public static partial int Madvise(nint address, nuint length, int advice);

    /// <summary>glibc's; mallopt(3).</summary>
    [LibraryImport(Library, EntryPoint = "mallopt")]
    public static partial int Mallopt(int parameter, int value);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport(Library, EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Access(string path, int mode);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int fd, void* buffer, nuint length);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int fd, void* buffer, nuint length);

    [LibraryImport(Library, EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe2(int* fds, int flags);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int fd, int command, int argument);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollFd* fds, nuint count, int timeoutMs);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int fd, nuint request, nint argument);

    [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    [LibraryImport(Library, EntryPoint = "wait4", SetLastError = true)]
    public static partial int Wait4(int pid, int* status, int options, Rusage* usage);

    [LibraryImport(Library, EntryPoint = "getrusage", SetLastError = true)]
    public static partial int Getrusage(int who, Rusage* usage);

    [LibraryImport(Library, EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int Getrlimit(int resource, Rlimit* limit);

    [LibraryImport(Library, EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int Setrlimit(int resource, Rlimit* limit);

    [LibraryImport(Library, EntryPoint = "getpgrp")]
    public static partial int Getpgrp();

    [LibraryImport(Library, EntryPoint = "tcgetpgrp", SetLastError = true)]
    public static partial int Tcgetpgrp(int fd);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    public static partial uint Geteuid();

    [LibraryImport(Library, EntryPoint = "setresuid", SetLastError = true)]
    public static partial int Setresuid(uint real, uint effective, uint saved);

    [LibraryImport(Library, EntryPoint = "setresgid", SetLastError = true)]
    public static partial int Setresgid(uint real, uint effective, uint saved);

    [LibraryImport(Library, EntryPoint = "initgroups", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Initgroups(string user, uint gid);

    [LibraryImport(Library, EntryPoint = "execvpe", SetLastError = true)]
    public static partial int Execvpe(byte* file, byte** argv, byte** environment);

    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int ClockGettime(int clock, Timespec* time);

    [LibraryImport(Library, EntryPoint = "stat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Stat(string path, ulong* stat);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a0, nint a1, nint a2, nint a3, nint a4);

    /// <summary>A name without a slash is looked for in PATH.</summary>
    [LibraryImport(Library, EntryPoint = "posix_spawnp")]
    public static partial int PosixSpawnp(int* pid, byte* file, void* fileActions, void* attributes, byte** argv, byte** envp);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_init")]
    public static partial int PosixSpawnattrInit(void* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setflags")]
    public static partial int PosixSpawnattrSetflags(void* attributes, short flags);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setsigdefault")]
    public static partial int PosixSpawnattrSetsigdefault(void* attributes, void* signals);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_destroy")]
    public static partial int PosixSpawnattrDestroy(void* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_init")]
    public static partial int PosixSpawnFileActionsInit(void* actions);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int PosixSpawnFileActionsAddopen(void* actions, int fd, string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_destroy")]
    public static partial int PosixSpawnFileActionsDestroy(void* actions);

    [LibraryImport(Library, EntryPoint = "dup", SetLastError = true)]
    public static partial int Dup(int fd);

    [LibraryImport(Library, EntryPoint = "dup2", SetLastError = true)]
    public static partial int Dup2(int from, int to);

    [LibraryImport(Library, EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MemfdCreate(string name, uint flags);

    [LibraryImport(Library, EntryPoint = "getauxval")]
    public static partial nuint Getauxval(nuint type);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    /// <returns>0 or an errno value.</returns>
    [LibraryImport(Library, EntryPoint = "posix_fadvise")]
    public static partial int PosixFadvise(int fd, long offset, long length, int advice);

    [LibraryImport(Library, EntryPoint = "fstat", SetLastError = true)]
    public static partial int Fstat(int fd, ulong* stat);

    /// <summary>stat(2): inode number of a file. struct stat of x86-64: st_dev, st_ino, … in 144 bytes.</summary>
    public static ulong InodeOf(string path)
    {
        var stat = stackalloc ulong[18];
        Errno.ThrowIfFailed(Stat(path, stat), $"stat of {path}");
        return stat[1];
    }

    /// <summary>The device as the kernel keeps it (see <see cref="KernelDevice"/>) and the inode number; null: no such file.</summary>
    public static (uint Device, ulong Inode)? TryGetDeviceAndInode(string path)
    {
        var stat = stackalloc ulong[18];
        if (Stat(path, stat) != 0)
            return null;
        // makedev(3): 12 of the minor's bits are below the major's, 12 above; likewise the other way round.
        var major = (uint)((stat[0] >> 8) & 0xfff);
        var minor = (uint)((stat[0] & 0xff) | ((stat[0] >> 12) & 0xffff_ff00));
        return (KernelDevice(major, minor), stat[1]);
    }

    /// <summary>MKDEV of include/linux/kdev_t.h.</summary>
    public static uint KernelDevice(uint major, uint minor) => major << 20 | minor;

    /// <summary>perf_event_open(2): an fd, or -1.</summary>
    public static int PerfEventOpen(void* attr, int pid, int cpu, int groupFd, uint flags)
        => (int)Syscall(SysPerfEventOpen, (nint)attr, pid, cpu, groupFd, (nint)flags);

    /// <summary>rt_sigaction(2) itself: the library keeps 32 and 33 for its threads, and ignores the first in what posix_spawn(3) starts.</summary>
    /// <param name="handler">0: SIG_DFL; 1: SIG_IGN.</param>
    public static void SetSignal(int signal, nint handler)
    {
        // struct kernel_sigaction: handler, flags, restorer, mask of 8 bytes.
        var action = stackalloc nint[4] { handler, 0, 0, 0 };
        _ = Syscall(SysRtSigaction, signal, (nint)action, 0, sizeof(ulong), 0);
    }

    /// <summary>
    /// Waits until all kernel code that is in an RCU read-side section now has left it: MEMBARRIER_CMD_GLOBAL is synchronize_rcu
    /// (kernel/sched/membarrier.c). On a machine with nohz_full the kernel refuses, and this does not wait.
    /// </summary>
    public static void WaitForRcuReaders()
    {
        const int commandGlobal = 1;
        _ = Syscall(SysMembarrier, commandGlobal, 0, 0, 0, 0);
    }

    /// <summary>pidfd_open(2): readable when the process has ended. An fd, or -1.</summary>
    public static int PidfdOpen(int pid) => (int)Syscall(SysPidfdOpen, pid, 0, 0, 0, 0);

    /// <summary>openat2(2), since Linux 5.6: an fd, or -1.</summary>
    public static int Openat2(int folder, string path, void* how, int size)
    {
        fixed (byte* text = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
            return (int)Syscall(SysOpenat2, folder, (nint)text, (nint)how, size, 0);
    }

    public static long MonotonicNs()
    {
        Timespec now;
        _ = ClockGettime(ClockMonotonic, &now);
        return now.Seconds * 1_000_000_000 + now.Nanoseconds;
    }
}
