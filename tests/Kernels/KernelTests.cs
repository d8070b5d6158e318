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
        var works = diagnosis["backends"]!.AsArray().Where(backend => backend!["works"]!.GetValue<bool>())
            .Select(backend => backend!["backend"]!.GetValue<string>());
        Assert.Equal(Plan.Rungs.Select(rung => rung.Name), works);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AutoTakesTheFirstRung(string kernel)
        => Assert.Equal(Plan.Rungs[0].Name, Recording.Json(guests.Of(kernel)[Plan.Auto])["backend"]!.GetValue<string>());

    [Theory]
    [MemberData(nameof(Kernels))]
    public void TheDoctorSaysWhichFunctionsCanBeTraced(string kernel)
    {
        var verdicts = Recording.Json(guests.Of(kernel)[Plan.Functions])["functions"]!.AsArray();

        Assert.Equal([true, false, false], verdicts.Select(verdict => verdict!["traceable"]!.GetValue<bool>()));
    }

    /// <summary>A handler is attached to if and only if the kernel has it, and then it served what it must have.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void HandlersThatExistServe(string kernel)
    {
        var existing = guests.Of(kernel)[Plan.HandlersInKernel].Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("do_wp_page", existing);
        foreach (var rung in Plan.OnFunctions)
        {
            var handlers = Recording.Json(guests.Of(kernel)[Plan.Step(rung, Plan.Handlers)])["handlers"]!.AsArray()
                .Where(handler => handler!["function"] is not null).ToDictionary(handler => handler!["function"]!.GetValue<string>(), handler => handler!);
            Assert.Equal(existing.Distinct().Order(), handlers.Where(handler => handler.Value["refusal"] is null).Select(handler => handler.Key).Order());
            // fork_cow writes to 128 pages that parent and child share, and the 256 of the parent are new.
            Assert.InRange(handlers["do_wp_page"]["faults"]!.GetValue<long>(), 128, 400);
            if (existing.Contains("do_anonymous_page"))
                Assert.InRange(handlers["do_anonymous_page"]["faults"]!.GetValue<long>(), 256, 500);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AnOrdinaryUserGetsThePerfRung(string kernel)
    {
        var info = Recording.Json(guests.Of(kernel)[Plan.Rootless]);

        Assert.Equal("perf", info["backend"]!.GetValue<string>());
        var receipt = info["receipt"]!;
        Assert.Equal(receipt["perf_minor"]!.GetValue<long>() + receipt["perf_major"]!.GetValue<long>(), receipt["events"]!.GetValue<long>());
        Assert.InRange(receipt["events"]!.GetValue<long>(), 1024, 2000);
        Assert.Equal(0, receipt["lost"]!.GetValue<long>());
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void WhereTheKernelForbidsItOneLineSaysSo(string kernel)
    {
        var forbidden = guests.Of(kernel)[Plan.Forbidden];

        Assert.Equal(4, forbidden.Status);
        Assert.Single(forbidden.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void KprobesWorkByTracefsToo(string kernel)
    {
        var step = guests.Of(kernel)[Plan.LegacyKprobe];
        if (Recording.Documents(step) is not [var left, var stillLeft, var info])
            throw new InvalidOperationException(step.Output);

        Assert.Equal("kprobe", info["backend"]!.GetValue<string>());
        Assert.True(info["receipt"]!["complete"]!.GetValue<bool>());
        // Of the recorder that was killed before, at entry and return of handle_mm_fault and ten calls; the next one cleans up.
        Assert.Equal((22, 0), (left.GetValue<int>(), stillLeft.GetValue<int>()));
    }

    /// <summary>
    /// The kernel's ten instances of a kretprobe are with ten of 40 threads that sleep in a fault: meanwhile the main thread faults
    /// 100 times, and each return is missed. They are counted, one by one.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void MissedReturnsAreLost(string kernel)
    {
        if (Recording.Documents(guests.Of(kernel)[Plan.Sleepers]) is not [_, var info])
            throw new InvalidOperationException("the step printed something else");

        var receipt = info["receipt"]!;
        Assert.False(receipt["complete"]!.GetValue<bool>());
        Assert.InRange(receipt["lost"]!.GetValue<long>(), 100, 250);
        Assert.Equal(
            receipt["kernel_minor"]!.GetValue<long>() + receipt["kernel_major"]!.GetValue<long>(),
            receipt["events"]!.GetValue<long>() + receipt["lost"]!.GetValue<long>());
    }

    /// <summary>Neither where the kernel counts nothing to compare with, nor where no later fault of the thread shows what was missed.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void ARecordingThatMissedReturnsIsNeverComplete(string kernel)
    {
        var byName = Recording.Documents(guests.Of(kernel)[Plan.SleepersByName])[^1]["receipt"]!;
        var atTheEnd = Recording.Documents(guests.Of(kernel)[Plan.SleepersAtTheEnd])[^1]["receipt"]!;

        Assert.Equal((false, false), (byName["complete"]!.GetValue<bool>(), atTheEnd["complete"]!.GetValue<bool>()));
        Assert.InRange(byName["lost"]!.GetValue<long>(), 100, 250);
        Assert.InRange(atTheEnd["without_outcome"]!.GetValue<long>(), 40, 60);
    }

    /// <summary>By name and by cgroup: the touches of the one program, none of its neighbour's.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void OthersAreLeftOut(string kernel)
    {
        foreach (var step in (string[])[Plan.Name, Plan.Cgroup])
        {
            var regions = Recording.Json(guests.Of(kernel)[step])["regions"]!.AsArray()
                .Select(region => (region!["pages"]!.GetValue<long>(), region["faults"]!.GetValue<long>())).ToList();
            Assert.Contains((1024L, 1024L), regions);
            Assert.DoesNotContain(regions, region => region.Item1 == 4096);
        }
    }

    /// <summary>Nothing is taken before the mappings are known, and everything after: a program's rows are its getrusage.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void AllOfTheGuestHasItsRegions(string kernel)
    {
        foreach (var rung in Plan.OnFunctions)
        {
            if (Recording.Documents(guests.Of(kernel)[Plan.Step(rung, Plan.All)]) is not [var said, var kept, var info, var report])
                throw new InvalidOperationException("the step printed something else");
            var receipt = info["receipt"]!;
            Assert.True(receipt["complete"]!.GetValue<bool>(), receipt["words"]!.GetValue<string>());
            Assert.Equal(0, receipt["without_region"]!.GetValue<long>());
            // One of each that runs is under way when the recording begins, at most: the program, the shell that waits, its sleep.
            Assert.InRange(receipt["without_entry"]!.GetValue<long>(), 0, 3);
            var processes = report["processes"]!.AsArray()
                .ToLookup(process => process!["comm"]!.GetValue<string>(), process => process!["faults"]!.GetValue<long>());
            Assert.Equal(said["minflt"]!.GetValue<long>() + said["majflt"]!.GetValue<long>(), Assert.Single(processes["seq_touch"]));
            Assert.InRange(Assert.Single(processes["keep_touching"]), 1, kept["minflt"]!.GetValue<long>());
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AttachingAgainAndAgainDisturbsNothing(string kernel)
    {
        foreach (var documents in Plan.AttachedAgain.Select(step => Recording.Documents(guests.Of(kernel)[step])))
        {
            Assert.Equal(Plan.AttachesEach + 1, documents.Count);
            // A busy guest can leave the program no time in one of them.
            Assert.True(documents.SkipLast(1).Sum(info => info["receipt"]!["events"]!.GetValue<long>()) > 0);
            foreach (var receipt in documents.SkipLast(1).Select(info => info["receipt"]!))
            {
                Assert.True(receipt["complete"]!.GetValue<bool>(), receipt["words"]!.GetValue<string>());
                // One is under way when the recording begins, at most.
                Assert.InRange(receipt["without_entry"]!.GetValue<long>(), 0, 1);
                Assert.Equal(0, receipt["without_region"]!.GetValue<long>());
            }

            Assert.Equal(0, documents[^1]["wrong"]!.GetValue<long>());
        }
    }

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
