using System.Globalization;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>Where the faults were: kinds of memory, and processes.</summary>
internal static class Places
{
    private const double LeastShare = 0.05;
    private const int MostPlaces = 3;
    private const int NameWidth = 40;

    public static string Describe(FaultReport report)
    {
        var all = report.Sample?.Faults ?? report.Totals.Counts.Faults;
        var places = report.Rows(RegionTable.Definition).GroupBy(row => report.Code.PlaceOf(row.Region))
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
        var parts = new List<string> { $"{name} made {Share(main.Counts.Faults)}" };
        var others = rows.Skip(1).Where(row => report.Helpers?.Has(row.Pid) != true).ToList();
        if (others.Count > 0)
        {
            var names = Helpers.Names(others.Select(row => row.Comm));
            parts.Add($"{Units.Of(others.Count, "other process", "other processes")}{names} {Share(others.Sum(row => row.Counts.Faults))}");
        }

        if (report.Helpers is { } helpers)
            parts.Add($"{helpers.Name} {Share(helpers.Faults)}");
        return string.Join(", ", parts);

        string Share(long faults) => Units.Percent((double)faults / all);
    }
}
