using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Query;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <param name="Top">Rows; 0 is all, null the format's own choice.</param>
internal sealed record QueryArgs(IReadOnlyList<string> Traces, string Sql, ReportFormat Format, Destination Output, int? Top, long MemoryBytes, bool Verify);

/// <summary>`faultrec query TRACE… "SQL"`: questions that no table answers.</summary>
internal static class QueryVerb
{
    private const int RowsForPeople = 50;
    private const long DefaultMemoryBytes = 1L << 30;

    public static Command Create()
    {
        var words = new Argument<string[]>("TRACE… SQL")
        {
            Description = "Trace files, folders or 'patterns'; the last argument is the SQL",
            Arity = ArgumentArity.ZeroOrMore
        };
        var schema = new Option<bool>("--schema") { Description = "Print the views and their columns" };
        var format = CommonOptions.Format(CommonOptions.ReportFormats);
        var output = new OutputOptions();
        var top = CommonOptions.Top("Show N rows", RowsForPeople);
        var memory = TypedOption.Size("--memory", "Memory that the SQL engine may use (default: 1GiB)");
        var noVerify = new Option<bool>("--no-verify") { Description = "Do not verify the checksums of the files first" };
        var command = new Command("query", "Run SQL (DuckDB) over traces") { words, schema, format, top, memory, noVerify };
        output.AddTo(command);
        command.SetAction(result =>
        {
            var given = result.GetValue(words) ?? [];
            if (result.GetValue(schema))
                return RunSchema(given, result.GetValue(format), output.Parse(result));
            CheckWords(given);
            return Run(new QueryArgs(
                given[..^1], given[^1], result.GetValue(format), output.Parse(result), result.GetValue(top),
                result.GetValue(memory) ?? DefaultMemoryBytes, !result.GetValue(noVerify)));
        });
        return command;
    }

    public static int Run(QueryArgs args)
    {
        var files = TraceFiles.Find(args.Traces);
        OutputTarget.Check(args.Output, [.. files.Select(file => file.Path)]);
        using var query = new TraceQuery(files, args.MemoryBytes, args.Verify);
        var result = query.Run(args.Sql);
        Write(result, args.Format, args.Output, args.Top, [.. files.Select(file => file.Path)]);
        return (int)ExitCode.Ok;
    }

    private static int RunSchema(string[] given, ReportFormat format, Destination output)
    {
        if (given.Length > 0)
            throw new FaultrecException(ExitCode.Usage, $"--schema {Escape.Visible(given[0])}: expected nothing else; the views are the same for every trace");
        List<QueryColumn> columns = [.. ((string[])["view", "column", "type", "meaning"]).Select(name => new QueryColumn(name, "VARCHAR"))];
        var rows = TraceQuery.Schema.Select(column => (string?[])[column.View, column.Name, column.Type, column.Meaning]);
        Write(new QueryResult(columns, rows), format, output, top: 0, [], widestCell: int.MaxValue);
        return (int)ExitCode.Ok;
    }

    private static void CheckWords(string[] given)
    {
        if (given.Length == 0)
        {
            throw new FaultrecException(ExitCode.Usage,
                "query needs traces and, as the last word, SQL: "
                + "faultrec query trace.parquet 'SELECT kind, count(*) FROM faults GROUP BY kind'; --schema prints the views");
        }

        if (given.Length == 1 || File.Exists(given[^1]) || Directory.Exists(given[^1]))
        {
            throw new FaultrecException(ExitCode.Usage,
                $"query {Escape.Visible(string.Join(' ', given))}: expected traces and, as the last word, SQL in quotes");
        }
    }

    private static void Write(QueryResult result, ReportFormat format, Destination output, int? top, IReadOnlyList<string> inputs,
        int widestCell = QueryTable.WidestCell)
        => OutputTarget.WriteText(output, inputs, writer =>
        {
            if (format is ReportFormat.Csv or ReportFormat.Json)
            {
                var rows = top is > 0 and var limit ? result with { Rows = result.Rows.Take(limit) } : result;
                if (format == ReportFormat.Csv)
                    QueryLines.WriteCsv(writer, rows);
                else
                    QueryLines.WriteJson(writer, rows);
                return;
            }

            var table = new QueryTable(result, top ?? RowsForPeople);
            if (format == ReportFormat.Markdown)
                table.WriteMarkdown(writer);
            else
                table.WriteText(writer, OutputTarget.StyleFor(output), widestCell);
        }, copiesInputs: true);
}
