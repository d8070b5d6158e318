using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>Where the faults were: kinds of memory, and processes.</summary>
internal static class Places
{
    private const double LeastShare = 0.05;
    private const int MostPlaces = 3;
    private const int MostNames = 2;
    private const int NameWidth = 40;

    /// <summary>Of the recording: a process that lived longer is no helper.</summary>
    private const double ShortLife = 0.5;

    /// <summary>Of all faults: those that made more together were more than helpers.</summary>
    private const double HelpersShare = 0.2;

    public static string Describe(FaultReport report)
    {
        var all = report.Sample?.Faults ?? report.Totals.Counts.Faults;
        var places = report.Rows(RegionTable.Definition).GroupBy(row => RegionNames.PlaceOf(row.Region))
            .Select(group => (Name: group.Key, Faults: group.Sum(row => row.Counts.Faults)))
            .OrderByDescending(place => place.Faults).ThenBy(place => place.Name, StringComparer.Ordinal).ToList();
        var named = string.Join(", ", places.Where((place, i) => i == 0 || place.Faults >= LeastShare * all).Take(MostPlaces)
            .Select(place => $"{Units.Percent((double)place.Faults / all)} {Columns.CutMiddle(place.Name, NameWidth)}"));
        return named + Processes(report, all);
    }

    private static string Processes(FaultReport report, long all)
    {
        var rows = report.Rows(ProcessTable.Definition);
        if (rows.Count == 0)
            return "";
        var main = rows[0];
        var name = $"; {main.Comm ?? "process"} (pid {main.Pid.ToString(CultureInfo.InvariantCulture)})";
        if (rows.Count == 1)
            return name;
        var others = rows.Skip(1).ToList();
        var made = others.Sum(row => row.Counts.Faults);
        var longest = ShortLife * report.Metadata.DurationNs;
        var areHelpers = made <= HelpersShare * all && !others.Select(row => row.Pid).Except(ShortLived(report, longest)).Any();
        var comms = others.GroupBy(row => row.Comm).OrderByDescending(group => group.Count()).Select(group => group.Key).OfType<string>().ToList();
        var names = comms.Count == 0 ? "" : $" ({string.Join(", ", comms.Take(MostNames))}{(comms.Count > MostNames ? ", …" : "")})";
        var who = areHelpers ? Units.Of(others.Count, "short-lived helper") : Units.Of(others.Count, "other process", "other processes");
        return $"{name} made {Units.Percent((double)main.Counts.Faults / all)}, {who}{names} {Units.Percent((double)made / all)}";
    }

    /// <summary>Processes that are known to have lived for less than that; of a process id that was used again, the last one.</summary>
    private static IEnumerable<int> ShortLived(FaultReport report, double withinNs)
        => report.Metadata.Processes.GroupBy(process => process.Pid).Select(group => group.Last())
            .Where(process => process.ExitedNs - (process.StartedNs ?? 0) < withinNs).Select(process => process.Pid);
}
