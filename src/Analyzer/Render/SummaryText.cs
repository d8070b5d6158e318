using System.Globalization;
using System.Text;

namespace Faultrec.Analyzer;

/// <summary>The blocks of a <see cref="LiveSummary"/>: a line of sums, then a line a process.</summary>
internal sealed class SummaryText(int top, TextStyle style)
{
    private const int CommWidth = 15;
    private const int HotRegions = 3;

    /// <summary>Lines around the processes, and the cursor's own.</summary>
    private const int OtherLines = 6;

    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    public string Interval(LoadTable loads, long fromNs, long toNs, long notShown, long lost, TerminalSize? terminal)
    {
        var lengthNs = Math.Max(1, toNs - fromNs);
        var title = string.Create(Culture, $"{fromNs / 1e9:0.000}-{toNs / 1e9:0.000} s: {Sums(loads)} ({Units.Count(Rate(loads.Faults, lengthNs))}/s)");
        return Block(title, loads, "faults/s", "major/s", count => Rate(count, lengthNs), notShown, lost, terminal);
    }

    public string Total(LoadTable loads, long endNs, long notShown, long lost, TerminalSize? terminal)
    {
        var title = string.Create(Culture, $"total {endNs / 1e9:0.000} s: {Sums(loads)}");
        return Block(title, loads, "faults", "major", count => count, notShown, lost, terminal);
    }

    private static long Rate(long count, long lengthNs) => (long)Math.Round(count * 1e9 / lengthNs);

    private static string Sums(LoadTable loads)
        => $"{(loads.Rows == loads.Faults ? "" : "about ")}{Units.Of(loads.Faults, "fault")}, {Units.Count(loads.Major)} major, {Units.Count(loads.Failed)} failed, "
            + Units.Of(loads.Count, "process", "processes");

    private string Block(
        string title, LoadTable loads, string faultsHeading, string majorHeading, Func<long, long> scale, long notShown, long lost, TerminalSize? terminal)
    {
        var text = new StringBuilder();
        Line(text, style.Title(title));
        var processes = loads.Sorted();
        var shown = top == 0 ? processes.Count : Math.Min(top, processes.Count);
        if (terminal is { } size)
            shown = Math.Min(shown, Math.Max(1, size.Lines - OtherLines));
        if (shown > 0)
            Line(text, style.Dim(Row("pid", "comm", faultsHeading, majorHeading, "avg", "hottest regions")));
        foreach (var process in processes.Take(shown))
        {
            var row = Row(
                process.Pid.ToString(Culture), HostileText.Visible(process.Comm), Units.Count(scale(process.Faults)), Units.Count(scale(process.Major)),
                process.LatencyCount == 0 ? Cells.Null : Units.Duration(process.LatencySumNs / process.LatencyCount), "");
            Line(text, row + Regions(process, terminal?.Columns - Columns.Width(row)));
        }

        if (loads.Count > shown)
        {
            var rest = loads.Faults - processes.Take(shown).Sum(process => process.Faults);
            Line(text, $"  … {Units.Of(loads.Count - shown, "more process", "more processes")} with {Units.Of(rest, "fault")}{(top > 0 ? "; --top 0 shows all" : "")}");
        }

        if (notShown > 0)
            Line(text, $"  … {Units.Of(notShown, "fault")} not counted: the reader is slow");
        if (lost > 0)
            Line(text, $"  … {Units.Of(lost, "fault")} lost: the probes' ring was full");
        return text.ToString();
    }

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    private static string Row(string pid, string comm, string faults, string major, string average, string regions)
        => $"{Columns.PadLeft(pid, 9)} {Columns.PadRight(Columns.CutMiddle(comm, CommWidth), CommWidth)} {Columns.PadLeft(faults, 10)} {Columns.PadLeft(major, 9)} {Columns.PadLeft(average, 9)} {regions}";

    /// <param name="width">Null: as long as it gets.</param>
    private static string Regions(ProcessLoad process, int? width)
    {
        var regions = process.Hottest(HotRegions).Select(region => $"{HostileText.Visible(region.Name)} {Units.Percent((double)region.Faults / process.Faults)}");
        var text = string.Join(", ", regions);
        return width is { } columns ? Columns.CutMiddle(text, Math.Max(1, columns)) : text;
    }
}
