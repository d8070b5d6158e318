namespace Faultrec.Live.Tests;

/// <summary>The recorder's own use of memory.</summary>
public sealed class MemoryTests : LiveTest
{
    [Theory]
    [InlineData("seq_touch", "512", "4")]
    [InlineData("rand_touch", "3000000", "8192")]
    public void MemoryStaysBoundedHoweverMuchIsRecorded(params string[] fixture)
    {
        const long limitKiB = 200 * 1024;
        using var recorder = Running.Start(
            InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", Checkout.Fixture(fixture[0]), .. fixture[1..]]);
        long peakKiB = 0;
        // VmHWM is the peak so far; the last look is during finalizing, which is the largest.
        while (Running.StatusNumber(recorder.Pid, "VmHWM") is { } nowKiB)
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
