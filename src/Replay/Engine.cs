using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Faultrec.Replay.Native;
using Faultrec.Traces;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Replay;

/// <summary>The engine's first process (engine/start.c): started from memory, and ended together with everything that it started.</summary>
// SAFETY: the arena outlives the engine; slots are below their number.
internal sealed unsafe class Engine : IDisposable
{
    private const int PatienceMs = 10_000;

    private readonly Arena _arena;
    private readonly Process _process;
    private readonly int _image;

    public Engine(Arena arena, StandIns standIns, bool isPaced, int numaNode)
    {
        _arena = arena;
        (arena.Header->File, arena.Header->MemoryFile, arena.Header->IsPaced) = (standIns.FileFd, standIns.MemoryFd, isPaced ? 1u : 0);
        arena.Header->NumaNodes = numaNode == ReplayChange.NoNode ? 0 : 1u << numaNode;
        _image = Image();
        var start = new ProcessStartInfo($"/proc/self/fd/{_image}") { UseShellExecute = false };
        start.ArgumentList.Add(arena.Fd.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(arena.Bytes.ToString(CultureInfo.InvariantCulture));
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            MemoryFile.Close(_image);
            throw new FaultrecException(ExitCode.NotPermitted,
                $"the engine cannot be started: {exception.Message}; expected permission to execute from a memfd (sysctl vm.memfd_noexec)", exception);
        }

        for (var waited = 0; Volatile.Read(ref arena.Header->Ready) == 0; waited++)
        {
            if (_process.HasExited || waited > PatienceMs)
                throw new FaultrecException(ExitCode.NotPermitted, "the engine did not start; expected x86-64 Linux with memory for it");
            Thread.Sleep(1);
        }
    }

    /// <summary>Throws if a task of the engine that still has work is gone.</summary>
    /// <param name="hasWork">Whether a slot still has work.</param>
    public void Check(Func<int, bool> hasWork)
    {
        if (_arena.Header->Crashed != 0)
            throw new InvalidOperationException("the replay engine crashed");
        if (_arena.Header->Stop != 0)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"the engine could not start a thread or a process (errno {_arena.Header->FirstErrno}); expected room for those of the recording; "
                + "choose some with --pid or --tid");
        }

        for (var slot = 0; slot < _arena.Slots; slot++)
        {
            var tid = Volatile.Read(ref _arena.Slot(slot)->Tid);
            if (tid != 0 && hasWork(slot) && !Directory.Exists($"/proc/{tid}"))
            {
                throw new FaultrecException(ExitCode.NotPermitted,
                    "a process of the replay was killed, perhaps because memory ran out (see dmesg); "
                    + "choose regions with --region, or one page in N with --scale N");
            }
        }
    }

    public void WaitForEnd() => _process.WaitForExit();

    public void Dispose()
    {
        Volatile.Write(ref _arena.Header->Stop, 1);
        if (!_process.WaitForExit(PatienceMs))
            _process.Kill();
        _process.Dispose();
        MemoryFile.Close(_image);
    }

    private static int Image()
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream("engine")
            ?? throw new InvalidOperationException("the engine is not embedded");
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        var fd = MemoryFile.Create("faultrec-engine", bytes.Length);
        using var file = new SafeFileHandle(fd, ownsHandle: false);
        RandomAccess.Write(file, bytes, 0);
        return fd;
    }
}
