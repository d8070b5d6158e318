namespace Faultrec.Kernels.Tests;

/// <summary>Each kind's fixture is called by its name on every kernel, by both ways of walking page tables.</summary>
[Trait("Boots", "kernels")]
public sealed class KindTests(Guests guests)
{
    public static TheoryData<string, string> Rungs { get; } = [.. from kernel in Plan.Kernels from rung in Plan.OfKinds select (kernel, rung.Name)];

    [Theory]
    [MemberData(nameof(Rungs))]
    public void FaultsOfAKindAreCalledByItsName(string kernel, string rungName)
    {
        var rung = Plan.OfKinds.Single(rung => rung.Name == rungName);
        var kinds = new KindsStep(guests.Of(kernel)[Plan.Step(rung, Plan.Kinds)]);

        Assert.Equal(26, kinds.Commands.Count);
        Assert.All(kinds.Commands, command =>
        {
            var (said, recorded) = kinds.Compare(command);
            Assert.Equal($"{command}: {said}", $"{command}: {recorded}");
        });
    }
}
