using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>What became of budgets, as text, as Markdown, and as JUnit's XML.</summary>
internal static class AssertionReport
{
    public static void WriteText(TextWriter output, Assertion assertion, TextStyle style)
    {
        TextLines.WriteWrapped(output, assertion.Headline, assertion.Broken > 0 ? style.Alarm : style.Title);
        output.Write('\n');
        TextTable.Write(output, Table(assertion), style);
        foreach (var note in Notes(assertion))
            TextLines.WriteWrapped(output, note, static line => line);
    }

    public static void WriteMarkdown(TextWriter output, Assertion assertion)
    {
        output.Write($"**{HostileText.Markdown(assertion.Headline)}**\n");
        MarkdownReport.WriteTable(output, Table(assertion));
        foreach (var note in Notes(assertion))
            output.Write($"\n{HostileText.Markdown(note)}\n");
    }

    /// <summary>A test case a check, as the JUnit schema that CI systems read has it.</summary>
    public static void WriteJunit(TextWriter output, Assertion assertion)
    {
        var suite = $"faultrec assert {assertion.Report.Path}";
        var counts = $"tests=\"{assertion.Checks.Count}\" failures=\"{assertion.Broken}\" errors=\"0\" skipped=\"0\"";
        output.Write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        output.Write($"<testsuites {counts}>\n");
        output.Write($"  <testsuite name=\"{HostileText.Xml(suite)}\" {counts}>\n");
        foreach (var check in assertion.Checks)
        {
            var start = $"    <testcase classname=\"faultrec.assert\" name=\"{HostileText.Xml(Name(check))}\"";
            if (!check.IsBroken)
            {
                output.Write($"{start}/>\n");
                continue;
            }

            var message = HostileText.Xml($"found {check.FoundText}, allowed {check.AllowedText}");
            output.Write($"{start}>\n      <failure type=\"budget\" message=\"{message}\">{HostileText.Xml(Failure(check))}</failure>\n    </testcase>\n");
        }

        output.Write("  </testsuite>\n</testsuites>\n");
    }

    // The limit belongs to the name, so that two budgets on one figure are two cases.
    private static string Name(BudgetCheck check) => check.Budget is null ? check.Title : $"{check.Title} {check.AllowedText}";

    private static string Failure(BudgetCheck check) => Assertion.Describe(check) + (check.Note is null ? "" : $": {check.Note}");

    private static IEnumerable<string> Notes(Assertion assertion)
        => assertion.Checks.Where(check => check.Note is not null).Select(check => $"{check.Title}: {check.Note}").Distinct();

    private static ReportTable Table(Assertion assertion)
        => new TableBuilder<BudgetCheck>("budgets", assertion.Checks)
            .Text("result", "result", ColumnAudience.Everyone, check => check.ResultText)
            .Text("budget", "budget", ColumnAudience.Everyone, check => check.Title)
            .Text("found", "found", ColumnAudience.Everyone, check => check.FoundText)
            .Text("allowed", "allowed", ColumnAudience.Everyone, check => check.AllowedText)
            .Build(0);
}
