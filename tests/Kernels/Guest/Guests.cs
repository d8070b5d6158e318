using System.Collections.Concurrent;
using Faultrec.Kernels.Tests;

[assembly: AssemblyFixture(typeof(Guests))]

namespace Faultrec.Kernels.Tests;

/// <summary>Boots every kernel of the matrix once, all at the same time, when the first test asks; every test looks at the same runs.</summary>
public sealed class Guests : IDisposable
{
    private static readonly Lazy<(IReadOnlyList<CachedKernel> Kernels, string? Obstacle)> Fetched = new(Fetch);

    private readonly Lazy<Dictionary<string, Task<GuestRun>>> _runs;
    private readonly ConcurrentBag<VirtualMachine> _machines = [];

    public Guests() => _runs = new(() => Fetched.Value.Kernels.ToDictionary(kernel => kernel.Name, kernel => Task.Run(() => Boot(kernel))));

    public void Dispose()
    {
        foreach (var machine in _machines)
            machine.Dispose();
    }

    /// <summary>Skips the test where kernels are not to be booted, or cannot be.</summary>
    internal GuestRun Of(string kernel)
    {
        SkipWithoutKernels();
        return _runs.Value[kernel].GetAwaiter().GetResult();
    }

    internal static CachedKernel Kernel(string name)
    {
        SkipWithoutKernels();
        return Fetched.Value.Kernels.Single(kernel => kernel.Name == name);
    }

    private static void SkipWithoutKernels()
    {
        if (Fetched.Value.Obstacle is { } obstacle)
            Assert.Skip(obstacle);
    }

    private GuestRun Boot(CachedKernel kernel)
    {
        var machine = VirtualMachine.Start(kernel, Plan.Steps);
        _machines.Add(machine);
        return machine.Wait();
    }

    private static (IReadOnlyList<CachedKernel> Kernels, string? Obstacle) Fetch()
    {
        if (Environment.GetEnvironmentVariable("FAULTREC_KERNELS") != "1")
            return ([], "set FAULTREC_KERNELS=1 to boot other kernels");
        var missing = ((string[])["qemu-system-x86_64", "busybox", "cpio"]).Where(tool => Running.ToEnd("which", tool).Status != 0).ToList();
        if (missing.Count > 0)
            return ([], $"{string.Join(", ", missing)} missing; scripts/install-deps.sh --kernels installs what booting other kernels needs");
        var fetched = Running.ToEnd(Path.Combine(Checkout.Root, "scripts/fetch-kernels.sh"), Plan.Kernels);
        if (fetched.Status != 0)
            return ([], $"no kernels to boot: {fetched.ErrorLines.LastOrDefault()}");
        var kernels = fetched.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', 3));
        return ([.. kernels.Select(fields => new CachedKernel(fields[0], fields[1], fields[2]))], null);
    }
}
