using System.Text;
using Faultrec.Analyzer.Tables;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>docs/tables.md is made of the tables' definitions.</summary>
public sealed class TableDocumentTests
{
    /// <summary>If this fails: run it with FAULTREC_WRITE_DOCS=1, which writes the document, and read the difference.</summary>
    [Fact]
    public void TheDocumentListsEveryColumnOfEveryTable()
    {
        var expected = Document();
        if (Environment.GetEnvironmentVariable("FAULTREC_WRITE_DOCS") == "1")
            System.IO.File.WriteAllText(FormatTests.DocumentPath("tables.md"), expected);

        Assert.Equal(expected, FormatTests.Document("tables.md"));
    }

    /// <summary>A phrase that a reader understands without the one before it.</summary>
    [Fact]
    public void AMeaningIsAPhraseThatStandsAlone()
        => Assert.All(ReportTables.All.SelectMany(Columns), column =>
        {
            Assert.InRange(column.Meaning.Length, 8, 110);
            Assert.Matches(@"^[\w/\[≥]", column.Meaning);
            Assert.DoesNotMatch(@"^(the same|those|these|its|their)\b|\.$", column.Meaning);
        });

    private static IReadOnlyList<TableColumn> Columns(TableDefinition definition)
        => definition.Build(Story.Report(Story.Metadata(Story.TwoRegions), [new Fault(0x10000)]), 0).Columns;

    private static string Document()
    {
        var text = new StringBuilder(
            """
            # Tables of the report

            What every column of every table of `faultrec report` means. `column` is its name in CSV, in data frames and mostly in JSON
            ([report](report.md#json) has the exceptions), `heading` the one in text and Markdown. Times count from the start of the recording.
            A share is a number from 0 to 1. Text shows the columns that fit; CSV has them all.

            """);
        foreach (var definition in ReportTables.All)
        {
            text.Append($"\n## {definition.Name}\n\n`--by {definition.Name}`: {definition.Question}.\n\n");
            text.Append("| column | heading | unit | meaning |\n|---|---|---|---|\n");
            foreach (var column in Columns(definition))
                text.Append($"| `{column.Key}` | {column.Heading} | {Unit(column.Format)} | {column.Meaning} |\n");
        }

        return text.ToString();
    }

    private static string Unit(CellFormat format) => format switch
    {
        CellFormat.Bytes => "bytes",
        CellFormat.DurationNs => "ns",
        CellFormat.Percent => "share",
        CellFormat.Count or CellFormat.Ratio or CellFormat.Heat or CellFormat.HeatMap => "number",
        CellFormat.Id => "id",
        _ => "text",
    };
}
