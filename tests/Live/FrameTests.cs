using System.Globalization;
using System.Runtime.InteropServices;

namespace Faultrec.Live.Tests;

/// <summary>Levels, entries and frames against what perf samples and /proc/PID/pagemap say.</summary>
public sealed class FrameTests : LiveTest
{
    private const ulong HugePageBytes = 2 << 20;

    [Fact]
    public void AFirstTouchMissesThePmdOnceEveryTwoMegabytes()
    {
        const int mib = 256;

        var (said, rows) = RecordFixture("seq_touch", $"{mib}");

        var touched = rows.All.Where(row => row.Region!.Size() >= (ulong)mib << 20).ToList();
        Assert.Equal(Number(said, "touches"), touched.Count);
        Assert.All(touched, row => Assert.Equal((0ul, 0), (row.PteBefore, row.PageOrder)));
        Assert.All(touched, row => Assert.InRange(row.PtLevel!.Value, 0, 2));
        // The first page of each 2 MiB finds no table; at the ends a neighbour may have made it, and one may begin a GiB.
        var missing = touched.Where(row => row.PtLevel > 0).ToList();
        var slots = touched.Select(row => row.Address / HugePageBytes).Distinct().Count();
        Assert.InRange(missing.Count, slots - 2, slots);
        Assert.Equal(missing.Count, missing.Select(row => row.Address / HugePageBytes).Distinct().Count());
        if (touched[0].Region!.Start % HugePageBytes == 0)
            Assert.Equal(mib / 2, missing.Count);
    }

    /// <summary>perf looks the frame up by itself, when the same event fires for it (PERF_SAMPLE_PHYS_ADDR).</summary>
    [Theory]
    [InlineData("rand_touch", "20000", "1024")]
    [InlineData("fork_cow", "2000", "1000")]
    [InlineData("cold_read", "300")]
    [InlineData("addr_reuse", "40", "4")]
    public void FramesEqualThoseOfPerf(params string[] fixture)
    {
        string[] perf = ["perf", "record", "-q", "-c", "1", "-d", "--phys-data", "-e", "minor-faults,major-faults", "-o", Folder["perf.data"], "--"];
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", .. perf, Checkout.Fixture(fixture[0]), .. fixture[1..]]);
        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);

        var ours = rows.All.Where(row => row.Signal is null).GroupBy(row => (row.Tid, row.Address))
            .ToDictionary(rows => rows.Key, rows => new Queue<long?>(rows.Select(row => row.Pfn)));
        var (compared, equal) = (0, 0);
        foreach (var (tid, address, physical) in PerfSamples(Folder["perf.data"]))
        {
            // A frame of 0: perf could not look it up.
            if (physical == 0 || !ours.TryGetValue((tid, address), out var frames) || !frames.TryDequeue(out var pfn))
                continue;
            compared++;
            equal += (long)(physical >> 12) == pfn ? 1 : 0;
        }

        Assert.InRange(compared, int.Parse(fixture[1], CultureInfo.InvariantCulture), int.MaxValue);
        Assert.True(equal >= 0.995 * compared, $"{equal} of {compared} frames are those of perf");
    }

    [Fact]
    public void FramesAreThoseThatPagemapShowsAfterwards()
    {
        const int pages = 3000;
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "2", $"{pages}");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        program.WriteByte();
        var said = Said(program.ReadLine());
        var (start, all) = (Address(said, "start"), (int)Number(said, "pages"));
        var entries = new long[all];
        using (var pagemap = File.OpenHandle($"/proc/{program.Pid}/pagemap"))
            Assert.Equal(all * sizeof(long), RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(entries.AsSpan()), (long)(start >> 12) * sizeof(long)));
        program.WriteByte();
        program.Wait();
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath).In(start, all);
        Assert.Equal(all, rows.Count);
        const long frameBits = (1L << 55) - 1;
        var moved = rows.Count(row => row.Pfn != (entries[row.Page - (start >> 12)] & frameBits));
        // The kernel may have moved some since (compaction).
        Assert.InRange(moved, 0, all / 200);
    }

    [Fact]
    public void CopiesOnWriteChangeTheFrame()
    {
        var (said, rows) = RecordFixture("fork_cow", "600", "300");

        var child = (int)Number(said, "child");
        var touched = rows.All.Where(row => row.Region!.Size() == 600ul << 12).ToList();
        var byParent = touched.Where(row => row.Pid != child).ToDictionary(row => row.Page, row => row.Pfn);
        var copies = touched.Where(row => row.Pid == child).ToList();
        Assert.Equal(300, copies.Count);
        Assert.All(copies, row => Assert.Equal(1ul, row.PteBefore & 3)); // present, not writable
        Assert.All(copies, row => Assert.Equal(byParent[row.Page], (long)(row.PteBefore!.Value >> 12 & 0xff_ffff_ffff)));
        Assert.All(copies, row => Assert.NotEqual(byParent[row.Page], row.Pfn));
    }

    [Fact]
    public void FaultsThatGrowTheStackSaySo()
    {
        const int pages = 400; // the stack begins with 132 KiB
        var (said, rows) = RecordFixture("stack_grow", $"{pages}");

        var grown = rows.All.Where(row => row.Grew).ToList();
        Assert.All(grown, row => Assert.Equal("[stack]", row.RegionName));
        Assert.InRange(grown.Count, pages - 40, (int)Number(said, "grown"));
        Assert.Equal(grown.Count, grown.Select(row => row.Page).Distinct().Count());
    }

    [Fact]
    public void AFileWithFramesIsItsOwnersAlone()
    {
        var (_, rows) = RecordFixture("seq_touch", "1");

        Assert.True(rows.Metadata.PageTable!.Recorded, rows.Metadata.PageTable.Reason);
        Assert.Contains(rows.All, row => row.Pfn is not null);
        Assert.Equal("600", Mode());
    }

    [Fact]
    public void FramesCanBeLeftOut()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-frames", "-o", TracePath, "--", Checkout.Fixture("seq_touch"), "1");

        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        Assert.Equal((false, "--no-frames was given"), (rows.Metadata.PageTable!.Recorded, rows.Metadata.PageTable.Reason));
        Assert.All(rows.All, row => Assert.Equal((null, null, null, null), (row.PtLevel, row.PteBefore, row.Pfn, row.PageOrder)));
        // What is left to hide is where the kernel's text lies, if it is hidden from others.
        var firstSymbol = Running.ToEnd("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "head", "-n", "1", "/proc/kallsyms").Output;
        Assert.Equal(firstSymbol.StartsWith("0000000000000000", StringComparison.Ordinal), Mode() == "600");
    }

    private string Mode() => Running.ToEnd("stat", "-c", "%a", TracePath).Output.Trim();

    // "  1234  7f12a0001000  1a2b3c000", in the order of time.
    private static IEnumerable<(int Tid, ulong Address, ulong Physical)> PerfSamples(string path)
        => Running.ToEnd("perf", "script", "-i", path, "-F", "tid,addr,phys_addr").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(fields => (int.Parse(fields[0], CultureInfo.InvariantCulture), Hex(fields[1]), Hex(fields[2])));

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
