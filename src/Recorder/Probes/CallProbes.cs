using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>The probes that tell of changes of an address space, and of listen(2), where the system call ends (bpf/calls.bpf.h).</summary>
internal static class CallProbes
{
    public const string EntryProgram = "call_kprobe";
    public const string ReturnProgram = "call_kretprobe";

    private const string EveryCall = "system_call_ended";

    /// <summary>Without these, a kernel was built without the calls.</summary>
    private static readonly string[] OptionalFunctions = ["__x64_sys_shmat", "__x64_sys_shmdt", "__x64_sys_listen", "userfaultfd_ioctl"];

    private static readonly string[] NeededFunctions =
        ["__x64_sys_mmap", "__x64_sys_mprotect", "__x64_sys_munmap", "__x64_sys_brk", "__x64_sys_mremap", "__x64_sys_madvise"];

    public static IReadOnlyList<string> AllFunctions { get; } = [.. NeededFunctions, .. OptionalFunctions];

    /// <summary>The functions that are probed in place of the end of every call of the machine; none where that has to be.</summary>
    /// <remarks>The tracepoint backend looks at every call for faults inside it.</remarks>
    public static IReadOnlyList<string> Functions(Backend backend)
    {
        if (backend.Hooks is null)
            return [];
        var found = backend == Backend.Fexit ? FindInBtf()
            : [.. KernelFunctions.Reasons(backend, AllFunctions).Where(function => function.Value is null).Select(function => function.Key)];
        return NeededFunctions.Except(found).Any() ? [] : found;
    }

    public static IReadOnlyList<string> Programs(Backend backend, IReadOnlyList<string> functions)
        => functions.Count == 0 ? [EveryCall]
            : backend == Backend.Kprobe ? [ReturnProgram, EntryProgram]
            : [.. functions.Select(function => $"{backend.Hooks!.Return}_{function}")];

    // Enough for fexit, and a tenth of the time that /proc/kallsyms takes: this is tried first of all, most often in vain.
    private static IReadOnlyList<string> FindInBtf()
    {
        using var btf = Btf.OpenKernel();
        return btf is null ? [] : [.. AllFunctions.Where(function => btf.FindFunction(function) is not null)];
    }
}
