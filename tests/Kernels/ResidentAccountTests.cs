namespace Faultrec.Kernels.Tests;

/// <summary>The account of resident memory beside the kernel's page tables, on every kernel and every rung that walks page tables.</summary>
[Trait("Boots", "kernels")]
public sealed class ResidentAccountTests(Guests guests)
{
    /// <summary>What a program faults in after it has looked, to print what it saw, and what execve faults in unseen.</summary>
    private const long SlackBytes = 64 << 10;

    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfStacks), MemberType = typeof(Plan))]
    public void TheAccountIsWhatTheKernelCounts(string kernel, string rung)
    {
        var processes = ResidentStep.Processes(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Resident)]);

        Assert.Equal(ResidentStep.Modes, processes.Select(process => process.Mode).Distinct());
        Assert.All(processes, AssertIsRight);
    }

    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfKinds), MemberType = typeof(Plan))]
    public void LargeFoliosAreAccountedWhole(string kernel, string rung)
    {
        var step = guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.ResidentFolios)];
        // Anonymous memory has had large folios since 6.8.
        if (kernel == "6.1")
        {
            Assert.Equal((0, ""), (step.Status, step.Output));
            return;
        }

        var processes = ResidentStep.Processes(step);
        Assert.Equal(ResidentStep.ModesOfLargeFolios, processes.Select(process => process.Mode).Distinct());
        Assert.All(processes, AssertIsRight);
    }

    // What the kernel has swapped out is in the account unless a look at the process's counters came upon it, and none is taken at its end before 6.16.
    private static void AssertIsRight(ResidentProcess process)
        => Assert.InRange(process.AccountedBytes, process.KernelBytes - SlackBytes, process.KernelBytes + process.SwapBytes + SlackBytes);
}
