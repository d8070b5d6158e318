using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>The perf rung as an ordinary user: no BPF, no capability, kernel.perf_event_paranoid as it is.</summary>
public sealed class PerfRungTests : LiveTest
{
    private const string Nobody = "65534";

    /// <summary>Counts the SIGINTs it gets until its stdin ends.</summary>
    private const string CountsInterrupts =
        "import signal, sys; got = []; signal.signal(signal.SIGINT, lambda *_: got.append(1)); open('ready', 'w'); "
        + "sys.stdin.read(); print('interrupts', len(got), flush=True); sys.exit(9)";

    /// <summary>Creates threads without end; told to go on, each that lives touches pages of its own once.</summary>
    private const string CreatesThreads = """
        import ctypes, mmap, sys, threading, time
        THREADS, PAGES = 3000, 4
        memory = mmap.mmap(-1, THREADS * PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        threading.stack_size(65536)
        go, threads = threading.Event(), []
        def touch(number):
            go.wait()
            for page in range(number * PAGES, (number + 1) * PAGES):
                memory[page * 4096] = 1
        def create():
            while not go.is_set() and len(threads) < THREADS:
                threads.append(threading.Thread(target=touch, args=(len(threads),)))
                threads[-1].start()
                time.sleep(0.001)
        creator = threading.Thread(target=create)
        creator.start()
        print(hex(ctypes.addressof(ctypes.c_char.from_buffer(memory))), flush=True)
        sys.stdin.readline()
        go.set()
        creator.join()
        for thread in threads:
            thread.join()
        print(len(threads) * PAGES, flush=True)
        """;

    private static readonly string[] AsNobody = [$"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups"];

    public PerfRungTests() => Assert.Equal(0, Running.ToEnd("chown", $"{Nobody}:{Nobody}", Folder.Path).Status);

    /// <summary>perf stat, itself recorded, counts its child from execve on, as our rows of the child's new name do.</summary>
    [Theory]
    [InlineData("seq_touch", "16")]
    [InlineData("rand_touch", "30000", "1024")]
    [InlineData("threads", "4", "500")]
    [InlineData("fork_cow", "400")]
    [InlineData("cold_read", "150")]
    public void AnOrdinaryUsersRecordingEqualsPerfStat(params string[] fixture)
    {
        string[] command = ["perf", "stat", "-x,", "-e", "minor-faults:u,major-faults:u", "-o", Folder["perf.txt"], "--", Checkout.Fixture(fixture[0]),
            .. fixture[1..]];

        var result = Record(["--", .. command]);

        Assert.Equal(0, result.Status);
        var rows = ReadWhole();
        var pids = rows.All.Where(row => row.Comm == fixture[0]).Select(row => row.Pid).ToHashSet();
        var own = rows.All.Where(row => pids.Contains(row.Pid) && row.Comm is not "perf" and not "perf-exec").ToList();
        Assert.Equal(PerfCounts(), (own.Count(row => !row.Major), own.Count(row => row.Major)));
        Assert.All(own, row => Assert.InRange(row.Address, row.Region!.Start, row.Region.End - 1));
        // wait4 counts what this user may not see, too: faults of kernel mode, most of them in execve.
        Assert.InRange(rows.Receipt.KernelMinor!.Value - rows.Receipt.PerfMinor!.Value, 1, 1000);
        Assert.True(rows.Receipt.KernelMajor >= rows.Receipt.PerfMajor);
    }

    /// <summary>The kernel takes the events away, and an ordinary user gets no new ones on such a program.</summary>
    [Fact]
    public void ASetUidProgramIsNotCalledComplete()
    {
        var program = Folder["program"];
        File.Copy(Checkout.Fixture("seq_touch"), program);
        Assert.Equal(0, Running.ToEnd("chown", "daemon", program).Status);
        Assert.Equal(0, Running.ToEnd("chmod", "4755", program).Status);

        var result = Record(["--", program, "16"]);

        Assert.Equal(0, result.Status);
        var receipt = Rows.Read(TracePath).Receipt;
        Assert.Equal((1, false), (receipt.Unfollowed, receipt.Complete));
        Assert.True(receipt.Missed >= Number(Said(result.Output), "touch_minflt"), result.Error);
    }

    [Fact]
    public void AnAttachedProcessOfOnesOwnEqualsPerfStat()
    {
        using var program = Running.Start(InFolder, "setpriv", [.. AsNobody, Checkout.Fixture("wait_then_touch"), "3", "2500"]);
        program.ReadLine();
        Assert.Equal(0, Running.ToEnd("mkfifo", Folder["control"], Folder["answer"]).Status);
        using var perf = Running.Start(
            InFolder, "perf", "stat", "-x,", "-e", "minor-faults:u,major-faults:u", "-o", Folder["perf.txt"], "-D", "-1",
            "--control", $"fifo:{Folder["control"]},{Folder["answer"]}", "-p", $"{program.Pid}");
        File.WriteAllText(Folder["control"], "enable\n");
        using var answer = new StreamReader(Folder["answer"]);
        Assert.StartsWith("ack", answer.ReadLine());
        using var recorder = StartRecord("--pid", $"{program.Pid}");

        program.WriteByte();
        var said = Said(program.ReadLine());
        program.WriteByte();
        program.Wait();
        Assert.Equal(0, recorder.Wait().Status);
        perf.Wait();

        var rows = ReadWhole();
        Assert.Equal(10_000, Number(said, "touch_minflt"));
        Assert.Equal(PerfCounts(), (rows.All.Count(row => !row.Major), rows.All.Count(row => row.Major)));
        Assert.Equal(0, rows.Receipt.WithoutRegion);
    }

    /// <summary>/proc needs no probes.</summary>
    [Fact]
    public void TheMemoryOfOnesOwnProcessIsLookedAt()
    {
        using var program = Running.Start(InFolder, "setpriv", [.. AsNobody, Checkout.Fixture("wait_then_touch"), "3", "2500"]);
        program.ReadLine();
        using var recorder = StartRecord("--pid", $"{program.Pid}");
        program.WriteByte();
        program.ReadLine();
        var anonKiB = Running.StatusNumber(program.Pid, "RssAnon");

        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);
        program.WriteByte();
        program.Wait();

        var memory = Assert.Single(ReadWhole().Metadata.Memory);
        Assert.Equal((program.Pid, anonKiB << 10, false), (memory.Pid, memory.AnonBytes[^1], memory.HasExit));
    }

    /// <summary>A thread that appears while events are being opened is covered, and its faults are there once.</summary>
    [Fact]
    public void ThreadsThatAppearMeanwhileAreRecordedOnce()
    {
        using var program = Running.Start(InFolder, "setpriv", [.. AsNobody, "/usr/bin/python3", "-c", CreatesThreads]);
        var start = ulong.Parse(program.ReadLine()[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        using var recorder = StartRecord("--pid", $"{program.Pid}");

        program.WriteByte();
        var pages = int.Parse(program.ReadLine(), CultureInfo.InvariantCulture);
        Assert.Equal(0, program.Wait().Status);
        Assert.Equal(0, recorder.Wait().Status);

        var touched = ReadWhole().In(start, pages).Select(row => row.Address >> 12).ToList();
        Assert.Equal(Enumerable.Range(0, pages).Select(page => (start >> 12) + (ulong)page), touched.Order());
    }

    /// <summary>The target faults all the time while its events are opened.</summary>
    [Fact]
    public void WhatTheEventsCountFromTheirFirstMomentOnIsTold()
    {
        using var program = Running.Start(InFolder, "setpriv", [.. AsNobody, Checkout.Fixture("keep_touching")]);

        var result = Record("--duration", "100ms", "--pid", $"{program.Pid}");
        program.Signal(Running.Sigterm);
        program.Wait();

        Assert.Equal(0, result.Status);
        var counts = Counts.Read(TracePath);
        Assert.True(counts.Receipt.Events > 0);
        Assert.Equal(counts.Receipt.PerfMinor + counts.Receipt.PerfMajor, counts.Receipt.Events + counts.Receipt.Lost);
    }

    /// <summary>A recorder that does not get to run loses faults, and says exactly how many.</summary>
    [Fact]
    public void WhatIsLostIsCounted()
    {
        using var recorder = StartRecord("--strict", "--", Checkout.Fixture("rand_touch"), "600000", "256");
        recorder.Signal(Running.Sigstop);
        recorder.ReadLine();
        recorder.Signal(Running.Sigcont);

        Assert.Equal(5, recorder.Wait().Status);
        var counts = Counts.Read(TracePath);
        Assert.True(counts.Receipt.Lost > 0);
        Assert.Equal(counts.Receipt.PerfMinor + counts.Receipt.PerfMajor, counts.Receipt.Events + counts.Receipt.Lost);
        Assert.Equal(counts.Receipt.Lost, counts.Receipt.LostByCpu.Sum(loss => loss.Lost));
        Assert.False(counts.Receipt.Complete);
    }

    [Fact]
    public void LittleLockedMemoryMakesSmallRings()
    {
        var result = Running.ToEnd(
            InFolder, "prlimit", ["--memlock=0:0", "setpriv", .. AsNobody, .. RecordCommand("--", Checkout.Fixture("seq_touch"), "1")]);

        Assert.Equal(0, result.Status);
        Assert.True(ReadWhole().All.Count > 256);
    }

    /// <summary>Four open files a thread and CPU: more than the soft limit is raised for, more than the hard one is told.</summary>
    [Fact]
    public void AnAttachRaisesTheLimitOfOpenFilesAsFarAsItMay()
    {
        const int threads = 60;
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), $"{threads}", "1");
        program.ReadLine();
        var attach = $"exec {Checkout.Faultrec} record --backend perf --duration 100ms -o {TracePath} --pid {program.Pid}";

        var refused = Running.ToEnd(InFolder, "sh", "-c", $"ulimit -n 128; {attach}");
        var recorded = Running.ToEnd(InFolder, "sh", "-c", $"ulimit -Sn 128; {attach}");

        Assert.Equal(4, refused.Status);
        Assert.Contains("may open 128 files (`ulimit -Hn`)", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(0, recorded.Status);
    }

    [Theory]
    [InlineData("perf")]
    [InlineData("auto")]
    public void TheCommandKeepsTheLimitOfOpenFilesThatItHad(string backend)
    {
        var hard = Running.ToEnd("sh", "-c", "ulimit -Hn").Output;

        var result = Running.ToEnd(
            InFolder, "sh", "-c", $"ulimit -Sn 300; exec {Checkout.Faultrec} record --backend {backend} -o {TracePath} -- sh -c 'ulimit -Sn; ulimit -Hn'");

        Assert.Equal((0, "300\n" + hard), (result.Status, result.Output));
    }

    [Fact]
    public void AnotherUsersProcessIsRefusedInOneLine()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "0", "10");
        program.ReadLine();

        var result = Record("--pid", $"{program.Pid}");

        Assert.Equal(4, result.Status);
        Assert.Contains("another user", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Names, name => name.StartsWith("trace", StringComparison.Ordinal));
    }

    /// <summary>One line, if nobody asked for this backend.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatTheRungLacksIsToldBefore(bool isAsked)
    {
        string[] backend = isAsked ? ["--backend", "perf"] : [];
        var result = Running.ToEnd(
            InFolder, "setpriv", [.. AsNobody, Checkout.Faultrec, "record", .. backend, "-o", TracePath, "--", Checkout.Fixture("seq_touch"), "1"]);

        Assert.Equal(0, result.Status);
        var told = result.ErrorLines.Where(line => line.StartsWith("faultrec: backend perf: no durations, no stacks, ", StringComparison.Ordinal)).ToList();
        Assert.Equal(isAsked ? 0 : 1, told.Count);
        Assert.All(told, line => Assert.EndsWith("; with sudo they are recorded", line, StringComparison.Ordinal));
    }

    [Fact]
    public void ACommandThatIsNotThereIsStatus127()
    {
        var result = Record("--", "./no-such-command");

        Assert.Equal(127, result.Status);
        Assert.Single(result.ErrorLines);
    }

    [Fact]
    public void ASignalToTheRecorderReachesTheCommandOnce()
    {
        using var recorder = Running.Start(
            InFolder, "setsid", ["setpriv", .. AsNobody, .. RecordCommand("--", "/usr/bin/python3", "-c", CountsInterrupts)]);
        Running.Until(() => File.Exists(Folder["ready"]), "the command is ready");

        recorder.Signal(Running.Sigint);
        Running.Until(() => File.Exists(TracePath), "the trace is there while the command still runs");
        recorder.CloseInput();

        Assert.Equal("interrupts 1", recorder.ReadLine());
        Assert.Equal(9, recorder.Wait().Status);
        Assert.Equal("interrupted", ReadWhole().Receipt.EndReason);
    }

    /// <summary>At a terminal the key's signal goes to recorder and command: it is not passed on as a second one.</summary>
    [Fact]
    public void AKeystrokeReachesTheCommandOnce()
    {
        File.WriteAllText(Folder["counts.py"], CountsInterrupts);
        var command = $"setpriv {string.Join(' ', AsNobody)} {string.Join(' ', RecordCommand("--", "/usr/bin/python3", "counts.py"))}";
        // Ctrl-C, and when the trace is there, Ctrl-D.
        var keys = $"until [ -e ready ]; do sleep 0.05; done; printf '\\003'; until [ -e {TracePath} ]; do sleep 0.05; done; printf '\\004'; sleep 1";

        var result = Running.ToEnd(InFolder, "sh", "-c", $"({keys}) | script -qec '{command}' /dev/null");

        Assert.Contains("interrupts 1", result.Output, StringComparison.Ordinal);
        Assert.Equal("interrupted", ReadWhole().Receipt.EndReason);
    }

    [Fact]
    public void AKilledRecordersSpoolIsRecovered()
    {
        using var program = Running.Start(InFolder, "setpriv", [.. AsNobody, Checkout.Fixture("seq_touch"), "16", "60"]);
        using var recorder = StartRecord("--pid", $"{program.Pid}");
        Running.Until(() => new FileInfo(TracePath + ".spool").Length > 1 << 20, "the spool grows");
        recorder.Signal(Running.Sigkill);
        recorder.Wait();

        var result = Running.ToEnd(InFolder, "setpriv", [.. AsNobody, Checkout.Faultrec, "recover", TracePath + ".spool"]);

        Assert.Equal(0, result.Status);
        var counts = Counts.Read(TracePath);
        Assert.Equal("recovered", counts.Receipt.EndReason);
        Assert.True(counts.IsOrdered);
        Assert.True(counts.Minor > 10_000);
        Assert.Equal((0, 0), (counts.Receipt.WithoutRegion, counts.Receipt.WithoutEntry));
    }

    private Finished Record(params string[] arguments) => Running.ToEnd(InFolder, "setpriv", [.. AsNobody, .. RecordCommand(arguments)]);

    private Running StartRecord(params string[] arguments)
    {
        var recorder = Running.Start(InFolder, "setpriv", [.. AsNobody, .. RecordCommand(arguments)]);
        WaitForSpool(recorder);
        return recorder;
    }

    private string[] RecordCommand(params string[] arguments) => [Checkout.Faultrec, "record", "--backend", "perf", "-o", TracePath, .. arguments];

    /// <summary>A recording that nothing disturbed, and that says what it could not see.</summary>
    private Rows ReadWhole()
    {
        var rows = Rows.Read(TracePath);
        var receipt = rows.Receipt;
        Assert.Equal(("perf", true), (rows.Metadata.Backend.Name, rows.Metadata.ExcludeKernel));
        Assert.Equal((0, 0, 0, 0), (receipt.Lost, receipt.LostSideband, receipt.WithoutEntry, receipt.WithoutOutcome));
        Assert.Equal((rows.All.Count(row => !row.Major), rows.All.Count(row => row.Major)), (receipt.PerfMinor, receipt.PerfMajor));
        Assert.True(receipt.Complete);
        Assert.Equal(rows.All.Select(row => row.TimeNs).Order(), rows.All.Select(row => row.TimeNs));
        Assert.All(rows.All, row => Assert.Null(row.DurationNs));
        Assert.DoesNotContain(rows.All, row => row.KernelAccess);
        return rows;
    }

    // "1000000,,minor-faults:u,…"
    private (int Minor, int Major) PerfCounts()
    {
        var counts = File.ReadLines(Folder["perf.txt"]).Select(line => line.Split(',')).Where(fields => fields.Length > 2)
            .ToDictionary(fields => fields[2].Split(':')[0], fields => int.Parse(fields[0], CultureInfo.InvariantCulture));
        return (counts["minor-faults"], counts["major-faults"]);
    }
}
