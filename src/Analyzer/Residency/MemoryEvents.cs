using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>What changes residency besides faults.</summary>
internal abstract record MemoryEvent(long TimeNs);

/// <summary>A process gave a range back, moved it, executed a program or ended.</summary>
internal sealed record ReleaseEvent(Release Release) : MemoryEvent(Release.TimeNs);

/// <summary>A process was created, and got a copy of its parent's private memory.</summary>
internal sealed record CopyEvent(long TimeNs, int ParentPid, int Pid) : MemoryEvent(TimeNs);

/// <summary>The kernel filled pages inside a system call.</summary>
internal sealed record FillEvent(CallFaults Call) : MemoryEvent(Call.TimeNs);

/// <summary>The kernel's counters of a process were read.</summary>
/// <param name="Process">Index of <see cref="TraceMetadata.Memory"/>.</param>
internal sealed record SampleEvent(long TimeNs, int Process, int Sample) : MemoryEvent(TimeNs);

/// <summary>The events of a trace in order of time.</summary>
internal static class MemoryEvents
{
    public static List<MemoryEvent> Of(TraceMetadata metadata)
    {
        var events = new List<MemoryEvent>();
        if (metadata.Releases is { } releases)
            events.AddRange(releases.All().Select(release => new ReleaseEvent(release)));
        else
            events.AddRange(Ends(metadata).Select(release => new ReleaseEvent(release)));
        events.AddRange(metadata.Processes.Where(process => process.IsForkCopy)
            .Select(process => new CopyEvent(process.StartedNs!.Value, process.ParentPid!.Value, process.Pid)));
        events.AddRange(metadata.CallFaults.Select(call => new FillEvent(call)));
        for (var process = 0; process < metadata.Memory.Count; process++)
        {
            for (var sample = 0; sample < metadata.Memory[process].TimeNs.Count; sample++)
                events.Add(new SampleEvent(metadata.Memory[process].TimeNs[sample], process, sample));
        }

        // Stable: what happened at the same moment stays in the order above, but the kernel's counters of a process that ends are read before it does.
        return [.. events.OrderBy(one => one.TimeNs).ThenBy(one => one is SampleEvent ? 0 : 1)];
    }

    /// <summary>
    /// What the ledger tells where no call was recorded: the ends of mappings. Memory that was given back within a mapping is not known then.
    /// </summary>
    private static IEnumerable<Release> Ends(TraceMetadata metadata)
    {
        var pages = metadata.Pages;
        foreach (var region in metadata.Regions)
        {
            if (region.DiedNs is { } died && region.End > region.Start)
            {
                var first = pages.PageOf(region.Start);
                yield return new Release(died, region.Pid, RegionNames.Of(region), first, pages.PageOf(region.End - 1) - first + 1, null, null);
            }
        }

        foreach (var process in metadata.Processes)
        {
            if (process.ExitedNs is { } exited)
                yield return new Release(exited, process.Pid, ReleaseCalls.Exit, 0, ReleaseTable.Everything, null, null);
        }
    }

    /// <summary>Whether it is one of those that make pages resident, and not by a call of the process.</summary>
    public static bool IsFill(this Release release)
        => release.Call is ReleaseCalls.Khugepaged or ReleaseCalls.UserfaultCopy or ReleaseCalls.UserfaultZeroPage or ReleaseCalls.UserfaultContinue;

    /// <summary>Whether everything that the process had goes, because its program ends.</summary>
    public static bool IsEnd(this Release release) => release.Pages >= ReleaseTable.Everything;
}
