using System.Diagnostics;
using System.Runtime.InteropServices;
using Faultrec.Replay.Native;

namespace Faultrec.Replay.Tests;

/// <summary>The planner's structures against the engine's header, which the compiler is asked about.</summary>
public sealed class EngineLayoutTests
{
    private static readonly (string Native, string Managed)[] OpMembers =
    [
        ("address", nameof(Op.Address)), ("length", nameof(Op.Length)), ("offset", nameof(Op.Offset)), ("due_ns", nameof(Op.DueNs)),
        ("bucket", nameof(Op.Bucket)), ("kind", nameof(Op.Kind)), ("flags", nameof(Op.Flags)), ("prot", nameof(Op.Prot)), ("source", nameof(Op.Source)),
        ("start_ns", nameof(Op.StartNs)), ("duration_ns", nameof(Op.DurationNs)), ("minor", nameof(Op.Minor)), ("major", nameof(Op.Major)),
        ("result", nameof(Op.Result)),
    ];

    private static readonly (string Native, string Managed)[] ArenaMembers =
    [
        ("slots", nameof(ArenaHeader.Slots)), ("ring_ops", nameof(ArenaHeader.RingOps)), ("tool_pid", nameof(ArenaHeader.ToolPid)),
        ("file", nameof(ArenaHeader.File)), ("memory_file", nameof(ArenaHeader.MemoryFile)), ("is_paced", nameof(ArenaHeader.IsPaced)),
        ("go", nameof(ArenaHeader.Go)), ("stop", nameof(ArenaHeader.Stop)), ("ready", nameof(ArenaHeader.Ready)), ("crashed", nameof(ArenaHeader.Crashed)),
        ("errors", nameof(ArenaHeader.Errors)), ("first_errno", nameof(ArenaHeader.FirstErrno)), ("first_error_kind", nameof(ArenaHeader.FirstErrorKind)),
        ("origin_cycles", nameof(ArenaHeader.OriginCycles)), ("ns_per_cycle", nameof(ArenaHeader.NsPerCycle)),
    ];

    private static readonly (string Native, string Managed)[] SlotMembers =
        [("head", nameof(SlotHeader.Head)), ("tail", nameof(SlotHeader.Tail)), ("tid", nameof(SlotHeader.Tid)), ("name", nameof(SlotHeader.Name))];

    private static readonly (string Native, int Managed)[] Constants =
    [
        ("OP_TOUCH", (int)OpKind.Touch), ("OP_MAP", (int)OpKind.Map), ("OP_UNMAP", (int)OpKind.Unmap), ("OP_PROTECT", (int)OpKind.Protect),
        ("OP_ADVISE", (int)OpKind.Advise), ("OP_WARM", (int)OpKind.Warm), ("OP_EVICT", (int)OpKind.Evict), ("OP_PREPARE", (int)OpKind.Prepare),
        ("OP_WAIT", (int)OpKind.Wait), ("OP_SPAWN", (int)OpKind.Spawn), ("OP_FORK", (int)OpKind.Fork), ("OP_EXIT", (int)OpKind.Exit),
        ("OP_EXIT_PROCESS", (int)OpKind.ExitProcess),
        ("OP_WRITE", (int)OpFlags.Write), ("OP_BY_KERNEL", (int)OpFlags.ByKernel), ("OP_SMALL", (int)OpFlags.Small), ("OP_EXEC", (int)OpFlags.Exec),
        ("OP_FAILED", (int)OpResult.Failed), ("OP_CLOSES_RUN", (int)OpResult.ClosesRun),
        ("SOURCE_ANONYMOUS", (int)OpSource.Anonymous), ("SOURCE_SHARED", (int)OpSource.Shared), ("SOURCE_FILE", (int)OpSource.File),
        ("SOURCE_FILE_SHARED", (int)OpSource.FileShared), ("SOURCE_MEMORY_FILE", (int)OpSource.MemoryFile),
        ("SOURCE_MEMORY_FILE_SHARED", (int)OpSource.MemoryFileShared),
    ];

    [Fact]
    public void TheCompilerAgreesWithEveryOffsetSizeAndConstant()
    {
        var asserts = new List<string>();
        Add<Op>("op", OpMembers);
        Add<ArenaHeader>("arena", ArenaMembers);
        Add<SlotHeader>("slot", SlotMembers);
        foreach (var (native, managed) in Constants)
            asserts.Add($"_Static_assert({native} == {managed}, \"{native}\");");

        Assert.Equal("", Compile(asserts));
        Assert.NotEqual("", Compile(["_Static_assert(sizeof(struct op) == 1, \"must fail\");"]));

        void Add<T>(string type, (string Native, string Managed)[] members)
            where T : struct
        {
            asserts.Add($"_Static_assert(sizeof(struct {type}) == {Marshal.SizeOf<T>()}, \"{type}\");");
            foreach (var (native, managed) in members)
                asserts.Add($"_Static_assert(__builtin_offsetof(struct {type}, {native}) == {Marshal.OffsetOf<T>(managed)}, \"{type}.{native}\");");
        }
    }

    private static string Compile(IEnumerable<string> asserts)
    {
        var start = new ProcessStartInfo("clang",
            ["-std=gnu11", "-fsyntax-only", "-I", AppContext.BaseDirectory, "-I/usr/include/x86_64-linux-gnu", "-xc", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        using var clang = Process.Start(start)!;
        clang.StandardInput.Write("#include \"engine.h\"\n" + string.Join('\n', asserts) + "\n");
        clang.StandardInput.Close();
        var errors = clang.StandardError.ReadToEnd();
        clang.WaitForExit();
        return errors;
    }
}
