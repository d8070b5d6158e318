using System.Text.Json.Nodes;

namespace Faultrec.Kernels.Tests;

/// <summary>--stacks on each rung that walks them: the verifier takes the walk, and it comes to the fixture's calls.</summary>
[Trait("Boots", "kernels")]
public sealed class StackTests(Guests guests)
{
    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfStacks), MemberType = typeof(Plan))]
    public void FaultsNameTheCallsOfTheProgram(string kernel, string rung)
    {
        var report = Recording.Json(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Stacks)]);
        Assert.True(report["capture"]!["complete"]!.GetValue<bool>(), report["capture"]!["words"]!.GetValue<string>());
        Assert.Null(report["stack_recording"]!["refusal"]);

        Assert.InRange(FaultsBelow(report, "_start", "main", "outer", "inner", "touch_by_store"), Plan.StackPages, Plan.StackPages + 2);
        Assert.InRange(FaultsBelow(report, "_start", "main", "outer", "inner", "touch_by_memset"), Plan.StackPages, Plan.StackPages + 2);
    }

    /// <summary>The fixture's largest region was reserved by the function that calls mmap.</summary>
    [Theory]
    [MemberData(nameof(Plan.KernelsAndRungsOfStacks), MemberType = typeof(Plan))]
    public void RegionsNameTheCodeThatMappedThem(string kernel, string rung)
    {
        var report = Recording.Json(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Stacks)]);

        var largest = report["touchers"]!.AsArray().MaxBy(row => row!["faults"]!.GetValue<long>())!;
        Assert.Matches(@"^map_anonymous \(fixture\.h:\d+\)$", largest["mapper"]!.GetValue<string>());
    }

    /// <summary>A fault by get_user_pages has no exception; the kernel's own calls say who asked for the page.</summary>
    [Theory]
    [MemberData(nameof(KernelsAndRungsOnFunctions))]
    public void FaultsByGetUserPagesNameTheSystemCall(string kernel, string rung)
    {
        var report = Recording.Json(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.KernelStacks)]);

        var populated = report["stacks"]!.AsArray().Where(stack => Passes(stack!["stack"]!.AsArray(), ["main", "do_syscall_64", "__get_user_pages"])).ToList();
        Assert.InRange(populated.Sum(stack => stack!["faults"]!.GetValue<long>()), Plan.StackPages, Plan.StackPages + 2);
        var frames = populated.SelectMany(stack => stack!["stack"]!.AsArray()).Select(frame => frame!.GetValue<string>());
        Assert.DoesNotContain(frames, frame => frame.StartsWith("handle_mm_fault ", StringComparison.Ordinal));
    }

    /// <summary>Faults of stacks that pass through these functions, the outermost first.</summary>
    private static long FaultsBelow(JsonNode report, params string[] functions)
        => report["stacks"]!.AsArray().Where(stack => Passes(stack!["stack"]!.AsArray(), functions)).Sum(stack => stack!["faults"]!.GetValue<long>());

    public static TheoryData<string, string> KernelsAndRungsOnFunctions { get; } =
        [.. from kernel in Plan.Kernels from rung in Plan.OnFunctions select (kernel, rung.Name)];

    private static bool Passes(JsonArray stack, string[] functions)
    {
        var passed = 0;
        foreach (var frame in stack)
        {
            if (passed < functions.Length && frame!.GetValue<string>().StartsWith(functions[passed] + " (", StringComparison.Ordinal))
                passed++;
        }

        return passed == functions.Length;
    }
}
