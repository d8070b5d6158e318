using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>docs/format.md is a contract: what it says must be so.</summary>
public sealed partial class FormatDocumentTests
{
    private static readonly string Text = File.ReadAllText(DocumentPath());

    [Fact]
    public void DescribesTheColumnsInOrder()
    {
        using var file = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(1, 10)));
        var columns = DuckDb.Query(
            $"SELECT name, lower(data_type) FROM (SELECT column_name AS name, column_type AS data_type FROM (DESCRIBE SELECT * FROM '{file.Path}'))")
            .Select(row => ((string)row[0]!, (string)row[1]!));

        var documented = ColumnRow().Matches(Section("Columns")).Select(row => (row.Groups[1].Value, row.Groups[2].Value switch
        {
            "int64" => "bigint",
            "int32" => "integer",
            "int8" => "tinyint",
            "bool" => "boolean",
            "string" => "varchar",
            string other => other,
        }));

        Assert.Equal(columns, documented);
    }

    /// <summary>If this fails: the text to write into docs/format.md is the expected one.</summary>
    [Fact]
    public void TheTableOfColumnsIsTheirDescriptors()
        => Assert.Equal(
            string.Join('\n',
                TraceSchema.Columns.Select(column => Row($"`{column.Name}`", TypeName(column.Type), column.Unit, column.Description, column.NullMeaning))),
            string.Join('\n', Section("Columns").Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))));

    [Fact]
    public void TellsWhatOlderFilesLack()
    {
        for (var i = 1; i < TraceSchema.Columns.Count; i++)
        {
            var (last, column) = (TraceSchema.Columns[i - 1], TraceSchema.Columns[i]);
            Assert.InRange(column.Generation, last.Generation, last.Generation + 1);
            if (column.Generation == 2 && last.Generation == 1)
                Assert.Contains($"Files written before `{column.Name}` end with `{last.Name}`", Text, StringComparison.Ordinal);
            else if (column.Generation > last.Generation)
                Assert.Contains($"those written before `{column.Name}` with `{last.Name}`", Text, StringComparison.Ordinal);
        }

        var defaults = TraceSchema.Columns.Where(column => column.Generation > 1 && column.AbsentValue is not null)
            .ToLookup(column => column.AbsentValue, column => $"`{column.Name}`");
        string[] flags = [.. defaults["false"]];
        Assert.Equal(["false", "1"], defaults.Select(names => names.Key));
        Assert.Contains(
            $"They are read as if {string.Join(", ", flags[..^1])} and {flags[^1]} were false,\n{defaults["1"].Single()} 1 and the others null in every row.",
            Text,
            StringComparison.Ordinal);
    }

    /// <summary>If this fails: the text to write into docs/format.md is the expected one.</summary>
    [Fact]
    public void TheTableOfKeysIsTheirDescriptors()
        => Assert.Equal(
            string.Join('\n', MetadataKeys.All.Select(key => Row($"`{key.FullName}`", key.Json, key.Description))),
            string.Join('\n', Section("Metadata").Split('\n').Where(line => line.StartsWith("| `faultrec.", StringComparison.Ordinal))));

    /// <summary>If this fails: the text to write into docs/format.md is the expected one.</summary>
    [Fact]
    public void TheTableOfTheReceiptIsItsCounters()
    {
        var table = Section("Metadata")[Section("Metadata").IndexOf("The **receipt**", StringComparison.Ordinal)..];
        Assert.Equal(
            string.Join('\n', Receipt.Counters.Select(counter => Row($"`{counter.Name}`", "number", counter.Description))),
            string.Join('\n',
                table.Split('\n')
                .Where(line => line.Contains("` | number |", StringComparison.Ordinal) && !line.Contains("exit_status", StringComparison.Ordinal))));
    }

    [Fact]
    public void DescribesTheKeysInOrder()
    {
        using var file = new TempFile(SampleTrace.Write([]));
        Assert.Equal(DuckDb.KeyValues(file.Path).Keys, KeyRow().Matches(Section("Metadata")).Select(row => row.Groups[1].Value));
    }

    [Fact]
    public void NamesTheVersion()
        => Assert.Contains($"**schema version {TraceSchema.Version}**", Text, StringComparison.Ordinal);

    [Fact]
    public void EveryQueryRuns()
    {
        var metadata = SampleTrace.Metadata(1000) with
        {
            Regions = [new Region { Id = 1, Pid = 10, Start = 0x1000, End = 0xffff_ffff_ffff_f000, Prot = "rw-p", Name = "[heap]" }],
        };
        using var file = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(1, 1000), metadata));
        var queries = SqlBlock().Matches(Text).Select(block => block.Groups[1].Value).ToArray();
        Assert.Equal(7, queries.Length);
        foreach (var query in queries)
            Assert.NotEmpty(DuckDb.Query(query.Replace("trace.parquet", file.Path, StringComparison.Ordinal)));
    }

    [Fact]
    public void UnsignedAddressesAreAsTheTextSays()
    {
        var batch = SampleTrace.RandomBatch(new Random(1), 1);
        batch.Ip[0] = unchecked((long)0xffff_ffff_8100_0000);
        using var file = new TempFile(SampleTrace.Write([batch]));
        const string expression = "CASE WHEN ip < 0 THEN ip::HUGEINT + 18446744073709551616 ELSE ip END";
        Assert.Contains(expression, Text, StringComparison.Ordinal);
        Assert.Equal([["0xffffffff81000000"]], DuckDb.Query($"SELECT format('0x{{:x}}', {expression}) FROM '{file.Path}'"));
    }

    private static string Row(params string[] cells) => $"|{string.Concat(cells.Select(cell => cell.Length == 0 ? " |" : $" {cell} |"))}";

    private static string TypeName(Type type)
        => type == typeof(long) ? "int64" : type == typeof(int) ? "int32" : type == typeof(sbyte) ? "int8" : type == typeof(bool) ? "bool" : "string";

    private static string Section(string title)
    {
        var start = Text.IndexOf($"\n## {title}\n", StringComparison.Ordinal);
        var end = Text.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return Text[start..end];
    }

    private static string DocumentPath([CallerFilePath] string source = "")
        => Path.Combine(Path.GetDirectoryName(source)!, "..", "..", "docs", "format.md");

    [GeneratedRegex(@"^\| `(\w+)` \| (int64|int32|int8|bool|string) \|", RegexOptions.Multiline)]
    private static partial Regex ColumnRow();

    [GeneratedRegex(@"^\| `(faultrec\.\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex KeyRow();

    [GeneratedRegex(@"^```sql\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex SqlBlock();
}
