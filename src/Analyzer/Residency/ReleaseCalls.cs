namespace Faultrec.Analyzer.Residency;

/// <summary>Names of calls, as the trace has them, that mean something of their own here.</summary>
internal static class ReleaseCalls
{
    public const string Execute = "execve";

    /// <summary>The kernel takes the pages only when it needs memory.</summary>
    public const string Free = "madvise free";

    /// <summary>The kernel swaps out anonymous pages, if it has swap, and drops those of files.</summary>
    public const string PageOut = "madvise pageout";

    /// <summary>
    /// Whether a call that faulted pages in has filled the whole range that it names, whatever the number of faults: they may have been of huge pages.
    /// </summary>
    public static bool FillsAll(string? call) => call is "mmap" or "mlock" or "mlock2" or "madvise" or "mremap";
}
