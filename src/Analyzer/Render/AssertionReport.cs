using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The results of budgets, as text and as Markdown.</summary>
internal static class AssertionReport
{
    public static void WriteText(TextWriter output, Assertion assertion, TextStyle style)
    {
        TextLines.WriteWrapped(output, assertion.Headline, assertion.Broken > 0 ? style.Alarm : style.Good);
        output.Write('\n');
        TextTable.Write(output, Table(assertion), style);
        foreach (var note in Notes(assertion))
            TextLines.WriteWrapped(output, note, static line => line);
    }

    public static void WriteMarkdown(TextWriter output, Assertion assertion)
    {
        output.Write($"**{Escape.Markdown(assertion.Headline)}**\n");
        MarkdownReport.WriteTable(output, Table(assertion));
        foreach (var note in Notes(assertion))
            output.Write($"\n{Escape.Markdown(note)}\n");
    }

    private static IEnumerable<string> Notes(Assertion assertion)
        => assertion.Checks.Where(check => check.Note is not null).Select(check => $"{check.Title}: {check.Note}").Distinct();

    private static ReportTable Table(Assertion assertion)
    {
        var ofBaseline = assertion.Checks.Any(check => check.BaselineText is not null) ? ColumnAudience.Everyone : ColumnAudience.Machine;
        return new TableBuilder<BudgetCheck>("budgets", assertion.Checks)
            .Text("result", "result", "pass or FAIL", ColumnAudience.Everyone, check => check.ResultText)
            .Text("budget", "budget", "what was asserted", ColumnAudience.Everyone, check => check.Title)
            .Text("found", "found", "what the trace has", ColumnAudience.Everyone, check => check.FoundText)
            .Text("allowed", "allowed", "limit of the budget", ColumnAudience.Everyone, check => check.LimitText)
            .Text("baseline", "baseline", "median of the baselines, and how much more is allowed", ofBaseline, check => check.BaselineText ?? "")
            .Build(0);
    }
}
