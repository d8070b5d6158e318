using Faultrec.Live.Tests;

[assembly: AssemblyFixture(typeof(NothingLeft))]

namespace Faultrec.Live.Tests;

/// <summary>Guards the whole run: afterwards the kernel holds no BPF object and the machine no process that was not there before.</summary>
public sealed class NothingLeft : IDisposable
{
    private readonly HashSet<string> _before = KernelObjects.All();

    public void Dispose() => Running.Until(
        () => KernelObjects.All().IsSubsetOf(_before),
        $"what the tests left goes away: {string.Join(", ", KernelObjects.All().Except(_before))}");
}
