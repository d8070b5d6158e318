using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class WordsTests
{
    [Theory]
    [InlineData("500", 500, "")]
    [InlineData("1.5GiB", 3L << 29, "GiB")]
    [InlineData("1.5g", 3L << 29, "g")]
    [InlineData("2kb", 2000, "kb")]
    [InlineData("0B", 0, "B")]
    [InlineData("4194303TiB", 4194303L << 40, "TiB")]
    public void ASizeIsANumberAndAUnit(string text, long bytes, string unit)
        => Assert.Equal((true, bytes, unit), (SizeText.TryParse(text, out var found, out var foundUnit), found, foundUnit));

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("-1B")]
    [InlineData("1e3B")]
    [InlineData("1 MiB")]
    [InlineData("1PiB")]
    [InlineData("4194305TiB")]
    public void WhatIsNoSizeIsRefused(string text) => Assert.False(SizeText.TryParse(text, out _, out _));

    [Fact]
    public void ACompleteReceiptSaysWhatTheKernelCounted()
    {
        var receipt = new Receipt
        {
            Events = 65_597,
            PerfMinor = 65_597,
            PerfMajor = 0,
            KernelMinor = 65_617,
            KernelMajor = 0,
            KernelExec = 20,
            ExitStatus = 0,
            Complete = true
        };

        Assert.Equal(
            "complete: 65,597 faults captured, 0 lost; the kernel counted 65,617, of which 20 in exec before the program's first instruction; "
            + "its perf counters agree; the program exited with status 0",
            ReceiptText.Describe(receipt));
    }

    [Fact]
    public void EveryCounterThatIsNotZeroIsSaid()
    {
        var receipt = new Receipt
        {
            Events = 1,
            Lost = 2,
            Missed = 14,
            LostSideband = 3,
            CountsLost = 15,
            WithoutEntry = 4,
            WithoutOutcome = 5,
            Unfollowed = 1,
            WithoutRegion = 6,
            RegionsFolded = 7,
            RegionsOmitted = 8,
            SpoolBytesDropped = 9,
            PerfMinor = 10,
            PerfMajor = 11,
            KernelMinor = 12,
            KernelMajor = 13,
            EndReason = "recovered",
        };

        Assert.Equal(
            "INCOMPLETE: 1 fault captured, 2 lost; 14 missed, which the kernel counted but no probe saw being served; the kernel counted 25 (13 major); "
            + "its perf counters say 21 (11 major); "
            + "3 records of mappings, names or forks lost, so regions may be wrong; 15 counts of TLB flushes, lock waits or kernel objects lost, "
            + "because the tables by process had no room; "
            + "4 faults without a duration, because the entry was not seen; "
            + "5 faults entered without an outcome (fixed up in the kernel, retried, or killed); "
            + "1 program run with other rights (set-uid, capabilities), which the perf backend cannot follow; 6 faults outside every known mapping; "
            + "7 mappings beyond the ledger's limit folded into others; 8 mappings without a fault left out; 9 bytes of damaged spool left out; "
            + "recovered from the spool of a recorder that was killed",
            ReceiptText.Describe(receipt));
    }

    /// <summary>Counters of the whole machine do not tell whose fault it was.</summary>
    [Fact]
    public void MissedBesideOthersMayBeTheirs()
        => Assert.Equal(
            "INCOMPLETE: 5 faults captured, 0 lost; 2 missed (of its own or of other processes), which the kernel counted but no probe saw being served; "
            + "30 of other processes left out; its perf counters say 37 (0 major); ended with its target",
            ReceiptText.Describe(new Receipt { Events = 5, Missed = 2, Excluded = 30, PerfMinor = 37, PerfMajor = 0 }));

    [Fact]
    public void AReceiptThatSaysCompleteWithLossesIsNotBelieved()
    {
        Assert.False(ReceiptText.IsComplete(new Receipt { Events = 1, Lost = 1, Complete = true }));
        Assert.False(ReceiptText.IsComplete(new Receipt { Events = 1, Missed = 1, Complete = true }));
    }

    [Fact]
    public void TheFindingSumsMappingsOfOneName()
    {
        // Ten mappings of one page each: none has much, their name has most.
        Region[] regions = [.. Enumerable.Range(1, 10)
            .Select(id => new Region { Id = id, Pid = 10, Start = (ulong)id << 16, End = ((ulong)id << 16) + 0x1000, Prot = "rw-p", Name = "[anon]" }),
            Story.TwoRegions[1] with { Id = 11 }];
        Fault[] faults = [.. Enumerable.Range(1, 10).Select(id => new Fault((ulong)id << 16, id)), new(0x20000, 11), new(0x20000, 11)];

        Assert.Equal(
            "83 % of the faults (10) are in 10 regions named [anon] (40.0 KiB together) of app (pid 10), each on a page of its own. "
            + "None was major. In all 12.0 µs went into the fault handler, 1.00 µs at the median.",
            Finding.Describe(Story.Report(Story.Metadata(regions), faults)));
    }

    [Fact]
    public void TheFindingSaysWhereMajorFaultsWereAndWhatFailed()
    {
        Fault[] faults = [new(0x20000, 2, 98_000, Major: true), new(0x10000), new(0x8, 0, 1000, Signal: 11), new(0x20000, 2), new(0x20000, 2)];

        Assert.Equal(
            "60 % of the faults (3) are in /lib/a.so 0x20000-0x22000 (8.0 KiB) of app (pid 10), on one page, so 2 are repeats. "
            + "1 was major and took 98.0 µs, 96 % of the time; it was in /lib/a.so. 1 fault failed: the kernel could not serve it. "
            + "In all 102 µs went into the fault handler, 1.00 µs at the median.",
            Finding.Describe(Story.Report(Story.Metadata(Story.TwoRegions), faults)));
    }

    [Theory]
    [InlineData(0, "0 ns")]
    [InlineData(999, "999 ns")]
    [InlineData(1000, "1.00 µs")]
    [InlineData(9_996, "10.0 µs")]
    [InlineData(999_499, "999 µs")]
    [InlineData(999_500, "1.00 ms")]
    [InlineData(1_500_000_000, "1.50 s")]
    [InlineData(59_960_000_000, "1 m 00 s")]
    [InlineData(7_500_000_000_000, "2 h 05 m")]
    public void Durations(long ns, string text) => Assert.Equal(text, Units.Duration(ns));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(4096, "4.0 KiB")]
    [InlineData((1L << 30) - 1, "1.0 GiB")]
    public void Sizes(long bytes, string text) => Assert.Equal(text, Units.Bytes(bytes));

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(0.0001, "<0.1 %")]
    [InlineData(0.0123, "1.2 %")]
    [InlineData(0.9999, "99.9 %")]
    [InlineData(1, "100 %")]
    public void Shares(double share, string text) => Assert.Equal(text, Units.Percent(share));

    [Theory]
    [InlineData("/usr/lib/libc.so", 16, "/usr/lib/libc.so")]
    [InlineData("/usr/lib/libc.so", 9, "/usr…c.so")]
    [InlineData("長長長長", 6, "長…長")]
    public void LongTextIsCutInItsMiddle(string text, int width, string cut) => Assert.Equal(cut, Columns.CutMiddle(text, width));
}
