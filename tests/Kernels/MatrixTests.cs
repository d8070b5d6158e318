namespace Faultrec.Kernels.Tests;

/// <summary>Every rung on every kernel: the rows against the kernel's counts, and the rungs against each other.</summary>
[Trait("Boots", "kernels")]
public sealed class MatrixTests(Guests guests)
{
    public static TheoryData<string, string, string> Recordings { get; } =
        [.. from kernel in Plan.Kernels from rung in Plan.Rungs from workload in Workload.All select (kernel, rung.Name, workload.Name)];

    public static TheoryData<string, string> Rungs { get; } = [.. from kernel in Plan.Kernels from rung in Plan.Rungs select (kernel, rung.Name)];

    /// <summary>Those of which every rung sees the same faults.</summary>
    public static TheoryData<string> Comparable { get; } = [.. Workload.All.Where(workload => workload.GetUserPages == 0).Select(workload => workload.Name)];

    [Theory]
    [MemberData(nameof(Recordings))]
    public void ARecordingIsWhole(string kernel, string rung, string workload)
    {
        var recording = Open(kernel, Plan.RungOf(rung), WorkloadOf(workload));

        Assert.Equal(rung, recording.Backend);
        Assert.True(recording.IsComplete);
        Assert.Equal((0, 0), (recording.Receipt("lost"), recording.Receipt("lost_sideband")));
        Assert.Equal(recording.Receipt("events"), recording.Rows.Minor + recording.Rows.Major + recording.Failed);
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void RowsAreWhatTheKernelCounted(string kernel, string rungName, string workloadName)
    {
        var (rung, workload) = (Plan.RungOf(rungName), WorkloadOf(workloadName));

        var recording = Open(kernel, rung, workload);

        var counter = rung.SeesGetUserPages ? "kernel" : "perf";
        Assert.Equal((recording.Receipt($"{counter}_minor"), recording.Receipt($"{counter}_major")), recording.Rows);
        Assert.Equal(workload.Major, recording.Rows.Major);
        Assert.Equal(ExpectedFailed(rung, workload), recording.Failed);
        if (!rung.SeesGetUserPages && rung.HasExecCount)
        {
            var notSeen = recording.Receipt("kernel_exec") + workload.GetUserPages;
            Assert.Equal((recording.Rows.Minor + notSeen, recording.Rows.Major), (recording.Receipt("kernel_minor"), recording.Receipt("kernel_major")));
        }
    }

    /// <summary>getrusage by the program itself, which faults no more after it asked.</summary>
    [Theory]
    [MemberData(nameof(Recordings))]
    public void RowsOfAProgramAreItsGetrusage(string kernel, string rungName, string workloadName)
    {
        var (rung, workload) = (Plan.RungOf(rungName), WorkloadOf(workloadName));

        var recording = Open(kernel, rung, workload);

        Assert.Equal(recording.Getrusage.Major, recording.RowsOfTheProgram.Major);
        var notSeen = recording.Getrusage.Minor - recording.RowsOfTheProgram.Minor;
        if (rung.SeesGetUserPages)
            Assert.Equal(0, notSeen);
        else if (rung.HasExecCount)
            Assert.InRange(notSeen - workload.GetUserPages, 1, recording.Receipt("kernel_exec")); // which has the shell's own exec too
        else
            Assert.InRange(notSeen - workload.GetUserPages, 1, 80); // up to 20 for each of at most four execs
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void KnownRegionsHaveTheirFaults(string kernel, string rungName, string workloadName)
    {
        var (rung, workload) = (Plan.RungOf(rungName), WorkloadOf(workloadName));

        var expected = workload.Regions.Where(region => rung.SeesGetUserPages || !region.ByGetUserPages)
            .Select(region => (region.Name, region.Pages, region.Faults));
        var found = from region in Open(kernel, rung, workload).Regions
                    from known in workload.Regions.Select(known => (known.Name, known.Pages)).Distinct()
                    where region.Name.EndsWith(known.Name, StringComparison.Ordinal) && region.Pages == known.Pages && region.Faults > 0
                    select (known.Name, region.Pages, region.Faults);
        Assert.Equal(expected, found);
    }

    /// <summary>What a program does to its heap and its anonymous memory is the same everywhere, to the single fault.</summary>
    [Theory]
    [MemberData(nameof(Comparable))]
    public void RungsAndKernelsAgreeOnEveryAnonymousRegion(string workloadName)
    {
        var workload = WorkloadOf(workloadName);

        var cells = (from kernel in Plan.Kernels
                     from rung in Plan.Rungs
                     where rung.SeesFailed || !workload.Unmaps && workload.Failed == default // see docs/record.md: limits of perf
                     select (Cell: $"{kernel} {rung}", Regions: AnonymousRegions(Open(kernel, rung, workload)))).ToList();

        Assert.NotEqual("", cells[0].Regions);
        Assert.Equal(cells.Select(cell => (cell.Cell, cells[0].Regions)), cells);
    }

    /// <summary>At the first listen(2) that succeeds: what follows is the fixture's second mapping and its last words.</summary>
    [Theory]
    [MemberData(nameof(Rungs))]
    public void APhaseBeginsWhereAProgramListens(string kernel, string rungName)
    {
        var recording = Open(kernel, Plan.RungOf(rungName), WorkloadOf("listening"));

        if (rungName == Rung.Perf.Name)
        {
            Assert.Empty(recording.Phases);
            return;
        }

        var phases = recording.Phases.ToList();
        Assert.Equal(["start", "listen"], phases.Select(phase => phase.Name));
        Assert.InRange(phases[1].Faults, 120, 160);
        Assert.Equal(recording.Rows.Minor + recording.Rows.Major, phases.Sum(phase => phase.Faults));
    }

    [Theory]
    [MemberData(nameof(Rungs))]
    public void TheStatusIsTheCommands(string kernel, string rung)
    {
        var guest = guests.Of(kernel);

        Assert.Equal(3, guest[Plan.Step(Plan.RungOf(rung), Plan.ExitCode)].Status);
        Assert.Equal(128 + 11, guest[Plan.Step(Plan.RungOf(rung), Plan.Signal)].Status);
    }

    [Theory]
    [MemberData(nameof(Rungs))]
    public void ARunningProcessIsRecorded(string kernel, string rung)
    {
        var report = Recording.Json(guests.Of(kernel)[Plan.Step(Plan.RungOf(rung), Plan.Attached)]);

        var threads = report["threads"]!.AsArray().Select(thread => thread!["minor"]!.GetValue<long>()).ToList();
        Assert.Equal(3, threads.Count(faults => faults >= 200)); // two that ran before, and one created after
        Assert.True(report["capture"]!["complete"]!.GetValue<bool>());
        Assert.Equal(rung, report["trace"]!["backend"]!.GetValue<string>());
    }

    private Recording Open(string kernel, Rung rung, Workload workload) => new(guests.Of(kernel), rung, workload);

    private static Workload WorkloadOf(string name) => Workload.All.Single(workload => workload.Name == name);

    private static long ExpectedFailed(Rung rung, Workload workload)
        => rung.SeesFailed ? workload.Failed.Sigsegv + workload.Failed.Sigbus : 0;

    // "1024: 1024, 33: 2…", pages and faults. Without names: no probe of the perf rung sees brk(2), so that a new heap is [anon] there.
    private static string AnonymousRegions(Recording recording)
    {
        var regions = recording.Regions.Where(region => region.Name is "[anon]" or "[heap]" && region.Faults > 0)
            .Select(region => $"{region.Pages}: {region.Faults}");
        return string.Join(", ", regions.Order(StringComparer.Ordinal));
    }
}
