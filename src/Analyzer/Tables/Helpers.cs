using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>
/// Shells, shims and version managers: processes that each ended before the recording was half over, and together made few of its
/// faults. For people they are one row.
/// </summary>
internal sealed class Helpers
{
    /// <summary>In the place of a process or thread id: the row is of all of them.</summary>
    public const int NoId = -1;

    /// <summary>Of the recording: a process that lived longer is no helper.</summary>
    private const double ShortLife = 0.5;

    /// <summary>Of all faults: those that made more together were more than helpers.</summary>
    private const double MostShare = 0.2;

    private const int MostNames = 2;

    private readonly HashSet<int> _pids;
    private readonly string _names;

    private Helpers(HashSet<int> pids, IEnumerable<string?> comms, long faults)
    {
        (_pids, _names, Faults) = (pids, Names(comms), faults);
    }

    /// <summary>"40 short-lived helpers (sh, date, …)": how many processes, and their commonest names.</summary>
    public string Name => Count + _names;

    /// <summary>"40 short-lived helpers".</summary>
    public string Count => Units.Of(Processes, "short-lived helper");

    public int Processes => _pids.Count;

    public long Faults { get; }

    /// <summary>Null: none.</summary>
    public static Helpers? Of(FaultReport report)
    {
        var faults = new Dictionary<int, long>();
        foreach (var row in report.Rows(RegionTable.Definition))
        {
            if (row.Region is { } region)
                faults[region.Pid] = faults.GetValueOrDefault(region.Pid) + row.Counts.Faults;
        }

        if (faults.Count < 2)
            return null;
        var all = report.Sample?.Faults ?? report.Totals.Counts.Faults;
        var main = faults.MaxBy(process => (process.Value, -process.Key)).Key;
        var pids = ShortLived(report).Where(pid => pid != main && faults.ContainsKey(pid)).ToHashSet();
        var made = pids.Sum(pid => faults[pid]);
        if (pids.Count == 0 || made > MostShare * all)
            return null;
        var names = new TaskNames(report.Metadata);
        return new Helpers(pids, pids.Select(names.Process), made);
    }

    public bool Has(int pid) => _pids.Contains(pid);

    /// <summary>" (sh, date, …)": the commonest names of some processes; empty where none is known.</summary>
    public static string Names(IEnumerable<string?> comms)
    {
        var names = comms.OfType<string>().GroupBy(comm => comm).OrderByDescending(group => group.Count())
            .ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => group.Key).ToList();
        return names.Count == 0 ? "" : $" ({string.Join(", ", names.Take(MostNames))}{(names.Count > MostNames ? ", …" : "")})";
    }

    /// <summary>Rows of helpers in the place of the first of them, as one.</summary>
    /// <param name="pidOf">Null: a row of no process.</param>
    public static IReadOnlyList<TRow> Fold<TRow>(
        FaultReport report, IReadOnlyList<TRow> rows, Func<TRow, int?> pidOf, Func<string, List<TRow>, TRow> sum, Comparison<TRow> order)
    {
        if (report is not { ShowsHelpers: false, Helpers: { Processes: > 1 } helpers })
            return rows;
        var folded = rows.ToLookup(row => pidOf(row) is { } pid && helpers.Has(pid));
        if (!folded[true].Any())
            return rows;
        List<TRow> kept = [.. folded[false], sum(helpers.Count, [.. folded[true]])];
        kept.Sort(order);
        return kept;
    }

    /// <summary>What is said under a table with such a row.</summary>
    public static string? Note(FaultReport report)
        => report is { ShowsHelpers: false, Helpers: { Processes: > 1 } helpers } ? $"{helpers.Name} are one row; --helpers shows each" : null;

    /// <summary>Processes that are known to have ended early; of a process id that was used again, the last one.</summary>
    private static IEnumerable<int> ShortLived(FaultReport report)
        => report.Metadata.Processes.GroupBy(process => process.Pid).Select(group => group.Last())
            .Where(process => process.ExitedNs - (process.StartedNs ?? 0) < ShortLife * report.Metadata.DurationNs).Select(process => process.Pid);
}
