using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>
/// Who gave memory back: the allocator or the runtime on the stack of the call, and the setting with which it keeps more. Known by its library,
/// or by its functions where it is linked into the program.
/// </summary>
internal static class MemoryManagers
{
    // The program asked for it, by whatever means it was done.
    private static readonly Rule[] Requests =
    [
        new([], ["runtime/debug.FreeOSMemory"], _ => "the program calls debug.FreeOSMemory: call it less often"),
        new([], ["malloc_trim", "__malloc_trim"], _ => "the program calls malloc_trim: call it less often"),
    ];

    private static readonly Rule[] Managers =
    [
        new(["libjemalloc"], ["je_"], _ => "jemalloc gave it back: MALLOC_CONF=dirty_decay_ms:…,muzzy_decay_ms:… longer than until it is needed again"),
        new(["libtcmalloc", "libtcmalloc_minimal"], ["tcmalloc::"], _ => "tcmalloc gave it back: TCMALLOC_RELEASE_RATE=0 keeps it"),
        new(["libmimalloc"], ["mi_", "_mi_"], _ => "mimalloc gave it back: MIMALLOC_PURGE_DELAY=… (ms) longer than until it is needed again"),
        new([], ["runtime.madvise", "runtime.sysUnused", "runtime.bgscavenge"], _ => "Go's scavenger gave it back: a larger GOGC or GOMEMLIMIT keeps more"),
        new(["libclrgc", "libclrgcexp", "libcoreclr"], [], _ => ".NET's garbage collector gave it back: DOTNET_GCRetainVM=1 keeps it"),
        new(["libjvm"], [], _ => "the Java virtual machine gave it back: -Xms as large as -Xmx keeps the heap committed"),
        new([], ["_PyObject_ArenaMunmap", "_PyObject_ArenaFree"], _ => "Python gave an arena back: PYTHONMALLOC=malloc leaves it to the C library"),
        new([], ["munmap_chunk"], _ => "glibc's free gave it back: GLIBC_TUNABLES=glibc.malloc.mmap_threshold=… larger than the block"),
        new(
            [],
            ["systrim", "heap_trim", "_int_free", "__libc_free", "cfree", "free", "realloc"],
            call => call == ReleaseCalls.Unmap
                ? "the C library's free gave it back: with glibc GLIBC_TUNABLES=glibc.malloc.mmap_threshold=… larger than the block"
                : "the C library's free gave it back: with glibc GLIBC_TUNABLES=glibc.malloc.trim_threshold=… larger than what is freed at once"),
    ];

    /// <param name="call">As in the trace's releases.</param>
    /// <param name="frames">Of the call's stack, the innermost first.</param>
    /// <returns>A sentence; null: no allocator is known to have made the call.</returns>
    public static string? SettingFor(string call, IReadOnlyList<StackFrame> frames, Func<StackFrame, string?> moduleOf)
        => (Innermost(Requests, frames, moduleOf) ?? Innermost(Managers, frames, moduleOf))?.Setting(call);

    private static Rule? Innermost(Rule[] rules, IReadOnlyList<StackFrame> frames, Func<StackFrame, string?> moduleOf)
    {
        foreach (var frame in frames)
        {
            var stem = moduleOf(frame) is { } path ? FrameNames.Stem(path) : "";
            var rule = Array.Find(rules, rule => rule.Modules.Contains(stem)
                || (frame.Function is { } function && Array.Exists(rule.Functions, name => Matches(function, name))));
            if (rule is not null)
                return rule;
        }

        return null;
    }

    // A name that ends with a separator begins a function's, any other is the whole.
    private static bool Matches(string function, string name)
        => name[^1] is '_' or ':' ? function.StartsWith(name, StringComparison.Ordinal)
            : function == name || (function.StartsWith(name, StringComparison.Ordinal) && function[name.Length] is '.' or '(');

    /// <param name="Modules">File names before the first '.' or '-'.</param>
    /// <param name="Functions">Names, or beginnings that end with a separator.</param>
    /// <param name="Setting">Given the call.</param>
    private sealed record Rule(string[] Modules, string[] Functions, Func<string, string> Setting);
}
