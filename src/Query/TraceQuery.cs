using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Query;

/// <param name="Rows">In the file.</param>
internal sealed record TraceSource(TraceFile File, TraceMetadata Metadata, long Rows)
{
    public string Host => File.Host ?? Metadata.Host;

    public DateOnly Date => File.Date ?? DateOnly.FromDateTime(Metadata.StartedAt.UtcDateTime);
}

/// <summary>SQL over traces: views of their rows and metadata in a database that can reach nothing else. Not thread-safe.</summary>
public sealed class TraceQuery : IDisposable
{
    private readonly DuckDbSession _session;
    private readonly IReadOnlyList<TraceSource> _traces;
    private readonly VerdictFunction _kinds;
    private readonly VerdictFunction _severities;
    private readonly IReadOnlyList<ScalarFunction> _functions;

    /// <param name="files">At least one.</param>
    /// <param name="memoryBytes">What the SQL engine may use.</param>
    /// <param name="verify">Read each file once to compare its checksums.</param>
    /// <exception cref="FaultrecException">A file is not a trace or is damaged, or DuckDB's library is missing.</exception>
    public TraceQuery(IReadOnlyList<TraceFile> files, long memoryBytes, bool verify = true)
    {
        DuckDbLibrary.Require();
        _traces = [.. files.Select(file => Open(file, verify))];
        IReadOnlyList<TraceMetadata> metadata = [.. _traces.Select(trace => trace.Metadata)];
        var indexByPath = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < _traces.Count; i++)
            indexByPath.Add(_traces[i].File.Path, i);
        (_kinds, _severities) = (new VerdictFunction(metadata, ofKind: true), new VerdictFunction(metadata, ofKind: false));
        _functions = [new TraceIndexFunction(indexByPath), _kinds, _severities, new StackFunction(metadata)];
        _session = new DuckDbSession(memoryBytes);
        foreach (var function in _functions)
            function.Register(_session.Connection);
        MetadataTables.Create(_session, _traces);
        _session.Execute(StackView());
        _session.Execute(FaultView());
        // Both the name and the pattern that stands for it are checked against this list.
        _session.Lock(_traces.SelectMany(trace => (string[])[trace.File.Path, Sql.Pattern(trace.File.Path)]).Distinct());
    }

    /// <summary>Every view's columns.</summary>
    public static IReadOnlyList<ViewColumn> Schema =>
    [
        .. ViewColumn.Origin(FaultColumnList.View), .. FaultColumnList.OfFile, .. FaultColumnList.OfAnalyzer,
        .. MetadataTables.Columns,
        .. ViewColumn.Origin("stacks"),
        new("stacks", "stack_id", "INTEGER", "stack_id and mapper_stack_id of faults, mapper_stack_id of regions"),
        new("stacks", "stack", "VARCHAR", "its frames, the outermost first, ; between them, as export --to folded"),
    ];

    /// <summary>One statement that reads. It runs while the rows are read.</summary>
    /// <exception cref="FaultrecException">From here or while rows are read: the SQL is wrong, a file is damaged, memory does not suffice.</exception>
    public QueryResult Run(string sql)
    {
        // query() takes exactly one statement that reads, whatever the text may try to end or to begin.
        var source = $"query({Sql.Text(sql)})";
        var described = Guard(_session.Read($"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {source})"));
        List<QueryColumn> columns = [.. described.Select(row => new QueryColumn(row[0]!, row[1]!))];
        var texts = string.Join(", ", columns.Select(column => $"CAST({Sql.Name(column.Name)} AS VARCHAR)"));
        return new QueryResult(columns, Guard(_session.Read($"SELECT {texts} FROM {source}")));
    }

    public void Dispose()
    {
        _session.Dispose();
        _kinds.Dispose();
        _severities.Dispose();
    }

    private static TraceSource Open(TraceFile file, bool verify)
    {
        using var reader = TraceReader.Open(file.Name);
        // DuckDB does not know the checksums, and would use values with flipped bits.
        if (verify)
            reader.Verify();
        return new TraceSource(file, reader.Metadata, reader.RowCount);
    }

    // An exception from faultrec's functions on one of DuckDB's threads is a bug, and must not be reported as an error in the SQL.
    private IEnumerable<string?[]> Guard(IEnumerable<string?[]> rows)
    {
        using var row = rows.GetEnumerator();
        while (true)
        {
            try
            {
                if (!row.MoveNext())
                    yield break;
            }
            catch (FaultrecException) when (_functions.FirstOrDefault(function => function.Failure is not null) is { } failed)
            {
                throw new InvalidOperationException("a function of faultrec failed in a query", failed.Failure);
            }

            yield return row.Current;
        }
    }

    private string StackView()
    {
        var rows = _traces.Select((trace, index) => (trace, index)).Where(pair => pair.trace.Metadata.Stacks is { NodeFrames.Count: > 0 })
            .Select(pair => $"SELECT {pair.index} AS trace_index, unnest(range({pair.trace.Metadata.Stacks!.NodeFrames.Count})) AS stack_id")
            .DefaultIfEmpty("SELECT 0 AS trace_index, 0::BIGINT AS stack_id LIMIT 0");
        return $"CREATE VIEW stacks AS SELECT {Origin("trace_index")}, stack_id::INTEGER AS stack_id, faultrec_stack(trace_index, stack_id) AS stack "
            + $"FROM ({string.Join(" UNION ALL ", rows)})";
    }

    private string FaultView()
    {
        var files = $"read_parquet([{string.Join(", ", _traces.Select(trace => Sql.Text(Sql.Pattern(trace.File.Path))))}], "
            + "union_by_name = true, filename = true)";
        var present = _session.Read($"SELECT column_name FROM (DESCRIBE SELECT * FROM {files})").Select(row => row[0]!).ToHashSet(StringComparer.Ordinal);
        var known = TraceSchema.Columns.ToDictionary(column => column.Name, column => FaultColumnList.Sql(column, present.Contains(column.Name)));
        const string trace = "faultrec_trace(filename)";
        List<string> columns =
        [
            Origin(trace),
            .. TraceSchema.Columns.Select(column => $"{known[column.Name]} AS {column.Name}"),
            $"{Names(SeverityNames.Count, number => ((Severity)number).Name())}[{_severities.Sql(trace, name => known[name])} + 1] AS severity",
            $"{Names(FaultKindNames.Count, number => ((FaultKind)number).Name())}[{_kinds.Sql(trace, name => known[name])} + 1] AS kind",
        ];
        return $"CREATE VIEW {FaultColumnList.View} AS SELECT {string.Join(", ", columns)} FROM {files}";

        static string Names(int count, Func<int, string> name) => $"[{string.Join(", ", Enumerable.Range(0, count).Select(number => Sql.Text(name(number))))}]";
    }

    private string Origin(string index)
    {
        return $"{Pick(trace => Sql.Text(trace.File.Name))} AS trace, {Pick(trace => Sql.Text(trace.Host))} AS host, "
            + $"{Pick(trace => Sql.Date(trace.Date))} AS date";

        string Pick(Func<TraceSource, string> value) => $"[{string.Join(", ", _traces.Select(value))}][{index} + 1]";
    }
}
