using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>Symbols by address, against libdwfl's own look-up.</summary>
public sealed class SymbolIndexTests
{
    /// <summary>Aliases, labels without a size, local symbols, gaps: of programs that are here.</summary>
    [Theory]
    [InlineData("/lib/x86_64-linux-gnu/libc.so.6")]
    [InlineData("/lib64/ld-linux-x86-64.so.2")]
    [InlineData("/lib/x86_64-linux-gnu/libstdc++.so.6")]
    [InlineData("/bin/bash")]
    [InlineData(null)]
    // SAFETY: the callbacks and the module are used only until DwflEnd.
    public unsafe void AnAddressHasTheNameThatLibdwflGivesIt(string? path)
    {
        path ??= ElfExecutable.Program;
        Assert.SkipUnless(Libdw.Reason is null && File.Exists(path), $"needs libdw and {path}");
        using var file = ElfFile.Open(ElfInput.Open(path, 0).File);
        var segment = file.Segments.Where(segment => (segment.Flags & Libdw.SegmentExecutable) != 0).MaxBy(segment => segment.MemoryBytes);
        var callbacks = new Libdw.Callbacks { FindDebugInfo = &FindNothing };
        var dwfl = Libdw.DwflBegin(&callbacks);
        Libdw.DwflReportBegin(dwfl);
        var module = Libdw.DwflReportElf(dwfl, path, path, Libc.Dup((int)file.File.DangerousGetHandle()), 0, true);
        _ = Libdw.DwflReportEnd(dwfl, 0, 0);
        var index = new SymbolIndex(module);
        var random = new Random(1);
        var found = 0;
        for (var i = 0; i < 4000; i++)
        {
            var address = segment.Address + (ulong)random.NextInt64((long)segment.MemoryBytes);
            if (!index.TryFind(address, out var name))
                continue;
            found++;
            Assert.Equal((address, Marshal.PtrToStringUTF8((nint)Libdw.ModuleAddressName(module, address))), (address, name));
            var (start, end) = index.PieceAt(address);
            Assert.InRange(address, start, end - 1);
            foreach (var other in (ulong[])[start, start + (ulong)random.NextInt64((long)(end - start)), end - 1])
            {
                Assert.True(index.TryFind(other, out var same));
                Assert.Equal((other, name), (other, same));
            }
        }

        Libdw.DwflEnd(dwfl);
        Assert.InRange(found, 1, 4000);
        TestContext.Current.TestOutputHelper?.WriteLine($"{path}: {found}");
    }

    // SAFETY: touches nothing that it is given.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe int FindNothing(nint module, void** user, byte* name, ulong address, byte* file, byte* link, uint crc, byte** debugFile) => -1;
}
