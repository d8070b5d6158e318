using System.Globalization;
using System.Text.Json;

namespace Faultrec.Kernels.Tests;

/// <summary>A cgroup of version 2 with a limit that a program exceeds: its counters, its pressure, and the first screen.</summary>
[Trait("Boots", "kernels")]
public sealed class ShortageTests(Guests guests)
{
    public static TheoryData<string> Kernels { get; } = [.. Plan.Kernels];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AKillForLackOfMemoryIsToldAsTheKernelCountsIt(string kernel)
    {
        var step = guests.Of(kernel)[Plan.Shortage];

        Assert.Equal(0, step.Status);
        var lines = step.Output.Split('\n');
        using var info = JsonDocument.Parse(lines[0]);
        var pressure = info.RootElement.GetProperty("pressure");
        Assert.Equal(("/small", "memory.max", 8L << 20), (
            pressure.GetProperty("cgroup").GetString(), pressure.GetProperty("limit").GetString(), pressure.GetProperty("limit_bytes").GetInt64()));
        Assert.Equal(Event("max"), pressure.GetProperty("limit_hits").GetInt64());
        Assert.Equal((1, Event("oom_kill")), (pressure.GetProperty("oom_kills").GetInt64(), Event("oom_kill")));
        Assert.False(pressure.GetProperty("is_pressure_of_machine").GetBoolean());
        Assert.True(pressure.GetProperty("some_ns").GetInt64() > 0);
        Assert.Contains("The kernel killed 1 process of cgroup /small, memory.max 8.0 MiB, for lack of memory (OOM)", step.Output, StringComparison.Ordinal);

        long Event(string name) => long.Parse(
            lines.Single(line => line.StartsWith($"{name} ", StringComparison.Ordinal))[(name.Length + 1)..], CultureInfo.InvariantCulture);
    }
}
