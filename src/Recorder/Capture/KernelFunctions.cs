using System.Text;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>Which kernel functions a probe of this rung can be put on; static ones are often inlined.</summary>
internal static class KernelFunctions
{
    public const string Missing = "not in /proc/kallsyms: inlined into its callers, or renamed by the compiler";

    /// <summary>Of each function why not; null: it can be probed.</summary>
    public static IReadOnlyDictionary<string, string?> Refusals(string backend, IReadOnlyCollection<string> functions)
    {
        if (backend is not (Backends.Fexit or Backends.Kprobe))
            return functions.ToDictionary(function => function, _ => (string?)$"the {backend} backend has no probes on functions; fexit and kprobe have");
        var symbols = Symbols(functions);
        using var btf = backend == Backends.Fexit ? Btf.OfKernel() : null;
        return functions.ToDictionary(function => function, Refusal);

        string? Refusal(string function)
        {
            if (!symbols.Contains(function))
                return Missing;
            return btf is not null && btf.FindFunction(function) is null ? "not in the kernel's BTF" : null;
        }
    }

    // "ffffffff81234560 t do_fault", and "\t[module]" behind those of modules.
    private static HashSet<string> Symbols(IReadOnlyCollection<string> functions)
    {
        var found = new HashSet<string>();
        try
        {
            using var reader = new StreamReader("/proc/kallsyms", Encoding.ASCII, false, 1 << 16);
            while (reader.ReadLine() is { } line)
            {
                if (line.Split(' ') is [_, "t" or "T", var name] && functions.Contains(name))
                    found.Add(name);
            }
        }
        catch (IOException)
        {
            // Without kallsyms no function is known.
        }
        return found;
    }
}
