namespace Faultrec.Kernels.Tests;

/// <summary>A guest has two NUMA nodes with a CPU each: the first sentences say who brought memory in for whom, and that it is far away.</summary>
[Trait("Boots", "kernels")]
public sealed class FirstTouchTests(Guests guests)
{
    public static TheoryData<string> Kernels { get; } = [.. Plan.Kernels];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AThreadOfAnotherNodeIsNamedWithItsRemoteFaults(string kernel)
    {
        var step = guests.Of(kernel)[Plan.FirstTouch];

        Assert.Equal(0, step.Status);
        Assert.Matches(
            @"first_touch \(tid \d+\) made (9\d|100)(\.\d)? % of the first faults in 32\.0 MiB of anonymous mappings, and 1 other thread uses it, too "
                + @"\([\d,]+ faults, [1-9][\d,]* of these on CPUs of another NUMA node than the page's\)\.",
            step.Output.ReplaceLineEndings(" "));
    }
}
