using System.Runtime.InteropServices;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <param name="Ips">The innermost first; of a caller the last byte of its call. Without the bit of <see cref="StackRecordHead.WithoutTable"/>.</param>
/// <param name="Guessed">How many of them had it.</param>
/// <param name="Entries">Of the Python frames, how many a C function of the interpreter began with.</param>
internal sealed record WalkedStack(ulong Id, IReadOnlyList<ulong> Ips, int Guessed, StackEnding Ending, IReadOnlyList<StackFrame> Python, int Entries);

/// <summary>The probes' walk, compiled for user space (walker.c) and loaded into this process.</summary>
// SAFETY: the library is loaded until Dispose. The tables are pinned for the call; the walker keeps no pointer beyond its next call, and
// what it has sent lies in memory of its own.
internal sealed unsafe class UserSpaceWalker : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly nint _library;
    private readonly delegate* unmanaged<Process*, byte**, uint> _walk;
    private readonly delegate* unmanaged<void> _forget;
    private readonly delegate* unmanaged<uint> _countKnown;

    public UserSpaceWalker()
    {
        var (bpf, source) = (Path.Combine(ElfExecutable.Root, "bpf"), Path.Combine(ElfExecutable.Root, "tests/Recorder/Unwinder/walker.c"));
        Tool.Run("clang", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Werror", "-I", bpf, source, "-o", _folder.File("walker.so"));
        _library = NativeLibrary.Load(_folder.File("walker.so"));
        _walk = (delegate* unmanaged<Process*, byte**, uint>)NativeLibrary.GetExport(_library, "walk_stack");
        _forget = (delegate* unmanaged<void>)NativeLibrary.GetExport(_library, "forget_walks");
        _countKnown = (delegate* unmanaged<uint>)NativeLibrary.GetExport(_library, "count_known");
    }

    /// <summary>Stacks that have come twice, so that the next walk compares all their words at once.</summary>
    public uint KnownStacks => _countKnown();

    /// <summary>The next walk is made as if there had been none before it.</summary>
    public void Forget() => _forget();

    public WalkedStack Walk(TracedThread thread, in Registers registers, ProcessTables tables)
    {
        byte* records;
        uint bytes;
        fixed (UnwindRow* rows = tables.Rows)
        fixed (CodeMaps* maps = &tables.Maps)
        fixed (PythonLayout* python = &tables.Python)
        {
            var process = new Process
            {
                Registers = registers,
                Rows = rows,
                Maps = maps,
                Python = python,
                RowCount = (uint)tables.Rows.Length,
                Thread = (uint)thread.Id,
            };
            bytes = _walk(&process, &records);
        }

        return Decode(new ReadOnlySpan<byte>(records, (int)bytes));
    }

    public void Dispose()
    {
        NativeLibrary.Free(_library);
        _folder.Dispose();
    }

    private static WalkedStack Decode(ReadOnlySpan<byte> sent)
    {
        var codes = new PythonFrames();
        while (!sent.IsEmpty)
        {
            var length = MemoryMarshal.Read<int>(sent);
            var record = sent.Slice(sizeof(int), length);
            sent = sent[(sizeof(int) + length)..];
            var head = MemoryMarshal.Read<StackRecordHead>(record);
            if (head.Frames == PythonCodeHead.Kind)
            {
                codes.Add(record);
                continue;
            }

            var words = MemoryMarshal.Cast<byte, ulong>(record[sizeof(StackRecordHead)..]).ToArray();
            var (ips, python) = (words[..head.Frames], words[head.Frames..].Chunk(2).ToList());
            return new WalkedStack(
                head.Id, [.. ips.Select(ip => ip & ~StackRecordHead.WithoutTable)], ips.Count(ip => (ip & StackRecordHead.WithoutTable) != 0), head.Ending,
                [.. python.Select(frame => codes.FrameOf(frame[0], (uint)(frame[1] >> 1)))], python.Count(frame => (frame[1] & 1) != 0));
        }

        throw new InvalidDataException("the walker has sent no stack");
    }

    /// <summary>struct process of walker.c.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Process
    {
        public Registers Registers;
        public UnwindRow* Rows;
        public CodeMaps* Maps;
        public PythonLayout* Python;
        public uint RowCount;
        public uint Thread;
    }
}
