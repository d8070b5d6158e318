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
}
