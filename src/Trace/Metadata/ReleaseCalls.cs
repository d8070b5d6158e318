namespace Faultrec.Traces.Metadata;

/// <summary>Names of calls in <see cref="ReleaseTable.Calls"/> and <see cref="CallFaults.Call"/> that mean something of their own.</summary>
internal static class ReleaseCalls
{
    public const string Execve = "execve";
    public const string Exit = "exit";

    public const string Unmap = "munmap";
    public const string Brk = "brk";

    /// <summary>The kernel takes the pages only when it needs memory.</summary>
    public const string Free = "madvise free";

    /// <summary>The kernel swaps out anonymous pages, if it has swap, and drops those of files.</summary>
    public const string PageOut = "madvise pageout";

    /// <summary>The kernel makes huge pages of what is there: it gives nothing back.</summary>
    public const string Collapse = "madvise collapse";

    /// <summary>
    /// khugepaged made a huge page of what was there: it gives nothing back. With a first page 0 the place is not known, and the pages are those that
    /// were missing.
    /// </summary>
    public const string Khugepaged = "khugepaged";

    /// <summary>The handler of a userfaultfd filled pages (UFFDIO_COPY): it gives nothing back.</summary>
    public const string UserfaultCopy = "userfaultfd copy";

    /// <summary>The handler filled pages with zeros (UFFDIO_ZEROPAGE), anonymous memory with the zero page: it gives nothing back.</summary>
    public const string UserfaultZeroPage = "userfaultfd zeropage";

    /// <summary>The handler mapped pages that were in the page cache (UFFDIO_CONTINUE): it gives nothing back.</summary>
    public const string UserfaultContinue = "userfaultfd continue";

    /// <summary>The handler moved pages (UFFDIO_MOVE).</summary>
    public const string UserfaultMove = "userfaultfd move";

    /// <summary>Maps the zero page where anonymous memory has no other.</summary>
    public const string PopulateRead = "madvise populate_read";

    /// <summary>Fills all mappings of the process, and names none.</summary>
    public const string LockAll = "mlockall";
}
