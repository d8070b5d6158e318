using System.Text.Json.Nodes;

namespace Faultrec.Kernels.Tests;

/// <summary>--why and --slab where functions can be probed and where they cannot.</summary>
[Trait("Boots", "kernels")]
public sealed class CostTests(Guests guests)
{
    /// <summary>Only what needs a probe on a function is refused without one.</summary>
    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfKinds), MemberType = typeof(Plan))]
    public void DurationsAreSplit(string kernel, string rung)
    {
        var report = Report(kernel, rung);
        var causes = report["causes"]!.AsArray();

        Assert.True(report["capture"]!["complete"]!.GetValue<bool>(), report["capture"]!["words"]!.GetValue<string>());
        Assert.Equal(
            rung == Rung.Tracepoint.Name ? ["zeroing"] : [],
            causes.Where(cause => Text(cause, "refusal") != "").Select(cause => Text(cause, "cause")));
        // Faults of the command's own execve are not followed, and are few.
        Assert.InRange(
            Number(causes.Single(cause => Text(cause, "cause") == "kernel_work"), "faults"),
            Number(report["totals"], "faults") - 8,
            Number(report["totals"], "faults"));
        Assert.InRange(causes.Sum(cause => Number(cause, "time_ns")), 1, Number(report["totals"]!["latency_ns"], "sum"));
    }

    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfKinds), MemberType = typeof(Plan))]
    public void KernelMemoryIsCounted(string kernel, string rung)
    {
        var report = Report(kernel, rung);
        var stages = report["slab"]!["stages"]!.AsArray();
        var objects = report["slab"]!["caches"]!.AsArray().Sum(cache => Number(cache, "objects"));

        // Each page that is written first, or copied, comes from the buddy allocator.
        Assert.True(
            report["slab"]!["buddy"]!.AsArray().Sum(order => Number(order, "pages"))
                >= report["kinds"]!.AsArray().Where(kind => Text(kind, "kind") is "anon_write" or "cow_fork").Sum(kind => Number(kind, "faults")));
        Assert.True(objects > 0);
        Assert.Equal(objects, stages.Sum(stage => Number(stage, "objects")));
        Assert.Contains("no sheaves", Text(stages.Single(stage => Text(stage, "stage") == "sheaf"), "refusal"), StringComparison.Ordinal);
        // Told apart where ___slab_alloc is probed; else all are `unknown`.
        var unknown = stages.SingleOrDefault(stage => Text(stage, "stage") == "unknown");
        Assert.Equal(rung == Rung.Tracepoint.Name ? objects : 0, unknown is null ? 0 : Number(unknown, "objects"));
    }

    private JsonNode Report(string kernel, string rung)
        => Recording.Json(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Costs)]);

    private static string Text(JsonNode? node, string key) => node![key]!.GetValue<string>();

    private static long Number(JsonNode? node, string key) => node![key]!.GetValue<long>();
}
