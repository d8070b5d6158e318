using System.Diagnostics;
using System.Globalization;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Spool;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>The pages of a process that does nothing, beside what the kernel counts.</summary>
public sealed class ResidentPagesTests
{
    [Fact]
    public void AllThatTheKernelCountsIsFoundOnceAndInOrder()
    {
        using var sleeper = Sleeper();

        // Before Linux 6.7 there is no scan, and the kernel's zero page counts as any other.
        var runs = ResidentPages.TryTake(sleeper.Id)!;

        Assert.Equal(0, runs.OmittedPages);
        Assert.InRange(runs.Pages.Sum() - ResidentOf(sleeper.Id), 0, HasScan ? 0 : 64);
        Assert.All(runs.FirstPage.Zip(runs.Pages).Zip(runs.FirstPage.Skip(1)), pair => Assert.True(pair.First.First + pair.First.Second < pair.Second));
        sleeper.Kill();
    }

    [Fact]
    public void WithoutTheScanTheSamePagesAreFound()
    {
        using var sleeper = Sleeper();

        var (scanned, read) = (ResidentPages.TryTake(sleeper.Id)!, ResidentPages.TryTake(sleeper.Id, scans: false)!);

        Assert.Equal(0, read.OmittedPages);
        Assert.Subset(PagesOf(read), PagesOf(scanned));
        Assert.InRange(PagesOf(read).Count - PagesOf(scanned).Count, 0, 64); // zero pages
        sleeper.Kill();
    }

    [Fact]
    public void OfAProcessThatHasEndedNothingIsSaid()
    {
        using var ended = Process.Start("true");
        ended.WaitForExit();

        Assert.Null(ResidentPages.TryTake(ended.Id));
    }

    private static bool HasScan => Environment.OSVersion.Version >= new Version(6, 7);

    private static Process Sleeper()
    {
        var sleeper = Process.Start("sleep", "10");
        // It sleeps when its program has begun and it waits for a timer.
        while (File.ReadAllText($"/proc/{sleeper.Id}/comm") != "sleep\n" || !File.ReadAllText($"/proc/{sleeper.Id}/status").Contains("State:\tS"))
            Thread.Sleep(1);
        Thread.Sleep(20);
        return sleeper;
    }

    private static HashSet<long> PagesOf(ResidentSnapshot snapshot)
        => [.. snapshot.FirstPage.Zip(snapshot.Pages).SelectMany(run => Enumerable.Range(0, (int)run.Second).Select(i => run.First + i))];

    private static long ResidentOf(int pid)
        => long.Parse(
            File.ReadLines($"/proc/{pid}/smaps_rollup").Single(line => line.StartsWith("Rss:", StringComparison.Ordinal)).Split(' ')[^2],
            CultureInfo.InvariantCulture) / 4;
}
