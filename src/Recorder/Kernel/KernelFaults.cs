using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// The running kernel's names of fault flags and results, and the positions of handle_mm_fault's arguments: from BTF, otherwise from
/// the tables here. The function lost its first argument, mm, in 4.8 and gained the last, regs, in 5.9.
/// </summary>
/// <param name="FlagNames">enum fault_flag (include/linux/mm_types.h).</param>
/// <param name="ResultNames">enum vm_fault_reason.</param>
/// <param name="Parameters">Names of handle_mm_fault's parameters in order; empty when BTF does not have it.</param>
internal sealed record KernelFaults(
    IReadOnlyDictionary<string, long> FlagNames, IReadOnlyDictionary<string, long> ResultNames, IReadOnlyList<string> Parameters)
{
    /// <summary>See <see cref="KernelMemory.SwapTypes"/>; of the same BTF.</summary>
    public IReadOnlyDictionary<string, string> SwapTypes { get; private init; } = new Dictionary<string, string>();

    /// <summary>The kernel has the tracepoints of bpf/collapse.bpf.h.</summary>
    public bool TellsCollapses { get; private init; }

    public const string Function = "handle_mm_fault";

    private static readonly string[] CollapseTracepoints = ["mm_collapse_huge_page_isolate", "mm_collapse_huge_page"];

    // What mm_account_fault ignores as failed: VM_FAULT_ERROR, a macro, so not in BTF.
    private static readonly string[] Errors =
        ["VM_FAULT_OOM", "VM_FAULT_SIGBUS", "VM_FAULT_SIGSEGV", "VM_FAULT_HWPOISON", "VM_FAULT_HWPOISON_LARGE", "VM_FAULT_FALLBACK"];

    // As in 5.9, the last kernel where the flags were macros; they became an enum in 5.15, and no value has changed since.
    private static readonly Dictionary<string, long> KnownFlags = new()
    {
        ["FAULT_FLAG_WRITE"] = 0x1,
        ["FAULT_FLAG_MKWRITE"] = 0x2,
        ["FAULT_FLAG_ALLOW_RETRY"] = 0x4,
        ["FAULT_FLAG_RETRY_NOWAIT"] = 0x8,
        ["FAULT_FLAG_KILLABLE"] = 0x10,
        ["FAULT_FLAG_TRIED"] = 0x20,
        ["FAULT_FLAG_USER"] = 0x40,
        ["FAULT_FLAG_REMOTE"] = 0x80,
        ["FAULT_FLAG_INSTRUCTION"] = 0x100,
        ["FAULT_FLAG_INTERRUPTIBLE"] = 0x200,
    };

    private static readonly Dictionary<string, long> KnownResults = new()
    {
        ["VM_FAULT_OOM"] = 0x1,
        ["VM_FAULT_SIGBUS"] = 0x2,
        ["VM_FAULT_MAJOR"] = 0x4,
        ["VM_FAULT_HWPOISON"] = 0x10,
        ["VM_FAULT_HWPOISON_LARGE"] = 0x20,
        ["VM_FAULT_SIGSEGV"] = 0x40,
        ["VM_FAULT_NOPAGE"] = 0x100,
        ["VM_FAULT_LOCKED"] = 0x200,
        ["VM_FAULT_RETRY"] = 0x400,
        ["VM_FAULT_FALLBACK"] = 0x800,
        ["VM_FAULT_DONE_COW"] = 0x1000,
        ["VM_FAULT_NEEDDSYNC"] = 0x2000,
    };

    // Cached: reading BTF means parsing all of the kernel's, and each backend that is tried and the trace's header need it.
    private static readonly Lazy<KernelFaults> Running = new(ReadBtf);

    public static KernelFaults Read() => Running.Value;

    public static KernelFaults From(
        IReadOnlyDictionary<string, long>? flags, IReadOnlyDictionary<string, long>? results, IReadOnlyList<string> parameters)
        => new(flags is { Count: > 0 } ? flags : KnownFlags, results is { Count: > 0 } ? results : KnownResults, parameters);

    /// <summary>Sets what the probes on handle_mm_fault need.</summary>
    public ProbeConfig Describe(ProbeConfig config) => config with
    {
        ArgCount = (byte)Parameters.Count,
        ArgAddress = Position("address"),
        ArgFlags = Position("flags"),
        ArgRegs = Position("regs"),
        FlagTried = (uint)FlagNames.GetValueOrDefault("FAULT_FLAG_TRIED"),
        FlagRemote = (uint)FlagNames.GetValueOrDefault("FAULT_FLAG_REMOTE"),
        FlagVmaLock = (uint)FlagNames.GetValueOrDefault("FAULT_FLAG_VMA_LOCK"),
        ResultRetry = (uint)ResultNames.GetValueOrDefault("VM_FAULT_RETRY"),
        ResultMajor = (uint)ResultNames.GetValueOrDefault("VM_FAULT_MAJOR"),
        ResultError = (uint)Errors.Sum(name => ResultNames.GetValueOrDefault(name)),
    };

    private static KernelFaults ReadBtf()
    {
        using var btf = Btf.OpenKernel();
        return From(btf?.Enumerators("fault_flag"), btf?.Enumerators("vm_fault_reason"), ParametersOf(btf)) with
        {
            SwapTypes = KernelMemory.SwapTypes(btf),
            TellsCollapses = CollapseTracepoints.All(name => btf?.HasTypedef($"btf_trace_{name}") == true),
        };
    }

    private static IReadOnlyList<string> ParametersOf(Btf? btf)
        => btf?.FindFunction(Function) is { } function ? [.. btf.Parameters(btf.Target(function)).Select(parameter => parameter.Name)] : [];

    private byte Position(string parameter)
    {
        for (var i = 0; i < Parameters.Count; i++)
        {
            if (Parameters[i] == parameter)
                return (byte)i;
        }

        return ProbeConfig.NoArgument;
    }
}
