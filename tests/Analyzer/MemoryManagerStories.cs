using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Which allocator or runtime gave memory back, by the stack of its call.</summary>
public class MemoryManagerStories
{
    [Theory]
    [InlineData("brk", "brk|libc.so.6 __sbrk|libc.so.6 systrim.constprop.0|libc.so.6 _int_free|libc.so.6 main|app", "mmap_max=0:glibc.malloc.trim_threshold=")]
    [InlineData("munmap", "munmap|libc.so.6 munmap_chunk|libc.so.6 main|app", "trim_threshold=134217728:glibc.malloc.arena_max=1 keeps it")]
    [InlineData("munmap", "munmap|libc.so.6 cfree|libc.so.6 main|app", "glibc's free gave it back")]
    [InlineData("munmap", "munmap|libc.so.6 cfree|app munmap_chunk|app main|app", "glibc's free gave it back")] // linked into the program
    [InlineData("munmap", "munmap|ld-musl-x86_64.so.1 free|ld-musl-x86_64.so.1 main|app", null)] // musl has no setting
    [InlineData("munmap", "munmap|app free|app main|app", null)] // which C library is not known
    [InlineData("munmap", "munmap|libc.so.6 ?|libmimalloc.so.2.0 cfree|libc.so.6 main|app", null)] // no setting is known to help
    [InlineData("madvise dontneed", "madvise|libc.so.6 tcmalloc::PageHeap::DecommitSpan|app main|app", "TCMALLOC_RELEASE_RATE=0")]
    [InlineData("madvise dontneed", "madvise|libc.so.6 tcmalloc::tcmalloc_internal::SystemRelease|app main|app", null)]
    [InlineData("madvise dontneed", "madvise|libc.so.6 malloc_trim|libc.so.6 main|app", "the program calls malloc_trim")]
    [InlineData("madvise dontneed", "madvise|libc.so.6 ?|libjemalloc.so.2 main|app", "dirty_decay_ms:-1")]
    [InlineData("madvise free", "madvise|libc.so.6 je_pages_purge_lazy|app main|app", "dirty_decay_ms")] // linked into the program
    [InlineData("madvise dontneed", "runtime.madvise.abi0|app runtime.sysUnusedOS|app main.main|app", "GODEBUG=madvdontneed=0")]
    [InlineData("madvise dontneed", "runtime.madvise.abi0|app runtime/debug.FreeOSMemory|app main.main|app", "the program calls debug.FreeOSMemory")]
    [InlineData("madvise dontneed", "madvise|libc.so.6 ?|/usr/lib/jvm/lib/server/libjvm.so", "-Xms")]
    [InlineData("munmap", "munmap|libc.so.6 ?|/usr/share/dotnet/libclrgc.so", "DOTNET_GCRetainVM=1")]
    [InlineData("munmap", "munmap|libc.so.6 main|app", null)] // the program itself
    [InlineData("munmap", "munmap|libc.so.6 freeze|app free_all|app", null)]
    public void TheInnermostThatIsKnownSaysItsSetting(string call, string stack, string? setting)
    {
        var modules = new List<string>();
        var frames = stack.Split(' ').Select(frame => frame.Split('|')).Select(frame =>
        {
            modules.Add(frame[1]);
            return new StackFrame { Kind = "user", Function = frame[0] == "?" ? null : frame[0], Module = modules.Count - 1 };
        }).ToList();

        var found = MemoryManagers.SettingFor(call, frames, frame => modules[frame.Module!.Value], 100 << 20);

        if (setting is null)
            Assert.Null(found);
        else
            Assert.Contains(setting, found, StringComparison.Ordinal);
    }
}
