using System.Text;
using Faultrec.Analyzer.Export;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Plans;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Faults → what a next start should find in the page cache.</summary>
public class PrefaultStories
{
    private const ulong Program = 0x400000, Library = 0x7f0000000000, Data = 0x7f0000200000, Anonymous = 0x7f0000400000;

    // A library whose mapping begins at byte 0x3000 of its file; the data is mapped for writing.
    private static readonly Region[] Regions =
    [
        File(1, Program, 0x80000, "/bin/app", 101) with { Prot = "r-xp" },
        File(2, Library, 0x28000, "/lib/a.so", 102) with { FileOffset = 0x3000 },
        File(3, Data, 0x10000, "/srv/data", 103) with { Prot = "rw-p" },
        new() { Id = 4, Pid = 10, Start = Anonymous, End = Anonymous + 0x10000, Prot = "rw-p", Name = "[heap]" },
    ];

    [Fact]
    public void RangesAreInTheOrderOfFirstUseAndEachReadBringsWhatTheKernelMapsAroundIt()
        => AssertPlan(
            // The second touch is in the same aligned 64 KiB as the first; the copy of a private page is one page; the heap is no file's.
            """
            {"faultrec_prefault_plan":1,"recorded_until":"2026-01-02T03:04:06.5000000Z","files":3,"ranges":4}
            {"path":"/bin/app","inode":101}
            {"file":0,"offset":131072,"length":65536}
            {"path":"/srv/data","inode":103}
            {"file":1,"offset":8192,"length":4096}
            {"file":0,"offset":0,"length":65536}
            {"path":"/lib/a.so","inode":102}
            {"file":2,"offset":143360,"length":32768}

            """,
            Read(Program + 0x2f123, 1, 0x2f, 0),
            Read(Program + 0x21000, 1, 0x21, 1),
            Read(Data + 0x2000, 3, 2, 2) with { Access = FaultAccess.Write },
            new Fault(Anonymous, Region: 4) { TimeNs = Ms(3) },
            Read(Program, 1, 0, 50) with { Access = FaultAccess.Exec },
            // The mapping's last 32 KiB, at 0x20000 of its 0x28000.
            Read(Library + 0x27000, 2, 0x2a, 51));

    [Fact]
    public void WhatTouchesIsOneRangeWhenItIsCloseInTime()
        => AssertPlan(
            // The first three within 10 ms, in no order of the file; the fourth touches them, and comes 20 ms later.
            """
            {"faultrec_prefault_plan":1,"recorded_until":"2026-01-02T03:04:06.5000000Z","files":2,"ranges":3}
            {"path":"/bin/app","inode":101}
            {"file":0,"offset":65536,"length":131072}
            {"path":"/srv/data","inode":103}
            {"file":1,"offset":0,"length":65536}
            {"file":0,"offset":196608,"length":65536}

            """,
            Read(Program + 0x20000, 1, 0x20, 0),
            Read(Data, 3, 0, 4),
            Read(Program + 0x10000, 1, 0x10, 9),
            Read(Program + 0x30000, 1, 0x30, 29));

    [Fact]
    public void AHugePageOfAFileIsMappedWhole()
    {
        var metadata = Story.Metadata(File(1, Library, 0x400000, "/srv/data", 101));

        var (text, _) = Export(metadata, [Read(Library + 0x5000, 1, 5, 0) with { Level = 1, Order = 9 }]);

        Assert.Equal(new PlanRange(0, 0, 2 << 20), Assert.Single(ReadBack(text).Ranges));
    }

    [Fact]
    public void AFaultThatFailedBringsNothing()
        => AssertPlan(
            """
            {"faultrec_prefault_plan":1,"recorded_until":"2026-01-02T03:04:06.5000000Z","files":1,"ranges":1}
            {"path":"/bin/app","inode":101}
            {"file":0,"offset":0,"length":65536}

            """,
            Read(Program, 1, 0, 0),
            Read(Program + 0x70000, 1, 0x70, 1) with { Signal = 7 });

    [Fact]
    public void FilesThatCannotBeFoundAgainAreLeftOutAndSaid()
    {
        var metadata = Story.Metadata(
            File(1, Program, 0x80000, "/bin/app", 101), File(2, Library, 0x28000, "/tmp/gone (deleted)", 102), File(3, Data, 0x10000, "/no/inode", 0));

        var (text, note) = Export(metadata, [Read(Program, 1, 0, 0), Read(Library, 2, 0, 0), Read(Data, 3, 0, 0), Read(Data + 0x1000, 3, 1, 0)]);

        Assert.Equal(3, text.TrimEnd('\n').Split('\n').Length);
        Assert.Equal("the plan leaves out 2 files that cannot be found again (deleted, or recorded without an inode), such as /no/inode", note);
    }

    [Fact]
    public void APathIsAJsonStringOfOneLine()
    {
        const string evil = "/tmp/\"\n\u001b[2J\u202e{\\";

        var (text, _) = Export(Story.Metadata(File(1, Program, 0x80000, evil, 101)), [Read(Program, 1, 0, 0)]);

        Assert.Equal(3, text.TrimEnd('\n').Split('\n').Length);
        Assert.DoesNotContain(text, c => c is (< ' ' and not '\n') or > '~');
        Assert.Equal(evil, Assert.Single(ReadBack(text).Files).Path);
    }

    [Fact]
    public void FiguresThatCannotBeAreHarmless()
    {
        // The longest duration that a reader accepts.
        var (program, library) = (File(1, ulong.MaxValue - 0xfff, 0x800, "/bin/app", 101), File(2, Library, 0x1000, "/lib/a.so", 102));
        var metadata = Story.Metadata(program, library) with { DurationNs = 1L << 61 };

        var (text, _) = Export(metadata, [Read(ulong.MaxValue, 1, long.MaxValue, 0), Read(Program, 2, long.MaxValue >> 14, 0), Read(Library, 2, 0, -5)]);

        Assert.All(ReadBack(text).Ranges, range => Assert.InRange(range.Offset, 0, PrefaultPlan.MostBytes));
    }

    [Fact]
    public void RangesBeyondTheMostThatAPlanHasAreSaid()
    {
        using var file = new TemporaryTrace(Story.Metadata(Regions),
            [.. Enumerable.Range(0, 8).Select(i => Read(Program + (ulong)i * 0x10000, 1, i * 16, i * 20))], 3);
        using var reader = TraceReader.Open(file.Path);

        var (plan, note) = PrefaultExport.Make(reader, FaultFilter.None, mostRanges: 5);

        Assert.Equal(5, plan.Ranges.Count);
        Assert.Equal("the plan leaves out 48 pages after the first 5 ranges", note);
    }

    [Fact]
    public void ASampleIsSaid()
        => Assert.Equal(
            "the plan leaves out pages whose only faults the recording's sampling left out",
            Export(Story.Metadata(Regions) with { Sampling = new Sampling(10, null, false) }, [Read(Program, 1, 0, 0)]).Note);

    [Fact]
    public void NothingToPlanIsAnError()
    {
        var none = Assert.Throws<FaultrecException>(() => Export(Story.Metadata(Regions), [new Fault(Anonymous, Region: 4)]));
        Assert.Equal(ExitCode.BadInput, none.ExitCode);
        var undated = Assert.Throws<FaultrecException>(() => Export(Story.Metadata(Regions) with { StartedAt = DateTimeOffset.UnixEpoch },
            [Read(Program, 1, 0, 0)]));
        Assert.Contains("does not say when it was recorded", undated.Message, StringComparison.Ordinal);
    }

    private static Region File(int id, ulong start, ulong length, string path, ulong inode)
        => new() { Id = id, Pid = 10, Start = start, End = start + length, Prot = "r--p", Name = path, Path = path, Inode = inode, Device = "fe:00" };

    private static Fault Read(ulong address, int region, long page, long ms)
        => new(address, region) { FilePage = page, TimeNs = Ms(ms), Access = FaultAccess.Read };

    private static long Ms(long ms) => ms * 1_000_000;

    private static void AssertPlan(string expected, params Fault[] faults)
        => Assert.Equal((expected.ReplaceLineEndings("\n"), null), Export(Story.Metadata(Regions), faults));

    private static (string Text, string? Note) Export(TraceMetadata metadata, Fault[] faults)
    {
        using var file = new TemporaryTrace(metadata, faults, 2);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();
        var note = TraceExport.Write(reader, FaultFilter.None, ExportFormat.PrefaultPlan, ExportWeight.Faults, output);
        return (Encoding.UTF8.GetString(output.ToArray()), note);
    }

    private static PrefaultPlan ReadBack(string text)
    {
        var path = Path.GetTempFileName();
        try
        {
            System.IO.File.WriteAllText(path, text);
            return PrefaultPlanReader.Read(path);
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }
}
