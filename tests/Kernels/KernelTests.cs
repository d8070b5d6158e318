using System.Text.RegularExpressions;

namespace Faultrec.Kernels.Tests;

/// <summary>What holds for a whole guest, whatever was recorded in it.</summary>
[Trait("Boots", "kernels")]
public sealed partial class KernelTests(Guests guests)
{
    public static TheoryData<string> Kernels { get; } = [.. Plan.Kernels];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void EveryStepRan(string kernel)
    {
        var guest = guests.Of(kernel);

        Assert.Equal(Plan.Steps.Select(step => step.Name), guest.Transcript.Steps.Select(step => step.Name));
        Assert.Equal(0, guest.Status);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void TheDoctorSaysWhatWorks(string kernel)
    {
        var diagnosis = Recording.Json(guests.Of(kernel)[Plan.Doctor]);

        Assert.True(diagnosis["can_record"]!.GetValue<bool>());
        var works = diagnosis["backends"]!.AsArray().Where(backend => backend!["works"]!.GetValue<bool>()).Select(backend => backend!["backend"]!.GetValue<string>());
        Assert.Equal(Plan.Rungs.Select(rung => rung.Name), works);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AutoTakesTheFirstRung(string kernel)
        => Assert.Equal(Plan.Rungs[0].Name, Recording.Json(guests.Of(kernel)[Plan.Auto])["backend"]!.GetValue<string>());

    /// <summary>Probed functions, BPF objects, perf events, processes.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void RecordingsLeaveNothingBehind(string kernel)
    {
        var (before, after) = (guests.Of(kernel)[Plan.LeftBefore], guests.Of(kernel)[Plan.LeftAfter]);

        Assert.Equal(("", ""), (before.Error, after.Error));
        Assert.Equal(before.Output, after.Output);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void TheKernelHasNothingToComplainAbout(string kernel)
    {
        var console = guests.Of(kernel).Console;

        Assert.Contains("Run /init as init process", console);
        Assert.DoesNotContain(console.Split('\n'), line => Complaint().IsMatch(line));
    }

    [GeneratedRegex(@"WARNING:|BUG:|Oops|Call Trace:|Kernel panic|rcu: INFO|general protection|Out of memory")]
    private static partial Regex Complaint();
}
