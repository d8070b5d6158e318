using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Text;
using Faultrec.Replay.Native;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>One replay of one trace, from its file to the figures.</summary>
public static class TraceReplay
{
    private const int MostSlots = 1024;
    private const int MostRingOps = 1 << 16;
    private const int FewestRingOps = 256;
    private const int OpsOfAllRings = 1 << 18;
    private const double LargestShare = 0.9;

    /// <param name="cancelled">Ends the replay, with <see cref="OperationCanceledException"/>.</param>
    public static ReplayResult Run(TraceReader reader, ReplayOptions options, CancellationToken cancelled)
    {
        var metadata = reader.Metadata;
        Refuse(metadata);
        using var standIns = new StandIns();
        var admission = new Admission(metadata, options.Scale, options.Change, standIns);
        var survey = Survey.Read(reader, options, admission, cancelled);
        if (survey.Faults == 0)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(reader.Path)}: none of its faults can be replayed; expected some in known mappings that match the filter");
        }

        RefuseOptions(options, admission);
        RefuseMemory(survey);
        var real = options.UsesRealFiles ? standIns.OpenReal() : default;
        standIns.Create(survey.ColdPages);
        var isPaced = options.Speed > 0;
        // One slot for the first process, and one for a process's first thread if only other threads of it have faults.
        var slots = Math.Min((survey.Threads * 2) + 1, MostSlots);
        using var arena = new Arena(slots, RingOps(slots));
        var tally = new Tally(survey.Buckets, slots, survey.Faults, isPaced);
        using var engine = new Engine(arena, standIns, isPaced, options.Change.NumaNode);
        Rings rings = null!;
        rings = new Rings(arena, Check, tally.Take);
        var planner = new Planner(metadata, options, admission, survey, new Tasks(rings, arena, options.Order));
        planner.Run(reader, cancelled);
        rings.Finish();
        engine.WaitForEnd();
        return Result(reader, options, survey, tally, planner, Notes(metadata, options, survey, standIns, real, arena));

        void Check()
        {
            cancelled.ThrowIfCancellationRequested();
            engine.Check(slot => !rings.IsDone(slot, rings.Head(slot)));
        }
    }

    private static int RingOps(int slots)
    {
        var ops = MostRingOps;
        while (ops > FewestRingOps && ops * slots > OpsOfAllRings)
            ops /= 2;
        return ops;
    }

    private static void Refuse(TraceMetadata metadata)
    {
        if (!OperatingSystem.IsLinux() || System.Runtime.InteropServices.RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
            throw new FaultrecException(ExitCode.NotPermitted, "replay makes real page faults with a program for x86-64 Linux; expected such a machine");
        if (metadata.Pages != PageGeometry.Here)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"the trace has pages of {metadata.PageSize} bytes; expected {PageGeometry.Here.PageBytes}, as this machine has");
        }
    }

    /// <summary>Refuses changes that the trace or this machine does not support.</summary>
    private static void RefuseOptions(ReplayOptions options, Admission admission)
    {
        var change = options.Change;
        if (change.Populated is not null && !admission.Regions.Any(region => region is { IsPopulated: true, HasFaults: true }))
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{change.Description}: found no such region with faults that can be filled; "
                + "expected the id or a part of the name of a region in the report, or all");
        }

        if (change.NumaNode != ReplayChange.NoNode && !Directory.Exists($"/sys/devices/system/node/node{change.NumaNode}"))
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"--numa {change.NumaNode}: this machine has no such node; expected one of /sys/devices/system/node");
        }

        if (options.Swaps && MemInfo("SwapTotal") == 0)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                "--swap: this machine has no active swap (/proc/swaps); expected some; without --swap such pages are created new");
        }
    }

    private static void RefuseMemory(Survey survey)
    {
        var pool = MemInfo("HugePages_Free") * (long)ReplayedRegion.HugeBytes;
        if (survey.PeakPoolPages * PageGeometry.Here.PageBytes > pool)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"--hugetlb needs {Units.Bytes(survey.PeakPoolPages * PageGeometry.Here.PageBytes)} from the pool of huge pages, "
                + $"and {Units.Bytes(pool)} are free; expected room for all; enlarge the pool (sysctl vm.nr_hugepages), or choose regions with --region");
        }

        var (needed, available) = (survey.PeakPages * PageGeometry.Here.PageBytes, MemInfo("MemAvailable") * 1024);
        if (needed <= available * LargestShare)
            return;
        throw new FaultrecException(
            ExitCode.NotPermitted,
            $"the trace's faults fill {Units.Bytes(needed)} at their peak, and {Units.Bytes(available)} are available; "
            + $"expected at most {LargestShare:P0} of that; choose regions with --region, "
            + $"or one page in {Math.Ceiling(needed / (available * LargestShare)):0} with --scale");
    }

    /// <returns>In the line's own unit; a value that acts as no limit if there is no such line.</returns>
    private static long MemInfo(string key)
    {
        const string path = "/proc/meminfo";
        if (!File.Exists(path))
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"/proc: is not mounted here ({path} is missing); expected the kernel's files there; `mount -t proc proc /proc`");
        }

        var line = File.ReadLines(path).FirstOrDefault(line => line.StartsWith($"{key}:", StringComparison.Ordinal)) ?? "";
        return long.TryParse(line.AsSpan(line.IndexOf(':') + 1).Trim().TrimEnd(" kB"), CultureInfo.InvariantCulture, out var value) ? value : int.MaxValue;
    }

    private static List<string> Notes(TraceMetadata metadata, ReplayOptions options, Survey survey, StandIns standIns, (int Opened, int Others) real,
        Arena arena)
    {
        var notes = new List<string>();
        var change = options.Change;
        if (metadata.Sampling is not null || survey.IsSampled)
            notes.Add("the recording is a sample: only the recorded faults are replayed, not those that they stand for");
        if (!KindRule.CanTell(metadata))
            notes.Add("the recording has no page-table facts: the state of a page before a fault is guessed from its earlier faults");
        if (options.UsesRealFiles)
        {
            notes.Add(
                $"{Units.Of(real.Opened, "recorded file")} mapped and read directly; {Units.Of(real.Others, "stand-in")} for files that are "
                + "missing here, not regular, shorter, not readable, or mapped shared and written to");
        }

        if (standIns.Warning is { } warning)
            notes.Add(warning);
        if (survey.Buckets.All.Any(bucket => bucket.Kind == FaultKind.SwapCache || (bucket.Kind == FaultKind.SwapDevice && !options.Swaps)))
        {
            notes.Add(options.Swaps
                ? "pages that were still in the swap cache are created new"
                : "pages that came from swap are created new; with --swap, and active swap, they are swapped out first");
        }

        var hadHuge = survey.Buckets.All.Any(bucket => bucket.Kind == FaultKind.Huge);
        if ((change.HugePages is not null || (hadHuge && !change.NoHugePages)) && HugePagesAreOff())
            notes.Add("transparent huge pages are off on this machine (/sys/kernel/mm/transparent_hugepage/enabled): huge faults come back as small ones");
        if (hadHuge && change.NoHugePages)
        {
            notes.Add(
                "without huge pages the program would have faulted for each of their pages that it used; "
                + "the recording has only the first, and so has the replay");
        }

        if (survey.Buckets.All.Any(bucket => bucket.Kind == FaultKind.ZeroCow) && !ZeroPage.IsMappedForReads())
            notes.Add("this machine's kernel maps no zero page: a read gets a page of its own at once, and a write after it does not fault (zero_cow)");
        if (change.PageBytes > 0 || change.FaultAroundBytes > 0)
        {
            notes.Add(
                "larger pages and fault-around are imitated: the other pages that a fault would have mapped "
                + "are mapped by a call after it, whose time is not counted");
        }

        notes.AddRange(EngineNotes(arena));
        return notes;
    }

    // SAFETY: the header is copied while the arena is mapped; no pointer is kept.
    private static unsafe IEnumerable<string> EngineNotes(Arena arena)
    {
        var header = *arena.Header;
        return header.Errors == 0 ? []
            : [
                $"the kernel refused {Units.Of(header.Errors, "operation")} on mappings, the first {(OpKind)header.FirstErrorKind} "
                + $"with errno {header.FirstErrno} ({System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(header.FirstErrno)})",
            ];
    }

    private static bool HugePagesAreOff()
    {
        const string path = "/sys/kernel/mm/transparent_hugepage/enabled";
        return !File.Exists(path) || File.ReadAllText(path).Contains("[never]", StringComparison.Ordinal);
    }

    private static ReplayResult Result(TraceReader reader, ReplayOptions options, Survey survey, Tally tally, Planner planner, IReadOnlyList<string> notes)
    {
        (string, string, long)[] skipped =
        [
            ("scaled", "left out by --scale", survey.Skipped[(int)Skip.Scaled]),
            ("no_region", "in no known mapping", survey.Skipped[(int)Skip.NoRegion]),
            ("bad_address", "at an address that is not in their region, or no user address", survey.Skipped[(int)Skip.BadAddress]),
            ("bad_region", "in regions that have no place on this machine", survey.Skipped[(int)Skip.BadRegion]),
            ("would_succeed", "that failed and would succeed here", planner.WouldSucceed),
        ];
        return new ReplayResult
        {
            Path = reader.Path,
            Metadata = reader.Metadata,
            Options = options,
            Buckets = survey.Buckets.All,
            Skipped = [.. skipped.Where(skip => skip.Item3 > 0)],
            Notes = notes,
            Threads = survey.Threads,
            RecordedSpanNs = survey.LastNs - survey.FirstNs,
            ElapsedNs = Math.Max(tally.LastNs - tally.FirstNs, 0),
            FillNs = tally.FillNs,
            ResidentBytes = tally.ResidentBytes,
            RankCorrelation = tally.RankCorrelation(),
            OrderSamples = tally.Samples,
            LateP50Ns = tally.Late(0.5),
            LateP99Ns = tally.Late(0.99),
            GapError = tally.GapError(),
        };
    }
}
