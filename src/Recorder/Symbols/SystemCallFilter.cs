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

    // Found by strace of the service over the fixtures, the fuzzer's files and a large C++ library.
    private static readonly string[] Calls =
    [
        "read",
        "write", // to /dev/null, which its standard streams are
        "close",
        "fstat",
        "poll",
        "lseek",
        "munmap",
        "brk",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "pread64",
        "sched_yield",
        "mremap",
        "madvise",
        "dup",
        "getpid",
        "sendmsg",
        "recvmsg",
        "exit",
        "fcntl",
        "getrusage",
        "sysinfo",
        "sigaltstack",
        "gettid",
        "futex",
        "sched_getaffinity",
        "restart_syscall",
        "clock_gettime",
        "clock_nanosleep",
        "exit_group",
        "newfstatat", // which is how glibc asks for the status of an open file
        "ppoll",
        "set_robust_list", // this and rseq are a thread's first calls, and one may be at its beginning when the filter comes
        "getcpu",
        "membarrier",
        "rseq", // where it fails, glibc ends the process
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
        foreach (var call in Calls)
        {
            program.Add(new FilterInstruction(IfEqual, 0, 1, (uint)SystemCalls.Number(call)));
            program.Add(new FilterInstruction(Return, 0, 0, Allow));
        }

        AddWithArgument(program, "mmap", ProtectionAt, new FilterInstruction(IfSet, 1, 0, ProtExec));
        AddWithArgument(program, "mprotect", ProtectionAt, new FilterInstruction(IfSet, 1, 0, ProtExec));
        // Of this process: threads are stopped for the collector, and the runtime ends itself.
        AddWithArgument(program, "tgkill", FirstArgumentAt, new FilterInstruction(IfEqual, 0, 1, (uint)pid));
        // Of 0, this process: the limit of CPU time begins anew with each question.
        AddWithArgument(program, "prlimit64", FirstArgumentAt, new FilterInstruction(IfEqual, 0, 1, 0));
        program.Add(new FilterInstruction(Return, 0, 0, Refuse));
        return [.. program];
    }

    /// <param name="test">Of the argument's lower half: goes on to the next instruction to allow, jumps over it to refuse.</param>
    private static void AddWithArgument(List<FilterInstruction> program, string call, uint argumentAt, FilterInstruction test)
    {
        program.Add(new FilterInstruction(IfEqual, 0, 4, (uint)SystemCalls.Number(call)));
        program.Add(new FilterInstruction(Load, 0, 0, argumentAt));
        program.Add(test);
        program.Add(new FilterInstruction(Return, 0, 0, Allow));
        program.Add(new FilterInstruction(Return, 0, 0, Refuse));
    }
}
