using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>What was resident when a recording of a running process began.</summary>
public sealed class ResidentTests : LiveTest
{
    [Fact]
    public void ItIsWhatTheKernelCounts()
    {
        const int pages = 500;
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "2", $"{pages}");
        program.ReadLine();
        program.WriteByte();
        var said = Said(program.ReadLine());

        using var recorder = StartRecording("--pid", $"{program.Pid}");
        var counted = ResidentOf(program.Pid);
        program.WriteByte();
        program.Wait();
        recorder.Wait();

        var runs = Rows.Read(TracePath).Metadata.ResidentBefore!;
        Assert.Equal(counted, runs.Pages.Sum());
        Assert.Equal(0, runs.OmittedPages);
        Assert.All(runs.Pid, pid => Assert.Equal(program.Pid, pid));
        var first = (long)(Address(said, "start") >> 12);
        Assert.Contains(runs.FirstPage.Zip(runs.Pages), run => run.First <= first && first + Number(said, "pages") <= run.First + run.Second);
    }

    [Fact]
    public void OfACommandNobodyAsks()
    {
        var (_, rows) = RecordFixture("seq_touch", "1");

        Assert.Null(rows.Metadata.ResidentBefore);
    }

    /// <summary>Pages of 4 KiB.</summary>
    private static long ResidentOf(int pid)
        => long.Parse(
            File.ReadLines($"/proc/{pid}/smaps_rollup").Single(line => line.StartsWith("Rss:", StringComparison.Ordinal)).Split(' ')[^2],
            CultureInfo.InvariantCulture) / 4;
}
