using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>Who faulted: threads, programs that replace each other, names that change.</summary>
public sealed class TaskTests : LiveTest
{
    [Fact]
    public void EachThreadHasTheFaultsThatGetrusageCounted()
    {
        const int threads = 6, pages = 300;

        var (said, rows) = RecordFixture("threads", $"{threads}", $"{pages}");

        var touched = rows.All.Where(row => row.Region!.Size() == (ulong)(threads * pages) << 12).ToList();
        var counted = said["by_thread"]!.AsArray()
            .Select(thread => (Tid: (int)Number(thread!.AsObject(), "tid"), Minor: (int)Number(thread.AsObject(), "minflt")));
        Assert.Equal(counted.Order(), touched.GroupBy(row => row.Tid).Select(thread => (Tid: thread.Key, Minor: thread.Count())).Order());
        Assert.Equal(
            Enumerable.Range(0, threads).Select(i => $"toucher-{i}"),
            counted.Select(thread => Assert.Single(touched.Where(row => row.Tid == thread.Tid).Select(row => row.Comm).Distinct())));
        Assert.Equal(threads + 1, rows.Metadata.Threads.Count);
        Assert.All(rows.Metadata.Threads, thread => Assert.NotNull(thread.ExitedNs));
    }

    [Fact]
    public void ProgramsThatReplaceEachOtherAreFollowed()
    {
        const int depth = 3, pages = 70;

        var (said, rows) = RecordFixture("exec_chain", $"{depth}", $"{pages}");

        Assert.Equal(pages, Number(said, "touch_minflt"));
        var touched = rows.All.Where(row => row.Region!.Path is null && row.Region.Size() == pages << 12).ToList();
        Assert.Equal(depth + 1, touched.Select(row => row.Region!.Id).Distinct().Count());
        Assert.Equal(
            [("exec_chain", pages), .. Enumerable.Repeat(("exe", pages), depth)],
            touched.GroupBy(row => (row.Comm, row.Region!.Id)).OrderBy(group => group.First().TimeNs).Select(group => (group.Key.Comm, group.Count())));
        Assert.Single(rows.All.Select(row => row.Pid).Distinct());
    }

    [Fact]
    public void AFaultHasTheNameThatItsThreadHadThen()
    {
        const int pages = 40;
        string[] names = ["one", "two words", "ünï", "one"];

        var (said, rows) = RecordFixture("comm_change", [$"{pages}", .. names]);

        var total = Number(said, "touch_minflt");
        Assert.Equal(pages * (1 + 2 + 3 + 4), total);
        var touched = rows.All.Where(row => row.Region!.Size() == (ulong)total << 12).ToList();
        Assert.Equal(
            names.SelectMany((name, phase) => Enumerable.Repeat(name, (phase + 1) * pages)),
            touched.Select(row => row.Comm));
    }

    [Fact]
    public void ChildrenOfChildrenAreRecorded()
    {
        var script = $"({Checkout.Fixture("seq_touch")} 1; {Checkout.Fixture("seq_touch")} 2) & wait; {Checkout.Fixture("seq_touch")} 3";

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "sh", "-c", script);

        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        Assert.Equal([256, 512, 768],
            result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Number(Said(line), "touch_minflt")).Order());
        Assert.Equal(
            [256, 512, 768],
            rows.All.Where(row => row.Comm == "seq_touch" && row.Region!.Path is null && row.Region.Size() is 1 << 20 or 2 << 20 or 3 << 20)
                .GroupBy(row => row.Pid).Select(process => process.Count()).Order());
    }

    /// <summary>Made by the kernel in the process, not by a system call of its own; getrusage counts what they fault.</summary>
    [Fact]
    public void IoUringWorkersAreThreadsOfTheProgram()
    {
        var (said, rows) = RecordFixture("uring_read", "200", "37");

        AssertFaultedByWorkers(said, rows.In(Address(said, "start"), Number(said, "pages")), Number(said, "pages"));
        Assert.Equal(Number(said, "second_half_minflt"), rows.In(Address(said, "second_half"), Number(said, "pages") / 2).Count);
    }

    /// <summary>One that runs already has workers already, and gets more.</summary>
    [Fact]
    public void IoUringWorkersOfARunningProgramAreRecorded()
    {
        using var program = Running.Start(Checkout.Fixture("uring_read"), "200", "37", "1");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        program.WriteByte();
        var said = Said(program.ReadLine());
        program.WriteByte();
        Assert.Equal(0, program.Wait().Status);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        Assert.True(rows.Receipt.Complete);
        AssertFaultedByWorkers(said, rows.In(Address(said, "second_half"), Number(said, "pages") / 2), Number(said, "second_half_minflt"));
    }

    private static void AssertFaultedByWorkers(JsonObject said, IReadOnlyList<Row> touched, long faults)
    {
        Assert.Equal(faults, touched.Count);
        Assert.All(touched, row => Assert.Equal(Number(said, "pid"), row.Pid));
        Assert.All(touched, row => Assert.NotEqual(row.Pid, row.Tid));
        Assert.All(touched, row => Assert.StartsWith("iou-wrk-", row.Comm, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("code", 0, 0)]
    [InlineData("code", 7, 7)]
    [InlineData("code", 255, 255)]
    [InlineData("signal", 9, 137)]
    [InlineData("signal", 11, 139)]
    [InlineData("signal", 15, 143)]
    public void TheCommandsStatusIsOurs(string how, int number, int status)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("exit_status"), how, $"{number}");

        Assert.Equal(status, result.Status);
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        Assert.Equal(status, rows.Receipt.ExitStatus);
        Assert.Equal("exited", rows.Receipt.EndReason);
        Assert.Equal(["trace.parquet"], Folder.Names);
    }

    [Fact]
    public void TheTraceSaysWhatWasRecordedWhereAndHow()
    {
        var (_, rows) = RecordFixture("seq_touch", "1");

        Assert.Equal([Checkout.Fixture("seq_touch"), "1"], rows.Metadata.Command);
        Assert.Equal("command", rows.Metadata.Target);
        Assert.Equal("tracepoint", rows.Metadata.Backend.Name);
        Assert.Equal(Running.ToEnd("uname", "-r").Output.Trim(), rows.Metadata.Kernel);
        Assert.Equal(Running.ToEnd("uname", "-m").Output.Trim(), rows.Metadata.Arch);
        Assert.Equal(Environment.MachineName, rows.Metadata.Host);
        Assert.InRange(DateTimeOffset.UtcNow - rows.Metadata.StartedAt, TimeSpan.Zero, TimeSpan.FromMinutes(2));
    }
}
