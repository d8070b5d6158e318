namespace Faultrec.Analyzer.Residency;

/// <summary>Names of calls, as the trace has them, that mean something of their own here.</summary>
internal static class ReleaseCalls
{
    public const string Execute = "execve";

    /// <summary>The kernel takes the pages only when it needs memory.</summary>
    public const string Free = "madvise free";

    /// <summary>The kernel swaps out anonymous pages, if it has swap, and drops those of files.</summary>
    public const string PageOut = "madvise pageout";

    /// <summary>The kernel makes huge pages of what is there: it gives nothing back.</summary>
    public const string Collapse = "madvise collapse";

    /// <summary>Maps the zero page where anonymous memory has no other.</summary>
    public const string PopulateRead = "madvise populate_read";

    /// <summary>Fills all mappings of the process, and names none.</summary>
    public const string LockAll = "mlockall";

    /// <summary>
    /// Whether a call that faulted pages in has filled the whole range that it names, whatever the number of faults: they may have been of huge pages.
    /// </summary>
    public static bool FillsAll(string? call) => call is "mmap" or "mlock" or "mlock2" or "madvise" or PopulateRead or "mremap";
}
