using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// A range of memory that a process gave back to the kernel, moved, had made of huge pages ("madvise collapse") or filled as the handler of a
/// userfaultfd ("userfaultfd copy").
/// </summary>
/// <param name="TimeNs">When the system call had ended, of "mmap" when the new mapping was there; ns since the recording began.</param>
/// <param name="Pid">Process id.</param>
/// <param name="Call">One of <see cref="ReleaseTable.Calls"/>, such as "munmap" or "madvise free".</param>
/// <param name="FirstPage">Page number of the range's first page: its address divided by the page size.</param>
/// <param name="Pages">Length of the range in pages.</param>
/// <param name="ToPage">Page number to which mremap moved the first page; null if the range was given back.</param>
/// <param name="Stack">Stack of the system call, a node of <see cref="TraceMetadata.Stacks"/>; null if it was not recorded.</param>
public readonly record struct Release(long TimeNs, int Pid, string Call, long FirstPage, long Pages, long? ToPage, int? Stack);

/// <summary>
/// The ranges of memory that the recorded processes gave back, moved, had made of huge pages or filled, in order of time, as one array per column. Which of
/// their pages were resident is not said: the rows tell it.
/// </summary>
/// <param name="Calls">Names of the calls: as in syscalls(2), with madvise's advice in lower case; "execve" and "exit" give back everything.</param>
/// <param name="TimeNs">
/// When each call had ended, of "mmap" when the new mapping was there, ns after the one before it; the first: since the recording began.
/// </param>
/// <param name="Pid">Process ids.</param>
/// <param name="Call">Indices of <paramref name="Calls"/>.</param>
/// <param name="FirstPage">Page numbers of the ranges' first pages.</param>
/// <param name="Pages">Lengths of the ranges in pages.</param>
/// <param name="ToPage">Page numbers to which mremap moved the first pages; -1: not moved.</param>
/// <param name="Stack">Stacks of the calls, nodes of <see cref="TraceMetadata.Stacks"/>; -1: not recorded.</param>
/// <param name="Omitted">Ranges that are not in the table, because it was full.</param>
/// <param name="OmittedPages">The sum of their lengths in pages.</param>
public sealed record ReleaseTable(
    IReadOnlyList<string> Calls,
    IReadOnlyList<long> TimeNs,
    IReadOnlyList<int> Pid,
    IReadOnlyList<int> Call,
    IReadOnlyList<long> FirstPage,
    IReadOnlyList<long> Pages,
    IReadOnlyList<long> ToPage,
    IReadOnlyList<int> Stack,
    long Omitted,
    long OmittedPages)
{
    internal const int NotMoved = -1;

    internal const int WithoutStack = -1;

    /// <summary>execve and exit give back every page of the process: so many are enough for any address space.</summary>
    internal const long Everything = 1L << 52;

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("calls", RedactionRule.Keep),
        new("time_ns", RedactionRule.Keep),
        new("pid", RedactionRule.Permute),
        new("call", RedactionRule.Keep),
        new("first_page", RedactionRule.Slide),
        new("pages", RedactionRule.Keep),
        new("to_page", RedactionRule.Slide),
        new("stack", RedactionRule.Keep),
        new("omitted", RedactionRule.Keep),
        new("omitted_pages", RedactionRule.Keep),
    ];

    /// <summary>Number of ranges.</summary>
    [JsonIgnore]
    public int Count => TimeNs.Count;

    /// <summary>Lists the ranges in order of time.</summary>
    public IEnumerable<Release> All()
    {
        long time = 0;
        for (var i = 0; i < Count; i++)
        {
            time += TimeNs[i];
            yield return new Release(
                time, Pid[i], Calls[Call[i]], FirstPage[i], Pages[i], ToPage[i] == NotMoved ? null : ToPage[i], Stack[i] == WithoutStack ? null : Stack[i]);
        }
    }
}
