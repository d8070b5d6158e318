using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Screen;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Render;

/// <summary>The first screen for people at a terminal.</summary>
internal static class ScreenReport
{
    private const int LabelWidth = 8;

    /// <summary>Where the output is no terminal.</summary>
    public const int PipeWidth = 80;

    /// <param name="width">Columns of a line at most.</param>
    public static void Write(TextWriter output, FaultReport report, int width, TextStyle style)
    {
        var lines = Lines(FirstScreen.Of(report), width, FirstScreen.MostLines - 1 - (report.Filter.IsEmpty ? 0 : 1));
        output.Write(Heading(report, width, style) + "\n");
        if (!report.Filter.IsEmpty)
            output.Write(Columns.CutMiddle(Escape.Visible(TextReport.FilterLine(report)), width) + "\n");
        foreach (var (label, text, tone) in lines)
        {
            var shown = tone switch
            {
                Tone.Alarm => style.Alarm(text),
                Tone.Wait => style.Wait(text),
                Tone.Answer => style.Title(text),
                _ => text,
            };
            output.Write($"{style.Dim(Columns.PadRight(label, label.Length == 0 ? 0 : LabelWidth))}{shown}\n");
        }
    }

    /// <summary>The same for an issue or a pull request, with every statement: there is room.</summary>
    public static void WriteMarkdown(TextWriter output, FaultReport report)
    {
        output.Write($"# Page faults of {Escape.Markdown(RecordingText.Target(report.Metadata))}\n\n");
        output.Write($"{Escape.Markdown(report.Path)}: {Size(report)}, {Verdict(report.Metadata.Receipt, default).Text}\n");
        if (!report.Filter.IsEmpty)
            output.Write($"\n{Escape.Markdown(TextReport.FilterLine(report))}\n");
        foreach (var statement in FirstScreen.Of(report))
        {
            var text = Escape.Markdown(statement.Text);
            if (statement.Tone == Tone.Plain)
                output.Write(statement.Label.Length == 0 ? $"  <br>{text}\n" : $"- {statement.Label}: {text}\n");
            else
                output.Write($"\n**{text}**\n\n");
        }
    }

    /// <summary>Which trace this is, how long, how much, and whether anything is missing.</summary>
    private static string Heading(FaultReport report, int width, TextStyle style)
    {
        var (size, (verdict, mark)) = (Size(report), Verdict(report.Metadata.Receipt, style));
        var room = Math.Max(width - Columns.Width(verdict) - Columns.Width(size) - 6, 20);
        var path = Columns.CutMiddle(Escape.Visible(report.Path), room / 2);
        var target = Columns.CutMiddle(Escape.Visible(RecordingText.Target(report.Metadata)), room - Columns.Width(path));
        var padding = new string(' ', Math.Max(width - Columns.Width(path) - Columns.Width(target) - Columns.Width(size) - Columns.Width(verdict) - 4, 2));
        return $"{style.Title(path)}  {target}  {size}{padding}{mark(verdict)}";
    }

    private static string Size(FaultReport report)
    {
        var about = report.Sample is { CountsExact: false } ? "about " : "";
        return $"{Units.Duration(report.Metadata.DurationNs)}, {about}{Units.Of(report.Totals.Counts.Faults, "fault")}";
    }

    private static (string Text, Func<string, string> Mark) Verdict(Receipt receipt, TextStyle style)
        => !ReceiptText.IsComplete(receipt) ? ("INCOMPLETE", style.Alarm)
            : ReceiptText.IsPlain(receipt) ? ("complete", style.Good)
            : ("complete, see note", static text => text);

    private static List<(string Label, string Text, Tone Tone)> Lines(IReadOnlyList<Statement> statements, int width, int most)
    {
        var wrapped = statements.Select(statement => (Statement: statement, Lines: Wrap(statement, width))).ToList();
        // A statement without a label continues the one before it, and may lose its own place but not that one's.
        while (wrapped.Sum(entry => entry.Lines.Count) > most && wrapped.Count > 1)
            wrapped.RemoveAt(wrapped.FindLastIndex(entry => entry.Statement.Rank == wrapped.Max(other => other.Statement.Rank)));
        return [.. wrapped.SelectMany(entry => entry.Lines).Take(most)];
    }

    private static List<(string Label, string Text, Tone Tone)> Wrap(Statement statement, int width)
    {
        var isIndented = statement.Tone == Tone.Plain;
        var text = Escape.Visible(statement.Text);
        var room = isIndented ? width - LabelWidth : width;
        var lines = statement.IsOneLine ? [CutEnd(text, room)] : Columns.Wrap(text, room).ToList();
        return [.. lines.Select((line, i) => (isIndented ? i == 0 && statement.Label.Length > 0 ? statement.Label : " " : "", line, statement.Tone))];
    }

    private static string CutEnd(string text, int width)
    {
        if (Columns.Width(text) <= width)
            return text;
        return Columns.Wrap(text, width - 2).First() + " …";
    }
}
