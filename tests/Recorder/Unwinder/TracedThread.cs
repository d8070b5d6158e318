using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>struct user_regs_struct (arch/x86/include/asm/user_64.h).</summary>
// SAFETY: a layout; indices are constants below 21.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Registers
{
    public fixed ulong General[21]; // r15 to ss, as struct bpf_user_pt_regs of the probes
    public ulong FsBase;
    public fixed ulong Rest[5];

    private const int Rbp = 4, Rip = 16, Rsp = 19;

    public readonly ulong Ip => General[Rip];

    public readonly ulong Sp => General[Rsp];

    /// <summary>The same, changed by so many bytes.</summary>
    public readonly Registers With(int ip = 0, int sp = 0, int bp = 0)
    {
        var changed = this;
        changed.General[Rip] += (ulong)ip;
        changed.General[Rsp] += (ulong)sp;
        changed.General[Rbp] += (ulong)bp;
        return changed;
    }
}

/// <summary>
/// A thread of a <see cref="Descendant"/> that is stopped, by ptrace(2). The kernel lets only the thread use it that made it.
/// </summary>
// SAFETY: the kernel writes a struct user_regs_struct, which Registers is, and an int, into locals.
internal sealed unsafe partial class TracedThread : IDisposable
{
    private const int GetRegisters = 12, SingleStep = 9, Interrupt = 0x4207, Seize = 0x4206; // include/uapi/linux/ptrace.h
    private const int AllThreads = 0x40000000; // __WALL

    private bool _hasEnded;

    private TracedThread(int id) => Id = id;

    public int Id { get; }

    public static TracedThread Stop(int id)
    {
        var thread = new TracedThread(id);
        thread.Ask(Seize, 0);
        thread.Ask(Interrupt, 0);
        return thread.Wait() ? thread : throw new InvalidOperationException($"thread {id} has ended");
    }

    public Registers Read()
    {
        Registers registers;
        Ask(GetRegisters, (nint)(&registers));
        return registers;
    }

    /// <summary>One instruction; false: the process has ended with it.</summary>
    public bool Step()
    {
        Ask(SingleStep, 0);
        return Wait();
    }

    /// <summary>Its process ends.</summary>
    public void Dispose()
    {
        if (_hasEnded)
            return;
        _ = Libc.Kill(Id, Signals.Kill);
        while (Wait())
        {
        }
    }

    private bool Wait()
    {
        int status, id;
        do
            id = WaitPid(Id, &status, AllThreads);
        while (id < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr);
        if (id < 0)
            throw new InvalidOperationException($"waitpid: {Marshal.GetLastPInvokeErrorMessage()}");
        _hasEnded = (status & 0xff) != 0x7f; // WIFSTOPPED
        return !_hasEnded;
    }

    private void Ask(int request, nint data)
    {
        if (Ptrace(request, Id, 0, data) < 0)
            throw new InvalidOperationException($"ptrace request 0x{request:x}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "ptrace", SetLastError = true)]
    private static partial nint Ptrace(nint request, int pid, nint address, nint data);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int pid, int* status, int options);
}
