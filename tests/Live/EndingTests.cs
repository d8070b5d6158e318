using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>How recordings end: by signals, by limits, by a kill.</summary>
public sealed class EndingTests : LiveTest
{
    /// <summary>Counts the SIGINTs it gets until its stdin ends, says so, and exits with 9.</summary>
    private const string CountsInterrupts = """
        import os, signal, sys
        count = 0
        def interrupted(number, frame):
            global count
            count += 1
        signal.signal(signal.SIGINT, interrupted)
        print("ready", os.getpid(), flush=True)
        sys.stdin.read()
        print("interrupts", count, flush=True)
        sys.exit(9)
        """;

    /// <summary>Touches 20 fresh pages, tells the clock and the pages so far, sleeps a little, goes on.</summary>
    private const string TellsProgress = """
        import ctypes, mmap, os, time
        PAGES, STEP = 100_000, 20
        memory = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        print(os.getpid(), ctypes.addressof(ctypes.c_char.from_buffer(memory)), flush=True)
        for touched in range(0, PAGES, STEP):
            for page in range(touched, touched + STEP):
                memory[page * 4096] = 1
            print(time.monotonic_ns(), touched + STEP, flush=True)
            time.sleep(0.002)
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CtrlCEndsTheRecordingAndReachesTheCommandOnce(bool toWholeGroup)
    {
        using var recorder = StartPython(CountsInterrupts);
        Assert.StartsWith("ready", recorder.ReadLine());

        recorder.Signal(Running.Sigint, toWholeGroup);
        Running.Until(() => File.Exists(TracePath), "the trace is there while the command still runs");
        recorder.CloseInput();

        Assert.Equal("interrupts 1", recorder.ReadLine());
        Assert.Equal(9, recorder.Wait().Status);
        AssertEnded("interrupted");
    }

    [Fact]
    public void ASecondCtrlCIsTheCommandsAffair()
    {
        using var recorder = StartPython(CountsInterrupts);
        Assert.StartsWith("ready", recorder.ReadLine());

        recorder.Signal(Running.Sigint, toGroup: true);
        Running.Until(() => File.Exists(TracePath), "the trace is there while the command still runs");
        recorder.Signal(Running.Sigint, toGroup: true);
        recorder.CloseInput();

        Assert.Equal("interrupts 2", recorder.ReadLine());
        Assert.Equal(9, recorder.Wait().Status);
        AssertEnded("interrupted");
    }

    [Fact]
    public void SigtermEndsTheRecordingAndTheCommand()
    {
        using var recorder = StartRecording("--", Checkout.Fixture("wait_then_touch"), "0", "10");
        recorder.ReadLine();

        recorder.Signal(Running.Sigterm);

        Assert.Equal(128 + Running.Sigterm, recorder.Wait().Status);
        AssertEnded("interrupted");
    }

    /// <summary>The command gets what we got; one of its own limits it has by itself.</summary>
    [Theory]
    [InlineData(Running.Sighup, true)]
    [InlineData(Running.Sigquit, true)]
    [InlineData(Running.Sigusr1, true)]
    [InlineData(Running.Sigalrm, true)]
    [InlineData(Running.Sigxcpu, false)]
    public void EverySignalThatEndsAProgramEndsTheRecordingInOrder(int signal, bool isPassedOn)
    {
        using var recorder = StartRecording("--", "sh", "-c", "ulimit -c 0; exec $0 0 10", Checkout.Fixture("wait_then_touch"));
        recorder.ReadLine();

        recorder.Signal(signal);
        if (!isPassedOn)
        {
            Running.Until(() => File.Exists(TracePath), "the trace is there while the command still runs");
            recorder.WriteByte();
            recorder.ReadLine();
            recorder.WriteByte();
        }

        Assert.Equal(isPassedOn ? 128 + signal : 0, recorder.Wait().Status);
        AssertEnded("interrupted");
    }

    [Fact]
    public void Sigusr2IsKeptForLater()
    {
        using var recorder = StartRecording("--", Checkout.Fixture("wait_then_touch"), "0", "10");
        recorder.ReadLine();

        AssertGoesOnAfter(Running.Sigusr2, recorder);
    }

    // Of wait_then_touch, which has said that it waits.
    private void AssertGoesOnAfter(int signal, Running recorder)
    {
        recorder.Signal(signal);
        recorder.WriteByte();
        recorder.ReadLine();
        recorder.WriteByte();

        Assert.Equal(0, recorder.Wait().Status);
        AssertEnded("exited");
    }

    /// <summary>A shell without job control starts it with SIGINT ignored.</summary>
    [Fact]
    public void AScriptEndsItsBackgroundJobBySigint()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "10");
        program.ReadLine();
        using var script = Running.Start(
            InFolder, "sh", "-c", $"{Checkout.Faultrec} record -o {TracePath} --pid {program.Pid} & echo $!; wait $!; echo status $?");
        var recorder = int.Parse(script.ReadLine(), CultureInfo.InvariantCulture);
        WaitForSpool(script);

        Assert.Equal(0, Running.Kill(recorder, Running.Sigint));

        Assert.Equal("status 0", script.ReadLine());
        AssertEnded("interrupted");
        Assert.Equal(0, script.Wait().Status);
    }

    /// <summary>The command has SIGINT ignored, too, and ends by what nobody ignores unless he means it.</summary>
    [Fact]
    public void ACommandInTheBackgroundEndsWithItsRecording()
    {
        using var script = Running.Start(InFolder, "sh", "-c", $"{Checkout.Faultrec} record -o {TracePath} -- sleep 1000 & echo $!; wait $!; echo status $?");
        var recorder = int.Parse(script.ReadLine(), CultureInfo.InvariantCulture);
        WaitForSpool(script);

        Assert.Equal(0, Running.Kill(recorder, Running.Sigint));

        Assert.Equal($"status {128 + Running.Sigterm}", script.ReadLine());
        AssertEnded("interrupted");
        Assert.Equal(0, script.Wait().Status);
    }

    [Fact]
    public void NohupProtectsTheRecordingAsItDoesAnyProgram()
    {
        using var recorder = Running.Start(
            InFolder, "sh", "-c", $"trap '' HUP; exec {Checkout.Faultrec} record -o {TracePath} -- {Checkout.Fixture("wait_then_touch")} 0 10");
        WaitForSpool(recorder);
        recorder.ReadLine();

        AssertGoesOnAfter(Running.Sighup, recorder);
    }

    [Fact]
    public void AnAttachedProcessLivesOn()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "500");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        recorder.Signal(Running.Sigint);

        Assert.Equal(0, recorder.Wait().Status);
        var rows = AssertEnded("interrupted");
        Assert.Equal($"pid {program.Pid}", rows.Metadata.Target);
        Assert.Empty(rows.Metadata.Command);
        program.WriteByte();
        Assert.Equal(1000, Number(Said(program.ReadLine()), "touch_minflt"));
        program.WriteByte();
        Assert.Equal(0, program.Wait().Status);
    }

    [Fact]
    public void DurationEndsTheRecordingNotTheCommand()
    {
        const int pages = 500;
        using var recorder = Running.Start(
            InFolder, Checkout.Faultrec, "record", "--duration", "200ms", "-o", TracePath, "--",
            "sh", "-c", $"{Checkout.Fixture("wait_then_touch")} 0 {pages}; exit 5");
        recorder.ReadLine();

        Running.Until(() => File.Exists(TracePath), "the trace is there while the command still runs");
        recorder.WriteByte();
        var said = Said(recorder.ReadLine());
        recorder.WriteByte();

        Assert.Equal(5, recorder.Wait().Status);
        var rows = AssertEnded("duration");
        Assert.Equal(pages, Number(said, "touch_minflt"));
        Assert.Empty(rows.In(Address(said, "start"), pages));
        Assert.NotEmpty(rows.OfPid((int)Number(said, "pid")));
        Assert.True(rows.Metadata.DurationNs >= 200_000_000);
    }

    [Fact]
    public void MaxSizeEndsTheRecordingNotTheCommand()
    {
        const int faults = 1_000_000, spoolBytes = 4 << 20;

        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "--no-stacks", "--max-size", "4MiB", "-o", TracePath, "--", Checkout.Fixture("rand_touch"), $"{faults}",
            "8192");

        Assert.Equal(0, result.Status);
        Assert.Equal(faults, Number(Said(result.Output), "touch_minflt"));
        Assert.Contains("--max-size", result.Error, StringComparison.Ordinal);
        var counts = Counts.Read(TracePath);
        Assert.Equal("max-size", counts.Receipt.EndReason);
        Assert.True(counts.IsOrdered);
        // A record of the spool has 64 bytes; what was still in the rings when the limit was seen comes on top.
        Assert.InRange(counts.Receipt.Events, spoolBytes / 80, faults / 2);
    }

    [Fact]
    public void AKilledRecordersSpoolHoldsAllButTheLastSecond()
    {
        using var recorder = StartPython(TellsProgress);
        var (start, progress) = ReadProgressFor(TimeSpan.FromSeconds(2.5), recorder, out var command);
        recorder.Signal(Running.Sigkill);
        var killedNs = MonotonicNs();
        _ = Running.Kill(command, Running.Sigkill);
        recorder.Wait();
        Assert.Equal(["trace.parquet.spool"], Folder.Names);

        var recovered = Running.ToEnd(InFolder, Checkout.Faultrec, "recover", TracePath + ".spool");

        Assert.Equal(0, recovered.Status);
        var rows = Rows.Read(TracePath);
        Assert.Equal("recovered", rows.Receipt.EndReason);
        Assert.False(rows.Receipt.Complete);
        Assert.Equal(rows.All.Select(row => row.TimeNs).Order(), rows.All.Select(row => row.TimeNs));
        var safe = progress.Last(step => step.TimeNs <= killedNs - 1_000_000_000).Pages;
        Assert.True(safe > 500, $"only {safe} pages in the first 1.5 s");
        Assert.Equal(
            Enumerable.Range(0, safe).Select(page => start + ((ulong)page << 12)),
            rows.In(start, safe).Select(row => row.Address & ~0xfffUL));
        Assert.All(rows.In(start, safe), row => Assert.InRange(row.Address, row.Region!.Start, row.Region.End - 1));
        Assert.Equal(0, Running.ToEnd(Checkout.Faultrec, "report", TracePath).Status);
    }

    /// <summary>Whatever it was at: its start, the drain, the trace. A command that had begun goes on to its end.</summary>
    [Theory]
    [MemberData(nameof(Moments))]
    public void AKillAtAnyMomentIsNotTheCommandsAffair(int afterMs)
    {
        var command = $"echo begun >begun; {Checkout.Fixture("rand_touch")} 300000 1024 >said; echo $? >ended";
        using var recorder = Running.Start(InFolder, "setsid", Checkout.Faultrec, "record", "-o", TracePath, "--", "sh", "-c", command);

        Thread.Sleep(afterMs);
        _ = Running.Kill(recorder.Pid, Running.Sigkill);
        recorder.Wait();
        Running.Until(() => Running.Kill(-recorder.Pid, 0) != 0, "everything that was started has ended");

        Assert.Equal(File.Exists(Folder["begun"]), File.Exists(Folder["ended"]));
        if (File.Exists(Folder["ended"]))
            Assert.Equal("0\n", File.ReadAllText(Folder["ended"]));
        if (!File.Exists(TracePath + ".spool"))
            return;
        var recovered = Running.ToEnd(InFolder, Checkout.Faultrec, "recover", "--force", TracePath + ".spool");
        Assert.True(recovered.Status is 0 or 3, recovered.Error);
        Assert.All(recovered.ErrorLines, line => Assert.StartsWith("faultrec: ", line));
        if (recovered.Status == 0)
            Assert.True(Counts.Read(TracePath).IsOrdered);
    }

    public static TheoryData<int> Moments
    {
        get
        {
            var random = new Random(17);
            return [.. Enumerable.Range(0, 8).Select(_ => random.Next(10, 1500)).Order()];
        }
    }

    [Fact]
    public void ARecordingDoesNotWriteOverAKilledOnesSpool()
    {
        using var recorder = StartPython(TellsProgress);
        var command = int.Parse(recorder.ReadLine().Split()[0], CultureInfo.InvariantCulture);
        recorder.Signal(Running.Sigkill);
        _ = Running.Kill(command, Running.Sigkill);
        recorder.Wait();

        var again = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "touch", Folder["ran"]);

        Assert.Equal(2, again.Status);
        Assert.Contains("faultrec recover", Assert.Single(again.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["trace.parquet.spool"], Folder.Names);
    }

    [Fact]
    public void ARunningRecordingIsNotRecovered()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "10");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        var refused = Running.ToEnd(InFolder, Checkout.Faultrec, "recover", TracePath + ".spool");

        Assert.Equal(3, refused.Status);
        Assert.Contains("still running", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);
        Assert.Equal("interrupted", Rows.Read(TracePath).Receipt.EndReason);
    }

    [Fact]
    public void AKilledRecorderLeavesNothingInTheKernel()
    {
        var before = KernelObjects.All();
        using var recorder = StartPython(TellsProgress);
        var command = int.Parse(recorder.ReadLine().Split()[0], CultureInfo.InvariantCulture);
        Assert.NotEmpty(KernelObjects.All().Except(before));

        recorder.Signal(Running.Sigkill);
        _ = Running.Kill(command, Running.Sigkill);
        recorder.Wait();

        Running.Until(() => KernelObjects.All().IsSubsetOf(before), "the kernel frees what the recorder had");
    }

    // A session, and so a process group, of its own, as a shell's foreground job has.
    private Running StartPython(string script)
    {
        var recorder = Running.Start(
            InFolder, "setsid", Checkout.Faultrec, "record", "-o", TracePath, "--", "/usr/bin/python3", "-c", script);
        WaitForSpool(recorder);
        return recorder;
    }

    private Rows AssertEnded(string reason)
    {
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        Assert.Equal(reason, rows.Receipt.EndReason);
        Assert.Equal(["trace.parquet"], Folder.Names);
        return rows;
    }

    private static (ulong Start, List<(long TimeNs, int Pages)> Progress) ReadProgressFor(TimeSpan time, Running recorder, out int command)
    {
        var first = recorder.ReadLine().Split();
        command = int.Parse(first[0], CultureInfo.InvariantCulture);
        var progress = new List<(long TimeNs, int Pages)>();
        while (progress.Count == 0 || progress[^1].TimeNs - progress[0].TimeNs < time.TotalNanoseconds)
        {
            var step = recorder.ReadLine().Split();
            progress.Add((long.Parse(step[0], CultureInfo.InvariantCulture), int.Parse(step[1], CultureInfo.InvariantCulture)));
        }

        return (ulong.Parse(first[1], CultureInfo.InvariantCulture), progress);
    }

    // CLOCK_MONOTONIC, as Python's: .NET's Stopwatch reads the same clock.
    private static long MonotonicNs()
        => (long)(System.Diagnostics.Stopwatch.GetTimestamp() * (1e9 / System.Diagnostics.Stopwatch.Frequency));
}
