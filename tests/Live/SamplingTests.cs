namespace Faultrec.Live.Tests;

/// <summary>A part of the faults as rows; all of them counted.</summary>
public sealed class SamplingTests : LiveTest
{
    private const int Faults = 400_000;

    [Theory]
    [InlineData(7)]
    [InlineData(100)]
    public void OneInNIsTakenAndAllAreCounted(int every)
    {
        var rows = Record("--every", $"{every}").Rows;

        var receipt = rows.Receipt;
        Assert.Equal(receipt.PerfMinor + receipt.PerfMajor, receipt.Events + receipt.SampledOut);
        Assert.True(receipt.Complete);
        Assert.Equal((every, false), (rows.Metadata.Sampling!.Every, rows.Metadata.Sampling.RateLimited));
        // Five standard errors of a random sample.
        var total = (double)(receipt.Events + receipt.SampledOut);
        Assert.InRange(receipt.Events * every, total - (5 * Math.Sqrt(every * total)), total + (5 * Math.Sqrt(every * total)));
    }

    [Fact]
    public void TheRateGuardSamplesAndSaysSo()
    {
        var (result, rows) = Record("--max-rate", "10000");

        Assert.Contains("--max-rate", result.Error, StringComparison.Ordinal);
        var receipt = rows.Receipt;
        Assert.True(rows.Metadata.Sampling!.RateLimited);
        Assert.Equal(receipt.PerfMinor + receipt.PerfMajor, receipt.Events + receipt.SampledOut);
        Assert.InRange(receipt.Events, 1, Faults / 2);
    }

    [Fact]
    public void ARateThatIsNeverReachedTakesAll()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--max-rate", "1000000000", "-o", TracePath, "--", "true");

        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        Assert.False(rows.Metadata.Sampling!.RateLimited);
        Assert.Equal(0, rows.Receipt.SampledOut);
    }

    private (Finished Result, Rows Rows) Record(string option, string value)
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", option, value, "-o", TracePath, "--", Checkout.Fixture("rand_touch"), $"{Faults}", "2048");
        Assert.Equal(0, result.Status);
        Assert.Equal(Faults, Number(Said(result.Output), "touch_minflt"));
        return (result, Rows.Read(TracePath));
    }
}
