namespace Faultrec.Live.Tests;

/// <summary>The recorder's own use of memory.</summary>
public sealed class MemoryTests : LiveTest
{
    [Theory]
    [InlineData("seq_touch", "512", "4")]
    [InlineData("rand_touch", "3000000", "8192")]
    public void MemoryStaysBoundedHoweverMuchIsRecorded(params string[] fixture)
    {
        // 170 to 190 MiB, as the garbage collector happens to run; a recorder that grows with faults would need a gigabyte.
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
    [InlineData("seq_touch", "16", "2")]
    [InlineData("seq_touch", "8", "3")]
    public void EightyMegabytesAreEnoughForATrace(params string[] program)
    {
        using var cgroup = new MemoryCgroup(80 << 20);

        var result = RecordIn(cgroup, program);

        Assert.Equal(0, result.Status);
        Assert.Equal(["trace.parquet"], Folder.Names);
        // Its rings are small, too: a busy machine may leave the recorder without its CPU for longer than they last. That is told.
        var receipt = Counts.Read(TracePath).Receipt;
        Assert.True(receipt.Complete == (receipt.Lost == 0), result.Error);
        Assert.Equal(receipt.KernelMinor + receipt.KernelMajor, receipt.Events + receipt.InCalls + receipt.KernelExec + receipt.Lost);
        Assert.Equal(0, cgroup.OutOfMemoryKills);
    }

    private Finished RecordIn(MemoryCgroup cgroup, params string[] program)
        => Running.ToEnd(
            InFolder, "sh", ["-c", $"echo $$ >{cgroup.Path}/cgroup.procs && exec \"$0\" record -o {TracePath} -- \"$@\"", Checkout.Faultrec,
                program[0].Contains('/') ? program[0] : Checkout.Fixture(program[0]), .. program[1..]]);
}
