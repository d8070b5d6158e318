using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What anonymous memory is for, by who reserved it: the innermost allocator, runtime or library on the stack of its mmap.</summary>
internal static class MemoryClasses
{
    private static readonly Class[] Classes =
    [
        new("thread stacks", [], ["pthread_create", "pthread_create_2_1"]),
        new("malloc's mappings", ["libjemalloc", "libtcmalloc", "libtcmalloc_minimal", "libmimalloc"],
            ["malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc", "libc_malloc", "libc_calloc", "libc_realloc", "libc_memalign"]),
        new("Python's arenas", [], ["PyObject_ArenaMmap"]),
        new("the Java virtual machine's memory", ["libjvm"], []),
        new(".NET's memory", ["libcoreclr", "libclrgc", "libclrgcexp", "libclrjit"], []),
        new("V8's memory", [], ["v8::"]),
        new("Go's memory", [], ["runtime.mmap", "runtime.sysMmap", "runtime.sysReserve", "runtime.sysAlloc", "runtime.sysMap"]),
    ];

    /// <param name="frames">Of the stack that mapped it, the innermost first.</param>
    /// <returns>"thread stacks"; null: by none of those that are known.</returns>
    public static string? Of(IEnumerable<StackFrame> frames, Func<StackFrame, string?> moduleOf)
        => KnownCode.Innermost(Classes, frames, moduleOf)?.Name;

    /// <param name="Functions">As of <see cref="KnownCode"/>, without leading underscores and versions: pthread_create@@GLIBC_2.34.</param>
    private sealed record Class(string Name, string[] Modules, string[] Functions) : KnownCode(Modules, Functions)
    {
        protected override bool HasFunction(StackFrame frame) => IsOneOf(frame.Function?.TrimStart('_').Split('@')[0], Functions);
    }
}
