using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>Which kernel functions this backend can probe; static ones are often inlined.</summary>
internal static class KernelFunctions
{
    public const string Missing = "not in /proc/kallsyms: inlined into its callers, or renamed by the compiler";

    /// <summary>For each function the reason why it cannot be probed; null: it can.</summary>
    public static IReadOnlyDictionary<string, string?> Reasons(Backend backend, IReadOnlyCollection<string> functions)
    {
        if (backend.Hooks is null)
            return functions.ToDictionary(function => function, _ => (string?)$"the {backend} backend has no probes on functions; fexit and kprobe have them");
        var symbols = KernelSymbols.Read();
        using var btf = backend == Backend.Fexit ? Btf.OpenKernel() : null;
        return functions.ToDictionary(function => function, Reason);

        string? Reason(string function)
        {
            if (symbols?.Find(function) is not { Count: > 0, Module: null })
                return Missing;
            return btf is not null && btf.FindFunction(function) is null ? "not in the kernel's BTF" : null;
        }
    }
}
