namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Functions without a caller, where a program or a thread begins. Most have an unwind table that says so; those written in assembly
/// without a table are known only by name.
/// </summary>
internal static class StackRoots
{
    private static readonly HashSet<string> Names =
    [
        // The program's and the dynamic linker's entry (glibc, musl), and the children of clone(2).
        "_start", "_dl_start_user", "_dlstart", "clone", "__clone", "clone3", "__clone3",
        // Go's functions with TOPFRAME: those whose callers are on another stack, if there are any.
        "runtime.goexit", "runtime.mstart", "runtime.rt0_go", "runtime.mcall", "runtime.morestack", "_rt0_amd64", "_rt0_amd64_linux",
    ];

    public static bool Contains(string function)
    {
        const string assembly = ".abi0";
        return Names.Contains(function.EndsWith(assembly, StringComparison.Ordinal) ? function[..^assembly.Length] : function);
    }
}
