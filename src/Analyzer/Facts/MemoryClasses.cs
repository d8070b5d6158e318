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
    {
        foreach (var frame in frames)
        {
            var stem = moduleOf(frame) is { } path ? FrameNames.Stem(path) : "";
            var function = frame.Function?.TrimStart('_') ?? "";
            if (Array.Find(Classes, one => one.Modules.Contains(stem) || Array.Exists(one.Functions, name => Matches(function, name))) is { } found)
                return found.Name;
        }

        return null;
    }

    // A name that ends with "::" begins a function's; any other is the whole, but for a version: pthread_create@@GLIBC_2.34.
    private static bool Matches(string function, string name)
        => function.StartsWith(name, StringComparison.Ordinal)
            && (name[^1] == ':' || function.Length == name.Length || function[name.Length] is '@' or '.' or '(');

    /// <param name="Modules">File names before the first '.' or '-'.</param>
    /// <param name="Functions">Names without leading underscores, or beginnings that end with "::".</param>
    private sealed record Class(string Name, string[] Modules, string[] Functions);
}
