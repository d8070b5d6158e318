namespace Faultrec.Query.Tests;

internal static class Asked
{
    private const long Memory = 512 << 20;

    public static List<string?[]> Rows(string sql, params string[] traces)
    {
        using var query = new TraceQuery(TraceFiles.Find(traces), Memory);
        return [.. query.Run(sql).Rows.Select(row => (string?[])row.Clone())];
    }

    public static string Text(string sql, params string[] traces)
        => string.Join('\n', Rows(sql, traces).Select(row => string.Join(' ', row.Select(value => value ?? "NULL"))));
}
