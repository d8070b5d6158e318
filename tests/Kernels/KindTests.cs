namespace Faultrec.Kernels.Tests;

/// <summary>Each kind's fixture is called by its name on every kernel, by both ways of walking page tables.</summary>
[Trait("Boots", "kernels")]
public sealed class KindTests(Guests guests)
{
    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfKinds), MemberType = typeof(Plan))]
    public void FaultsOfAKindAreCalledByItsName(string kernel, string rung)
    {
        var kinds = new KindsStep(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Kinds)]);

        Assert.Equal(26, kinds.Commands.Count);
        Assert.All(kinds.Commands, command =>
        {
            var (said, recorded) = kinds.Compare(command);
            Assert.Equal($"{command}: {said}", $"{command}: {recorded}");
        });
    }
}
