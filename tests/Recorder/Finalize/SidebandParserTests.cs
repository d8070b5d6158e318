using Faultrec.Recorder.Perf;
using Faultrec.Testing;
using Faultrec.Traces.Ledger;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

public sealed class SidebandParserTests
{
    [Fact]
    public void MappedFileKeepsEveryMember()
    {
        var records = new PerfRecords().Mmap2(77, 5, 0x7000, 0x9000, "/lib/libc.so.6", prot: 5, inode: 42, fileOffset: 0x2000);
        Assert.Equal(
            [new MapEvent(77, 5, 0x7000, 0x9000, 0x2000, new MappingIdentity("r-xp", "/lib/libc.so.6", "/lib/libc.so.6", 42, "08:01"), 2)],
            Parse(records));
    }

    /// <summary>Another tool has asked for build ids: the kernel then flags our records, too, and leaves the inode where it was.</summary>
    [Fact]
    public void TheFlagOfAnotherToolsBuildIdsIsNotOurs()
    {
        var map = Assert.IsType<MapEvent>(Assert.Single(Parse(new PerfRecords().Mmap2(77, 5, 0x7000, 0x9000, "/lib/libc.so.6", inode: 42, misc: 1 << 14))));
        Assert.Equal(new MappingIdentity("rw-p", "/lib/libc.so.6", "/lib/libc.so.6", 42, "08:01"), map.Identity);
    }

    [Theory]
    [InlineData("//anon", "[anon]")]
    [InlineData("[heap]", "[heap]")]
    [InlineData("[stack]", "[stack]")]
    [InlineData("[vdso]", "[vdso]")]
    public void AnonymousMemoryHasNoFile(string kernel, string name)
    {
        // The kernel's record has the address where a file has its offset.
        var map = Assert.IsType<MapEvent>(Assert.Single(Parse(new PerfRecords().Mmap2(1, 5, 0x7000, 0x9000, kernel, fileOffset: 0x7000))));
        Assert.Equal(new MappingIdentity("rw-p", name, null, 0, null), map.Identity);
        Assert.Equal(0UL, map.FileOffset);
    }

    [Theory]
    [InlineData(0, 2, "---p")]
    [InlineData(1, 1, "r--s")]
    [InlineData(7, 2, "rwxp")]
    public void ProtectionReadsAsInMaps(int prot, int flags, string expected)
    {
        var map = Parse(new PerfRecords().Mmap2(1, 5, 0x7000, 0x9000, "//anon", (uint)prot, flags: (uint)flags))[0];
        Assert.Equal(expected, Assert.IsType<MapEvent>(map).Identity.Prot);
    }

    [Fact]
    public void NameIsTheSameFromTheSidebandAndFromMaps()
    {
        var map = Assert.IsType<MapEvent>(Parse(new PerfRecords().Mmap2(1, 5, 0x7000, 0x9000, "/memfd:x (deleted)", inode: 9))[0]);
        Assert.Equal(MappingIdentity.Of("/memfd:x (deleted)", "rw-p", 9, "08:01"), map.Identity);
        Assert.Equal("[anon]", MappingIdentity.Of("", "rw-p", 0, "00:00").Name);
    }

    [Fact]
    public void TasksAreParsed()
    {
        var records = new PerfRecords()
            .Comm(1, 10, 11, "worker").Comm(2, 10, 10, "ls", exec: true)
            .Fork(3, 20, 21, 10, 11).Exit(4, 20, 21).Lost(5, 99);
        Assert.Equal(
            [
                new CommEvent(1, 10, 11, "worker", false), new CommEvent(2, 10, 10, "ls", true),
                new ForkEvent(3, 20, 21, 10, 11), new ExitEvent(4, 20, 21), new LostEvent(5, 99),
            ],
            Parse(records));
    }

    [Fact]
    public void UnknownTypesAreSkipped()
        => Assert.Equal([new ExitEvent(3, 1, 1)], Parse(new PerfRecords().Unknown(1).Unknown(2).Exit(3, 1, 1)));

    [Fact]
    public void RecordsBeforeACutAreKept()
    {
        var whole = new PerfRecords().Exit(1, 1, 1).Mmap2(2, 5, 0x7000, 0x9000, "/a").ToArray();
        var first = new PerfRecords().Exit(1, 1, 1).ToArray().Length;
        for (var length = 0; length < whole.Length; length++)
            Assert.Equal(length < first ? 0 : 1, new SidebandParser().Parse(whole.AsMemory(0, length)).Count());
    }

    /// <summary>Cut to any size, the record says so of itself, and another follows.</summary>
    [Fact]
    public void ARecordThatIsTooSmallForItsTypeEndsTheFrame()
    {
        (PerfRecords, int)[] records =
        [
            (new PerfRecords().Mmap2(1, 5, 0x7000, 0x9000, "/a"), 80), (new PerfRecords().Comm(1, 1, 1, "a"), 24),
            (new PerfRecords().Fork(1, 1, 1, 1, 1), 40), (new PerfRecords().Exit(1, 1, 1), 40), (new PerfRecords().Lost(1, 9), 32),
        ];
        foreach (var (record, least) in records)
        {
            var whole = record.ToArray();
            for (var size = 16; size <= whole.Length; size++)
            {
                var bytes = whole[..size];
                BitConverter.TryWriteBytes(bytes.AsSpan(6), (ushort)size);
                Assert.Equal(size < least ? 0 : 2, new SidebandParser().Parse((byte[])[.. bytes, .. new PerfRecords().Exit(3, 1, 1).ToArray()]).Count());
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    public void ImpossibleSizeEndsTheFrame(int size)
    {
        var bytes = new PerfRecords().Exit(1, 1, 1).Exit(2, 2, 2).ToArray();
        (bytes[6], bytes[7]) = ((byte)size, 0);
        Assert.Empty(new SidebandParser().Parse(bytes));
    }

    [Fact]
    public void BytesThatAreNoTextAreReplaced()
    {
        var bytes = new PerfRecords().Comm(1, 1, 1, "abcd").ToArray();
        bytes[17] = 0xff;
        Assert.Equal("a\ufffdcd", Assert.IsType<CommEvent>(new SidebandParser().Parse(bytes).Single()).Comm);
    }

    private static List<LedgerEvent> Parse(PerfRecords records) => [.. new SidebandParser().Parse(records.ToArray())];
}
