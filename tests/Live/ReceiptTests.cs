using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>What the kernel counted for the target, term by term, against getrusage and /proc.</summary>
public sealed class ReceiptTests : LiveTest
{
    private static readonly string[] MainCalls = ["mmap", "madvise", "read", "io_uring_register"];
    private static readonly string[] ThreadCalls = ["mlock", "process_vm_readv"];

    /// <summary>Each call has the faults that getrusage counted around it, in its thread, and the range of its argument.</summary>
    [Fact]
    public void FaultsInsideSystemCallsAreToldByCall()
    {
        const int pages = 300;

        var (said, rows) = RecordFixture("pinned_calls", $"{pages}");

        Assert.SkipWhen(rows.Metadata.Backend != Backend.Tracepoint, "this backend has rows of these faults");
        var pid = Assert.Single(rows.Metadata.Processes).Pid;
        var large = rows.Metadata.CallFaults.Where(call => call.Faults >= pages).ToList();
        Assert.Equal(pages, Number(said, "mmap"));
        Assert.Equal(
            MainCalls.Concat(ThreadCalls).Where(name => Number(said, name) >= 0).Select(name => (name, Number(said, name))),
            large.Select(call => (call.Call!, call.Faults)));
        Assert.All(large, call => Assert.Equal((pid, ThreadCalls.Contains(call.Call)), (call.Pid, call.Tid != pid)));
        Assert.All(large, call => Assert.Equal(call.Call == "process_vm_readv" ? null : (ulong)pages * 4096, call.End - call.Start));
        Assert.All(large, call => Assert.NotNull(call.Stack));
        Assert.Equal(large.Select(call => call.TimeNs).Order(), large.Select(call => call.TimeNs));
        Assert.Equal(rows.Receipt.InCalls, rows.Metadata.CallFaults.Sum(call => call.Faults));
        AssertAddsUp(rows.Receipt);

        var report = Running.ToEnd(Checkout.Faultrec, "report", "--full", TracePath).Output.ReplaceLineEndings(" ");
        Assert.Contains("complete for page-fault exceptions: ", report, StringComparison.Ordinal);
        Assert.Contains($"{rows.Receipt.Events:N0} page-fault exceptions captured; the kernel also served ", report, StringComparison.Ordinal);
    }

    /// <summary>Attached: the target's own counters are the oracle, and its calls are told as a command's are.</summary>
    [Fact]
    public void AnAttachedProcessIsAskedForItsOwnCounters()
    {
        const int pages = 200;
        using var program = Running.Start(Checkout.Fixture("pinned_calls"), $"{pages}", "wait");
        program.ReadLine();
        var before = ProcessCounts.Of(program.Pid);
        using var recorder = StartRecording("--pid", $"{program.Pid}");

        program.WriteByte();
        var said = Said(program.ReadLine());
        Assert.Equal(0, program.Wait().Status);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        AssertAddsUp(rows.Receipt);
        AssertAccounted(rows.Receipt);
        Assert.SkipWhen(rows.Metadata.Backend != Backend.Tracepoint, "this backend has rows of these faults");
        Assert.Equal(Number(said, "minflt") - before.Minor, rows.Receipt.KernelMinor);
        Assert.Equal(
            MainCalls.Concat(ThreadCalls).Sum(name => Math.Max(0, Number(said, name))),
            rows.Metadata.CallFaults.Where(call => call.Faults >= pages).Sum(call => call.Faults));
    }

    /// <summary>Recorders disturb each other: the kernel leaves one's program out while the other's runs. Each says what it has.</summary>
    [Fact]
    public void FiveRecordersOfOneProcessEachTellTheTruth()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "3", "5000");
        program.ReadLine();
        var before = ProcessCounts.Of(program.Pid);
        var paths = Enumerable.Range(0, 5).Select(i => Folder[$"{i}.parquet"]).ToList();
        var recorders = paths.Select(path => Running.Start(InFolder, Checkout.Faultrec, "record", "-o", path, "--pid", $"{program.Pid}")).ToList();
        foreach (var path in paths)
            Running.Until(() => new FileInfo(path + ".spool") is { Exists: true, Length: > 0 }, "the recording has begun");

        program.WriteByte();
        program.ReadLine();
        var after = ProcessCounts.Of(program.Pid);
        program.WriteByte();
        Assert.Equal(0, program.Wait().Status);
        foreach (var recorder in recorders)
        {
            using (recorder)
                Assert.Equal(0, recorder.Wait().Status);
        }

        foreach (var counts in paths.Select(Counts.Read))
        {
            AssertAddsUp(counts.Receipt);
            AssertAccounted(counts.Receipt);
            Assert.Equal((after.Minor - before.Minor, after.Major - before.Major), (counts.Receipt.KernelMinor, counts.Receipt.KernelMajor));
        }
    }

    [Fact]
    public void ARecorderThatIsRecordedTellsTheTruthAndSoDoesTheOther()
    {
        var inner = Folder["inner.parquet"];

        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Faultrec, "record", "-o", inner, "--", Checkout.Fixture("seq_touch"), "16");

        Assert.Equal(0, result.Status);
        foreach (var counts in new[] { inner, TracePath }.Select(Counts.Read))
        {
            AssertAddsUp(counts.Receipt);
            Assert.Equal(counts.Receipt is { Missed: 0, Lost: 0, LostSideband: 0 }, counts.Receipt.Complete);
        }

        Assert.True(Counts.Read(inner).Receipt.KernelMinor >= Number(Said(result.Output), "touch_minflt"));
    }

    private static void AssertAddsUp(Receipt receipt)
        => Assert.Equal(
            receipt.KernelMinor + receipt.KernelMajor,
            receipt.Events - receipt.Failed + receipt.SampledOut + receipt.InCalls + receipt.KernelExec + receipt.Lost + receipt.Missed);
}
