using System.Globalization;
using System.Numerics;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>
/// Who gave memory back: the allocator or the runtime on the stack of the call, and the setting with which it keeps more. Known by its library,
/// or by its functions where it is linked into the program. docs/advice.md has what each setting did where it was followed.
/// </summary>
internal static class MemoryManagers
{
    // glibc's HEAP_MAX_SIZE: the heap of a thread's arena. One that is empty is unmapped, whatever the thresholds.
    private const long LargestArenaHeap = 64 << 20;

    // The program asked for it, by whatever means it was done.
    private static readonly Rule[] Requests =
    [
        new([], ["runtime/debug.FreeOSMemory"], (_, _) => "the program calls debug.FreeOSMemory: call it less often"),
        new([], ["malloc_trim", "__malloc_trim"], (_, _) => "the program calls malloc_trim: call it less often"),
    ];

    private static readonly Rule[] Managers =
    [
        new(["libjemalloc"], ["je_"], (_, _) => "jemalloc gave it back: MALLOC_CONF=dirty_decay_ms:-1 keeps it"),
        // Of gperftools: the other tcmalloc has no such variable, and other functions.
        new(["libtcmalloc", "libtcmalloc_minimal"], ["tcmalloc::PageHeap::"], (_, _) => "tcmalloc gave it back: TCMALLOC_RELEASE_RATE=0 keeps it"),
        // No setting of it is known to help in every version, and none of another allocator does.
        new(["libmimalloc"], ["mi_", "_mi_"], null),
        new([], ["runtime.madvise", "runtime.sysUnused", "runtime.bgscavenge"],
            (_, _) => "Go's scavenger gave it back: GODEBUG=madvdontneed=0 leaves it in place until the kernel needs it"),
        new(["libclrgc", "libclrgcexp", "libcoreclr"], [], (_, _) => ".NET's garbage collector gave it back: DOTNET_GCRetainVM=1 keeps it"),
        new(["libjvm"], [], (_, _) => "the Java virtual machine gave it back: -Xms as large as -Xmx keeps the heap committed"),
        new([], ["_PyObject_ArenaMunmap", "_PyObject_ArenaFree"], (_, _) => "Python gave an arena back: PYTHONMALLOC=malloc leaves it to the C library"),
        new(["libc"], ["systrim", "heap_trim", "munmap_chunk", "_int_free"], Glibc),
    ];

    // Of libc.so.6; musl has functions of the same names, and no setting.
    private static readonly string[] Frees = ["__libc_free", "cfree", "free", "realloc", "__libc_realloc", "systrim", "heap_trim", "munmap_chunk", "_int_free"];

    /// <param name="call">As in the trace's releases.</param>
    /// <param name="frames">Of the call's stack, the innermost first.</param>
    /// <param name="peakBytes">The most that was resident.</param>
    /// <returns>A sentence; null: no setting of the allocator that made the call is known.</returns>
    public static string? SettingFor(string call, IReadOnlyList<StackFrame> frames, Func<StackFrame, string?> moduleOf, long peakBytes)
        => (KnownCode.Innermost(Requests, frames, moduleOf) ?? KnownCode.Innermost(Managers, frames, moduleOf))?.Setting?.Invoke(call, peakBytes);

    /// <summary>
    /// A threshold that is set ends the adaptation of the other: alone, it moves the blocks from brk to mmap, or back. No heap is trimmed whose
    /// threshold is larger than all that is resident.
    /// </summary>
    private static string Glibc(string call, long peakBytes)
    {
        var threshold = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(peakBytes, 1));
        var arenas = call != ReleaseCalls.Brk && threshold > LargestArenaHeap ? ":glibc.malloc.arena_max=1" : "";
        return "glibc's free gave it back: GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold="
            + $"{threshold.ToString(CultureInfo.InvariantCulture)}{arenas} keeps it";
    }

    /// <param name="Setting">Given the call, and the most that was resident; null: none is known.</param>
    private sealed record Rule(string[] Modules, string[] Functions, Func<string, long, string>? Setting) : KnownCode(Modules, Functions)
    {
        protected override bool HasModule(StackFrame frame, string? path)
            => base.HasModule(frame, path)
                && (FrameNames.Stem(path!) != "libc" || (FrameNames.FileName(path!) == "libc.so.6" && IsOneOf(frame.Function, Frees)));
    }
}
