using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>The most frequent kind in words, for the report's first sentences.</summary>
internal static class KindSentence
{
    /// <summary>Null when no kind stands out, or kinds are not known.</summary>
    public static string? Of(FaultReport report)
    {
        const double worthSaying = 0.5;
        return report.Rows(KindTable.Definition) is [var most, ..]
            && most is { Kind: not (FaultKind.Unknown or FaultKind.Failed or FaultKind.BusError), Share: >= worthSaying }
            ? $"{Units.Percent(most.Share)} are {Plural(most.Kind)}."
            : null;
    }

    /// <summary>What faults of a kind are: "first writes to fresh anonymous memory".</summary>
    public static string Plural(FaultKind kind) => kind switch
    {
        FaultKind.Failed => "accesses that the kernel refused",
        FaultKind.BusError => "touches of pages that the kernel could not provide (SIGBUS)",
        FaultKind.StackGrowth => "touches of new stack",
        FaultKind.Userfaultfd => "touches that a userfaultfd handler served",
        FaultKind.NumaHint => "hints for NUMA balancing",
        FaultKind.MigrationWait => "waits for pages that were being moved",
        FaultKind.SwapDevice => "pages read back from swap",
        FaultKind.SwapCache => "swapped pages that were still in memory",
        FaultKind.Hugetlb => "touches of hugetlb pages",
        FaultKind.HugetlbCow => "copies of hugetlb pages",
        FaultKind.Huge => "touches that mapped a transparent huge page",
        FaultKind.HugeFallback => "touches that got a smaller page where a huge one was wanted",
        FaultKind.Mthp => "touches that mapped several pages at once (mTHP)",
        FaultKind.MthpFallback => "touches that got one page where several at once were wanted (mTHP)",
        FaultKind.HugeSplit => "touches that split a huge page",
        FaultKind.ZeroRead => "first reads of anonymous memory, which map the zero page",
        FaultKind.ZeroCow => "first writes to memory that had only been read",
        FaultKind.AnonWrite => "first writes to fresh anonymous memory",
        FaultKind.KernelAccess => "fresh anonymous memory that system calls touched first",
        FaultKind.CowFork => "copies of pages shared since a fork",
        FaultKind.Ksm => "copies of pages that KSM had merged",
        FaultKind.CowShared => "copies of shared pages; the process had not forked, and the recording does not say who shared them",
        FaultKind.CowFile => "first writes to pages of private file mappings",
        FaultKind.Reuse => "write-protected pages made writable without a copy",
        FaultKind.SharedMkwrite => "first writes to clean pages of shared files",
        FaultKind.Shmem => "touches of shared memory",
        FaultKind.FileCache => "file pages that were in memory",
        FaultKind.FileDisk => "file pages read from a device",
        FaultKind.Spurious => "touches of pages that were already there",
        _ => "faults of unknown kind",
    };
}
