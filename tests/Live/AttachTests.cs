namespace Faultrec.Live.Tests;

/// <summary>Attaching to a process that does not wait for us.</summary>
public sealed class AttachTests : LiveTest
{
    [Theory]
    [InlineData("seq_touch", "64", "60")]
    [InlineData("addr_reuse", "100000000", "4")]
    public void ABusyProcessIsCaughtInTheAct(params string[] fixture)
    {
        using var program = Running.Start(Checkout.Fixture(fixture[0]), fixture[1..]);
        // addr_reuse makes its files first.
        Running.Until(() => File.ReadAllText($"/proc/{program.Pid}/stat").Split(' ')[9] is { Length: > 4 }, "it faults");

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--duration", "300ms", "-o", TracePath, "--pid", $"{program.Pid}");

        _ = Running.Kill(program.Pid, Running.Sigkill);
        foreach (var left in Directory.EnumerateFiles("/var/tmp", $"faultrec-{program.Pid}-*"))
            File.Delete(left);
        Assert.Equal(0, result.Status);
        var counts = Counts.Read(TracePath);
        Assert.Equal("duration", counts.Receipt.EndReason);
        Assert.True(counts.IsOrdered);
        Assert.True(counts.Minor > 100);
        AssertAccounted(counts.Receipt);
        Assert.Equal((0, 0), (counts.Receipt.Lost, counts.Receipt.LostSideband));
        // One fault a thread may be under way when the recording begins, and one when it ends.
        Assert.InRange(counts.Receipt.WithoutOutcome, 0, 2);
        Assert.InRange(counts.Receipt.WithoutEntry, 0, 2);
        Assert.Equal(0, counts.Receipt.WithoutRegion);
    }
}
