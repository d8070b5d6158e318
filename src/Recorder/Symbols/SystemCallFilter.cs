using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The system calls that reading an open ELF file takes: memory, the socket to the recorder, what the runtime's threads need of each
/// other. None opens a file, makes a process or a connection, or makes memory executable; each of these fails with EPERM.
/// </summary>
internal static class SystemCallFilter
{
    private const uint ArchX64 = 0xc000003e; // AUDIT_ARCH_X86_64
    private const uint Allow = 0x7fff0000; // SECCOMP_RET_ALLOW
    private const uint Refuse = 0x00050000 | Errno.Eperm; // SECCOMP_RET_ERRNO
    private const uint Kill = 0x80000000; // SECCOMP_RET_KILL_PROCESS

    // struct seccomp_data: nr, arch, instruction_pointer, args[6]; little endian, so that an argument's lower half comes first.
    private const int NumberAt = 0;
    private const int ArchAt = 4;
    private const int FirstArgumentAt = 16;
    private const int ProtectionAt = 16 + 2 * 8;
    private const uint ProtExec = 4;

    private const ushort Load = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort IfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort IfSet = 0x45; // BPF_JMP | BPF_JSET | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K

    private const uint Mmap = 9, Mprotect = 10;

    /// <summary>Allowed with this process as the first argument: threads are stopped for the collector, and the runtime ends itself.</summary>
    private const uint Tgkill = 234;

    /// <summary>Allowed with 0, this process: the limit of CPU time begins anew with each question.</summary>
    private const uint Prlimit64 = 302;

    // Found by strace of the service over the fixtures, the fuzzer's files and a large C++ library (x86-64 numbers).
    private static readonly uint[] _calls =
    [
        0, // read
        1, // write: to /dev/null, which its standard streams are
        3, // close
        5, // fstat
        7, // poll
        8, // lseek
        11, // munmap
        12, // brk
        13, // rt_sigaction
        14, // rt_sigprocmask
        15, // rt_sigreturn
        17, // pread64
        24, // sched_yield
        25, // mremap
        28, // madvise
        32, // dup
        39, // getpid
        46, // sendmsg
        47, // recvmsg
        60, // exit
        72, // fcntl
        98, // getrusage
        99, // sysinfo
        131, // sigaltstack
        186, // gettid
        202, // futex
        204, // sched_getaffinity
        219, // restart_syscall
        228, // clock_gettime
        230, // clock_nanosleep
        231, // exit_group
        262, // newfstatat: which is how glibc asks for the status of an open file
        271, // ppoll
        273, // set_robust_list: this and rseq are a thread's first calls, and one may be at its beginning when the filter comes
        309, // getcpu
        324, // membarrier
        334, // rseq: where it fails, glibc ends the process
    ];

    /// <param name="pid">Of the process that it is for.</param>
    public static FilterInstruction[] Make(int pid)
    {
        var program = new List<FilterInstruction>
        {
            // Another architecture's numbers mean other calls.
            new(Load, 0, 0, ArchAt),
            new(IfEqual, 1, 0, ArchX64),
            new(Return, 0, 0, Kill),
            new(Load, 0, 0, NumberAt),
        };
        foreach (var call in _calls)
        {
            program.Add(new FilterInstruction(IfEqual, 0, 1, call));
            program.Add(new FilterInstruction(Return, 0, 0, Allow));
        }
        AddWithArgument(program, Mmap, ProtectionAt, new FilterInstruction(IfSet, 1, 0, ProtExec));
        AddWithArgument(program, Mprotect, ProtectionAt, new FilterInstruction(IfSet, 1, 0, ProtExec));
        AddWithArgument(program, Tgkill, FirstArgumentAt, new FilterInstruction(IfEqual, 0, 1, (uint)pid));
        AddWithArgument(program, Prlimit64, FirstArgumentAt, new FilterInstruction(IfEqual, 0, 1, 0));
        program.Add(new FilterInstruction(Return, 0, 0, Refuse));
        return [.. program];
    }

    /// <param name="test">Of the argument's lower half: goes on to the next instruction to allow, jumps over it to refuse.</param>
    private static void AddWithArgument(List<FilterInstruction> program, uint call, uint argumentAt, FilterInstruction test)
    {
        program.Add(new FilterInstruction(IfEqual, 0, 4, call));
        program.Add(new FilterInstruction(Load, 0, 0, argumentAt));
        program.Add(test);
        program.Add(new FilterInstruction(Return, 0, 0, Allow));
        program.Add(new FilterInstruction(Return, 0, 0, Refuse));
    }
}
