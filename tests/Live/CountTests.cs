using System.Diagnostics;
using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>Our counts against the kernel's: perf stat's counters, getrusage, /proc/PID/stat.</summary>
public sealed class CountTests : LiveTest
{
    [Theory]
    [InlineData(0, 10_000)]
    [InlineData(3, 2_500)]
    [InlineData(7, 20_000)]
    public void CountsOfAnAttachedProcessEqualPerfStatAndProcStat(int runningThreads, int pagesEach)
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), $"{runningThreads}", $"{pagesEach}");
        program.ReadLine();
        var before = ProcessCounts.Of(program.Pid);
        using var perf = StartPerfStat(program.Pid);
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        program.WriteByte();
        var said = Said(program.ReadLine());
        var after = ProcessCounts.Of(program.Pid);
        program.WriteByte();
        Assert.Equal(0, program.Wait().Status);
        Assert.Equal(0, recorder.Wait().Status);
        perf.Wait();

        var counts = AssertWholeCounts();
        Assert.Equal((runningThreads + 1L) * pagesEach, Number(said, "touch_minflt"));
        Assert.Equal((after.Minor - before.Minor, after.Major - before.Major), (counts.Receipt.KernelMinor, counts.Receipt.KernelMajor));
        // A futex word that the kernel itself faults in (fixup_user_fault) is in the task's count, but no event of perf or ours.
        Assert.InRange(counts.Receipt.InCalls!.Value, 0, 2 * (runningThreads + 1));
        Assert.Equal(after.Minor - before.Minor, counts.Minor + counts.Receipt.InCalls + counts.Receipt.Missed);
        Assert.Equal(after.Major - before.Major, counts.Major);
    }

    /// <summary>The attached shell becomes the toucher: recorder and perf stat both follow it through execve.</summary>
    [Theory]
    [InlineData("rand_touch", 10_000)]
    [InlineData("rand_touch", 1_000_000)]
    [InlineData("rand_touch", 10_000_000)]
    public void CountsEqualPerfStatHoweverMany(string fixture, int most)
    {
        var faults = AMinutesAtMost(fixture, most);
        using var program = Running.Start("sh", "-c", $"read line; exec {Checkout.Fixture(fixture)} {faults} 8192");
        using var perf = StartPerfStat(program.Pid);
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        program.WriteByte();
        var said = Said(program.ReadLine());
        Assert.Equal(0, program.Wait().Status);
        Assert.Equal(0, recorder.Wait().Status);
        perf.Wait();

        Assert.Equal(faults, Number(said, "touch_minflt"));
        var counts = AssertWholeCounts();
        Assert.InRange(counts.Minor, faults - counts.Receipt.Missed, faults + 1000);
    }

    // On a slow machine as many as it makes in a minute without a recording.
    private static int AMinutesAtMost(string fixture, int most)
    {
        const int sample = 20_000;
        var time = Stopwatch.StartNew();
        _ = Running.ToEnd(Checkout.Fixture(fixture), $"{sample}", "8192");
        return (int)Math.Min(most, 60 * sample / time.Elapsed.TotalSeconds);
    }

    /// <summary>perf stat, itself recorded, counts its child from execve on, as our rows of the child's new name do.</summary>
    [Theory]
    [InlineData("seq_touch", "16")]
    [InlineData("rand_touch", "30000", "1024")]
    [InlineData("threads", "4", "500")]
    [InlineData("cold_read", "150")]
    [InlineData("addr_reuse", "40", "4")]
    [InlineData("kernel_touch", "100")]
    [InlineData("populate", "100")]
    [InlineData("segv", "50", "10")]
    public void ACommandsCountsEqualPerfStat(params string[] fixture)
    {
        string[] command = ["perf", "stat", "-x,", "-e", "minor-faults,major-faults", "-o", Folder["perf.txt"], "--", Checkout.Fixture(fixture[0]),
            .. fixture[1..]];

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", .. command]);

        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        var pid = rows.All.First(row => row.Comm == fixture[0]).Pid;
        var served = rows.OfPid(pid).Where(row => row.Signal is null && row.Comm is not "perf" and not "perf-exec").ToList();
        Assert.Equal(PerfCounts(), (served.Count(row => !row.Major), served.Count(row => row.Major)));
    }

    /// <summary>
    /// A forked process begins at zero, so its whole getrusage is comparable: our rows, and what exec's own get_user_pages
    /// added, which the receipt accounts for.
    /// </summary>
    [Theory]
    [InlineData("seq_touch", "16")]
    [InlineData("cold_read", "100")]
    [InlineData("addr_reuse", "10", "4")]
    public void GetrusageIsOurRowsAndExecsOwn(params string[] fixture)
    {
        var command = $"{Checkout.Fixture(fixture[0])} {string.Join(' ', fixture[1..])}; true";

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "sh", "-c", command);

        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        var said = Said(result.Output);
        var process = rows.OfPid(rows.All.First(row => row.Comm == fixture[0]).Pid);
        Assert.Equal(Number(said, "majflt"), process.Count(row => row.Major));
        var execs = Number(said, "minflt") - process.Count(row => !row.Major);
        Assert.InRange(execs, 1, 20);
        Assert.InRange(rows.Receipt.KernelExec!.Value, execs, execs + 20); // and the shell's own exec
        Assert.Equal(rows.All.Count + rows.Receipt.KernelExec, rows.Receipt.KernelMinor + rows.Receipt.KernelMajor);
    }

    [Fact]
    public void WhatTheTracepointsCannotSeeIsInTheReceipt()
    {
        const int pages = 200;

        var (said, rows) = RecordFixture("populate", $"{pages}");

        // get_user_pages faults in for MADV_POPULATE_WRITE: the kernel counts them, no tracepoint tells.
        Assert.Equal((pages, pages), ((int)Number(said, "populate_minflt"), (int)Number(said, "touch_minflt")));
        Assert.Equal(rows.All.Count + pages + rows.Receipt.KernelExec, rows.Receipt.KernelMinor + rows.Receipt.KernelMajor);
        Assert.Equal(pages, rows.Receipt.InCalls);
    }

    private Counts AssertWholeCounts()
    {
        var counts = Counts.Read(TracePath);
        AssertAccounted(counts.Receipt);
        var (minor, major) = PerfCounts();
        Assert.Equal(major, counts.Major);
        Assert.InRange(minor - counts.Minor, 0, counts.Receipt.Missed);
        Assert.True(counts.IsOrdered);
        Assert.Equal((0, 0, 0), (counts.Failed, counts.Receipt.Lost, counts.Receipt.LostSideband));
        return counts;
    }

    private Running StartPerfStat(int pid)
    {
        // -D -1 starts disabled; the answer to "enable" tells that the counters run.
        Assert.Equal(0, Running.ToEnd("mkfifo", Folder["control"], Folder["answer"]).Status);
        var perf = Running.Start(
            InFolder, "perf", "stat", "-x,", "-e", "minor-faults,major-faults", "-o", Folder["perf.txt"], "-D", "-1",
            "--control", $"fifo:{Folder["control"]},{Folder["answer"]}", "-p", $"{pid}");
        File.WriteAllText(Folder["control"], "enable\n");
        using var answer = new StreamReader(Folder["answer"]);
        Assert.StartsWith("ack", answer.ReadLine());
        return perf;
    }

    // "1000000,,minor-faults,…"
    private (long Minor, long Major) PerfCounts()
    {
        var counts = File.ReadLines(Folder["perf.txt"]).Select(line => line.Split(',')).Where(fields => fields.Length > 2)
            .ToDictionary(fields => fields[2].Split(':')[0], fields => long.Parse(fields[0], CultureInfo.InvariantCulture));
        return (counts["minor-faults"], counts["major-faults"]);
    }

    /// <summary>A recorder that does not get to run loses faults, and says exactly how many.</summary>
    [Fact]
    public void WhatIsLostIsCounted()
    {
        using var recorder = Running.Start(
            InFolder, Checkout.Faultrec, "record", "--strict", "-o", TracePath, "--", Checkout.Fixture("rand_touch"), "1000000", "256");
        WaitForSpool(recorder);
        recorder.Signal(Running.Sigstop);
        recorder.ReadLine(); // the program's last word: its ring is full by now, however slow the machine is
        recorder.Signal(Running.Sigcont);

        Assert.Equal(5, recorder.Wait().Status);
        var counts = Counts.Read(TracePath);
        Assert.True(counts.Receipt.Lost > 0);
        Assert.Equal(counts.Receipt.PerfMinor + counts.Receipt.PerfMajor, counts.Receipt.Events + counts.Receipt.Lost);
        Assert.Equal(counts.Receipt.Lost, counts.Receipt.LostByCpu.Sum(loss => loss.Lost));
        Assert.Equal(counts.Receipt.Lost, counts.Receipt.LostBySecond.Sum(loss => loss.Lost));
        Assert.Equal(0, counts.Receipt.WithoutOutcome);
        Assert.False(counts.Receipt.Complete);
    }
}
