using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>
/// The results of budgets as workflow commands of GitHub Actions: an error for each that broke, which a pull request shows, else one notice
/// (docs.github.com, "Workflow commands for GitHub Actions").
/// </summary>
internal static class GithubReport
{
    public static void Write(TextWriter output, Assertion assertion)
    {
        foreach (var check in assertion.Checks.Where(check => check.IsBroken))
        {
            var message = $"{assertion.Report.Path}: {Assertion.Explain(check)}{Note(check)}";
            output.Write($"::error title={Property($"faultrec: {check.Title}")}::{Data(message)}\n");
        }

        if (assertion.Broken == 0)
            output.Write($"::notice title=faultrec::{Data(assertion.Headline)}\n");
    }

    private static string Note(BudgetCheck check) => check.Note is null ? "" : $" ({check.Note})";

    // A line that begins with :: is a command, and these characters end its parts.
    private static string Data(string text) => Escape.Visible(text).Replace("%", "%25", StringComparison.Ordinal);

    private static string Property(string text)
        => Data(text).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
}
