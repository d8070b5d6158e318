namespace Faultrec.Live.Tests;

/// <summary>The recorder's own use of memory.</summary>
public sealed class MemoryTests : LiveTest
{
    [Theory]
    [InlineData("seq_touch", "512", "4")]
    [InlineData("rand_touch", "3000000", "8192")]
    public void MemoryStaysBoundedHoweverMuchIsRecorded(params string[] fixture)
    {
        // 170 to 200 MiB, as the garbage collector happens to run; a recorder that grows with faults would need a gigabyte.
        const long limitKiB = 240 * 1024;
        using var recorder = Running.Start(
            InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", Checkout.Fixture(fixture[0]), .. fixture[1..]]);
        long peakKiB = 0;
        // Not the pages of the executable, which the page cache has once for all. Finalizing is the largest.
        while (Running.StatusNumber(recorder.Pid, "RssAnon") is { } nowKiB)
        {
            peakKiB = Math.Max(peakKiB, nowKiB);
            Thread.Sleep(10);
        }

        Assert.Equal(0, recorder.Wait().Status);
        var counts = Counts.Read(TracePath);
        Assert.True(counts.Minor >= 131_072, "512 MiB once");
        Assert.Equal(0, counts.Receipt.Lost);
        Assert.True(counts.Receipt.Complete);
        Assert.InRange(peakKiB, 1, limitKiB);
    }

    /// <summary>The program, the recorder and what the kernel holds for its probes are all in the same cgroup, as in a container.</summary>
    [Theory]
    [InlineData("seq_touch", "8", "3")]
    [InlineData("/usr/bin/python3", "-c", "import json, asyncio; blocks = [bytearray(4096) for _ in range(2000)]")]
    public void EightyMegabytesAreEnoughForATrace(params string[] program)
    {
        using var cgroup = new MemoryCgroup(80 << 20);

        var result = RecordIn(cgroup, program);

        Assert.True(result.Status == 0, result.Error);
        Assert.Contains("no stacks are recorded: the memory limit of 80 MiB", result.Error, StringComparison.Ordinal);
        Assert.Equal(["trace.parquet"], Folder.Names);
        AssertToldHowMuchIsThere(result);
        Assert.Equal(0, cgroup.OutOfMemoryKills);
    }

    /// <summary>The recorder's own code is read from the disk into the same cgroup, as when a container starts.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(50)]
    public void LessIsEnoughForATraceOrForASpoolThatBecomesOne(int limitMib)
    {
        using var cgroup = new MemoryCgroup((long)limitMib << 20);
        Assert.Equal(0, Running.ToEnd("dd", "iflag=nocache", "count=0", "status=none", $"if={Checkout.Faultrec}").Status);

        var result = RecordIn(cgroup, "seq_touch", "16", "2");

        Assert.True(result.Status == 0, result.Error);
        Assert.All(result.ErrorLines, line => Assert.StartsWith("faultrec: ", line));
        if (!File.Exists(TracePath))
        {
            Assert.Contains("there is not enough memory; the recording is kept: fix that, then `faultrec recover", result.Error, StringComparison.Ordinal);
            Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", TracePath + ".spool").Status);
        }

        AssertToldHowMuchIsThere(result);
        Assert.Equal(0, cgroup.OutOfMemoryKills);
    }

    // Its rings are small, too: a busy machine may leave the recorder without its CPU for longer than they last.
    private void AssertToldHowMuchIsThere(Finished result)
    {
        var receipt = Counts.Read(TracePath).Receipt;
        Assert.True(receipt.Complete == (receipt.Lost == 0), result.Error);
        Assert.Equal(receipt.KernelMinor + receipt.KernelMajor, receipt.Events + receipt.InCalls + receipt.KernelExec + receipt.Lost);
    }

    private Finished RecordIn(MemoryCgroup cgroup, params string[] program)
        => Running.ToEnd(
            InFolder, "sh", ["-c", $"echo $$ >{cgroup.Path}/cgroup.procs && exec \"$0\" record -o {TracePath} -- \"$@\"", Checkout.Faultrec,
                program[0].Contains('/') ? program[0] : Checkout.Fixture(program[0]), .. program[1..]]);
}
