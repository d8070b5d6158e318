using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>What happened in one slow fault, as a sentence; empty if neither its kind nor its causes are known.</summary>
internal static class FaultStory
{
    private const double WorthNaming = 0.02;
    private const int MostCauses = 3;

    public static string Tell(WorstFault fault)
    {
        var what = What(fault);
        if (fault.Parts is null)
            return fault.Kind == FaultKind.Unknown ? "" : what;
        var parts = new List<(FaultCause Cause, long Ns)>();
        for (var i = 0; i < fault.Parts.Length; i++)
        {
            if (fault.Parts[i] > WorthNaming * fault.DurationNs)
                parts.Add(((FaultCause)i, fault.Parts[i]));
        }

        if (parts.Count == 0)
            return fault.Kind == FaultKind.Unknown ? "" : what;
        parts.Sort((a, b) => (-a.Ns, a.Cause).CompareTo((-b.Ns, b.Cause)));
        var causes = parts.Take(MostCauses).Select(part => $"{Units.Percent((double)part.Ns / fault.DurationNs)} {part.Cause.Phrase()}");
        return $"{what}: {string.Join(", ", causes)}";
    }

    private static string What(WorstFault fault) => fault.Kind switch
    {
        FaultKind.Failed => "the kernel refused the access",
        FaultKind.BusError => "the kernel could not provide the page (SIGBUS): beyond the end of its file, damaged, or no memory for it",
        FaultKind.StackGrowth => "the stack grew",
        FaultKind.Userfaultfd => "a userfaultfd handler served it",
        FaultKind.NumaHint => "NUMA balancing asked who uses the page",
        FaultKind.MigrationWait => "the page was being moved",
        FaultKind.SwapDevice => "the page was read back from swap",
        FaultKind.SwapCache => "the swapped page was still in memory",
        FaultKind.Hugetlb => "a hugetlb page was mapped",
        FaultKind.HugetlbCow => "a hugetlb page was copied",
        FaultKind.Huge => "a huge page was mapped",
        FaultKind.HugeFallback => "no huge page was available, so a smaller one was mapped",
        FaultKind.Mthp => "several pages were mapped at once (mTHP)",
        FaultKind.MthpFallback => "several pages at once (mTHP) were not available, so one was mapped",
        FaultKind.HugeSplit => "a huge page was split",
        FaultKind.ZeroRead => "fresh memory was read",
        FaultKind.ZeroCow => "memory that had only been read was written to",
        FaultKind.AnonWrite => "fresh memory was written to",
        FaultKind.KernelAccess => "a system call touched fresh memory",
        FaultKind.CowFork => "a page shared since a fork was copied",
        FaultKind.Ksm => "a page that KSM had merged was copied",
        FaultKind.CowShared => "a page that something else shared was copied",
        FaultKind.CowFile => "a page of a private file mapping was copied",
        FaultKind.Reuse => "a write-protected page was made writable",
        FaultKind.SharedMkwrite => "the file system was told that a shared page will be written to",
        FaultKind.Shmem => "a page of shared memory was mapped",
        FaultKind.FileCache => "a file page in memory was mapped",
        FaultKind.FileDisk => "a file page was read from its device",
        FaultKind.Spurious => "the page was already there",
        _ => fault.Severity == Severity.Unknown ? "a fault of unknown kind" : $"a {fault.Severity.Name()} fault of unknown kind",
    };
}
