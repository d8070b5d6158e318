using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The pages of processes that were resident before the recording began.</summary>
internal sealed class ResidentLog
{
    /// <summary>Of all processes. A run takes 20 to 25 bytes of the trace's metadata: 1.6 MB in all.</summary>
    public const int MostRuns = 65_536;

    private readonly List<(ProcessState Process, ResidentSnapshot Snapshot)> _all = [];

    public void Add(ProcessState process, ResidentSnapshot snapshot) => _all.Add((process, snapshot));

    /// <summary>Null: nobody looked. Beyond the limit the longest runs are kept; of those that have the least length, the first.</summary>
    /// <param name="processes">Those that are part of the recording.</param>
    public ResidentRuns? Build(IReadOnlyList<ProcessState> processes)
    {
        if (_all.Count == 0)
            return null;
        var recorded = processes.ToHashSet();
        var snapshots = _all.Where(one => recorded.Contains(one.Process)).Select(one => one.Snapshot).ToList();
        var runs = snapshots.SelectMany(one => one.FirstPage.Zip(one.Pages, (first, pages) => (one.Pid, First: first, Pages: pages))).ToList();
        var omitted = snapshots.Sum(one => one.OmittedPages);
        if (runs.Count > MostRuns)
        {
            var byLength = runs.Index().OrderByDescending(run => run.Item.Pages).ToList();
            omitted += byLength.Skip(MostRuns).Sum(run => run.Item.Pages);
            runs = [.. byLength.Take(MostRuns).OrderBy(run => run.Index).Select(run => run.Item)];
        }

        return new ResidentRuns([.. runs.Select(run => run.Pid)], [.. runs.Select(run => run.First)], [.. runs.Select(run => run.Pages)], omitted);
    }
}
