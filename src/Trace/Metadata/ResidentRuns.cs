namespace Faultrec.Traces.Metadata;

/// <summary>Pages that were resident before the recording began (/proc/PID/pagemap), as runs of neighbours, one array per column.</summary>
/// <param name="Pid">Process ids.</param>
/// <param name="FirstPage">Page numbers of the runs' first pages: their addresses divided by the page size.</param>
/// <param name="Pages">Lengths of the runs in pages.</param>
/// <param name="OmittedPages">Resident pages that are in no run, because there were too many runs, or pagemap could not be read.</param>
public sealed record ResidentRuns(IReadOnlyList<int> Pid, IReadOnlyList<long> FirstPage, IReadOnlyList<long> Pages, long OmittedPages)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("first_page", RedactionRule.Slide),
        new("pages", RedactionRule.Keep),
        new("omitted_pages", RedactionRule.Keep),
    ];
}
