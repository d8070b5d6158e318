using System.Globalization;
using System.Text;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Live;

/// <summary>The blocks of a <see cref="LiveSummary"/>: a line of sums, then one line per process.</summary>
internal sealed class SummaryText(int top, TextStyle style)
{
    private const int CommWidth = 15;
    private const int HotRegions = 3;
    private const string MajorMark = "; major: ";

    /// <summary>Lines around the processes, and the cursor's own.</summary>
    private const int OtherLines = 6;

    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <param name="terminal">Null: lines are as long as they get.</param>
    public string Interval(LoadTable loads, long fromNs, long toNs, long notShown, long lost, TerminalSize? terminal)
    {
        var lengthNs = Math.Max(1, toNs - fromNs);
        var rate = $" ({Units.Count(Rate(loads.Faults, lengthNs))}/s)";
        var title = string.Create(Culture, $"{fromNs / 1e9:0.000}-{toNs / 1e9:0.000} s: {Sums(loads, rate)}");
        return Block(title, loads, lengthNs, isRate: true, notShown, lost, terminal);
    }

    public string Total(LoadTable loads, long endNs, long notShown, long lost, TerminalSize? terminal)
    {
        var title = string.Create(Culture, $"total {endNs / 1e9:0.000} s: {Sums(loads, "")}");
        return Block(title, loads, Math.Max(1, endNs), isRate: false, notShown, lost, terminal);
    }

    private static long Rate(long count, long lengthNs) => (long)Math.Round(count * 1e9 / lengthNs);

    private static string Sums(LoadTable loads, string rate)
    {
        var about = loads.Rows == loads.Faults ? "" : "about ";
        var processes = Units.Of(loads.Count, "process", "processes");
        return $"{about}{Units.Of(loads.Faults, "fault")}{rate}, {Units.Count(loads.Major)} major, {Units.Count(loads.Failed)} failed, {processes}";
    }

    private string Block(string title, LoadTable loads, long lengthNs, bool isRate, long notShown, long lost, TerminalSize? terminal)
    {
        var unit = isRate ? "/s" : "";
        var text = new StringBuilder();
        var width = terminal?.Columns ?? int.MaxValue;
        var processes = loads.Sorted();
        var shown = top == 0 ? processes.Count : Math.Min(top, processes.Count);
        if (terminal is { } size)
            shown = Math.Min(shown, Math.Max(1, size.Lines - OtherLines));
        // A line that wraps would not be erased.
        void Line(string line, Func<string, string>? attribute = null)
        {
            var cut = Columns.CutMiddle(line, width);
            text.Append(attribute is null ? cut : attribute(cut)).Append('\n');
        }

        Line(title, style.Title);
        if (shown > 0)
            Line(Row("pid", "comm", "faults" + unit, "major" + unit, "avg", "in faults", "hottest regions"), style.Dim);
        foreach (var process in processes.Take(shown))
            Line(ProcessRow(process, lengthNs, isRate, width), line => MarkMajor(process, line));
        if (loads.Count > shown)
        {
            var rest = loads.Faults - processes.Take(shown).Sum(process => process.Faults);
            var hint = top > 0 ? "; --top 0 shows all" : "";
            Line($"  … {Units.Of(loads.Count - shown, "more process", "more processes")} with {Units.Of(rest, "fault")}{hint}");
        }

        if (notShown > 0)
            Line($"  … {Units.Of(notShown, "fault")} not counted: the reader is slow", style.Alarm);
        if (lost > 0)
            Line($"  … {Units.Of(lost, "fault")} lost: the probes' ring was full", style.Alarm);
        return text.ToString();
    }

    private string MarkMajor(ProcessLoad process, string line)
        => process.Major > 0 && line.LastIndexOf(MajorMark, StringComparison.Ordinal) is > 0 and var at
            ? line[..at] + style.Wait(line[at..])
            : line;

    private static string ProcessRow(ProcessLoad process, long lengthNs, bool isRate, int width)
    {
        var knowsTime = process.LatencyCount > 0;
        var average = knowsTime ? Units.Duration(process.LatencySumNs / process.LatencyCount) : Cells.Null;
        var share = knowsTime ? Units.Percent((double)process.LatencySumNs / lengthNs) : Cells.Null;
        var row = Row(
            process.Pid.ToString(Culture), Escape.Visible(process.Comm), Figure(process.Faults), Figure(process.Major), average, share, "");
        var regions = process.Hottest(HotRegions).Select(region => $"{Escape.Visible(region.Name)} {Units.Percent((double)region.Faults / process.Faults)}");
        var major = process.MostMajor() is { } most ? $"{MajorMark}{Escape.Visible(most.Name)} {Units.Percent((double)most.Major / process.Major)}" : "";
        return row + Columns.CutMiddle(string.Join(", ", regions) + major, Math.Max(1, width - Columns.Width(row)));

        string Figure(long count) => Units.Count(isRate ? Rate(count, lengthNs) : count);
    }

    private static string Row(string pid, string comm, string faults, string major, string average, string share, string regions)
    {
        var name = Columns.PadRight(Columns.CutMiddle(comm, CommWidth), CommWidth);
        return $"{Columns.PadLeft(pid, 9)} {name} {Columns.PadLeft(faults, 10)} {Columns.PadLeft(major, 9)} {Columns.PadLeft(average, 9)} "
            + $"{Columns.PadLeft(share, 9)} {regions}";
    }
}
