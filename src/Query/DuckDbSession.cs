using System.Globalization;
using System.Runtime.InteropServices;
using DuckDB.NET.Native;
using Faultrec.Traces;

namespace Faultrec.Query;

/// <summary>One database in memory, which can access nothing outside it except the given files.</summary>
internal sealed class DuckDbSession : IDisposable
{
    private readonly DuckDBDatabase _database;
    private readonly DuckDBNativeConnection _connection;

    /// <param name="memoryBytes">What the engine may use; it never writes to a disk.</param>
    public DuckDbSession(long memoryBytes)
    {
        DuckDbLibrary.Require();
        NativeMethods.Configuration.DuckDBCreateConfig(out var config);
        using (config)
        {
            foreach (var (name, value) in Settings(memoryBytes))
            {
                if (NativeMethods.Configuration.DuckDBSetConfig(config, name, value) != DuckDBState.Success)
                    throw new InvalidOperationException($"DuckDB has no setting {name}.");
            }

            if (NativeMethods.Startup.DuckDBOpen(":memory:", out _database, config, out var error) != DuckDBState.Success)
                throw new FaultrecException(ExitCode.NotPermitted, $"DuckDB does not start: {SqlError.OneLine(error ?? "no reason given")}");
        }

        NativeMethods.Startup.DuckDBConnect(_database, out _connection);
    }

    public DuckDBNativeConnection Connection => _connection;

    /// <summary>From here on only these files can be read, nothing written, and no setting changed.</summary>
    public void Lock(IEnumerable<string> files)
    {
        Execute($"SET allowed_paths = [{string.Join(", ", files.Select(Sql.Text))}]");
        Execute("SET enable_external_access = false");
        Execute("SET lock_configuration = true");
    }

    /// <summary>Runs SQL of faultrec's own.</summary>
    public void Execute(string sql)
    {
        var state = NativeMethods.Query.DuckDBQuery(_connection, sql, out var result);
        try
        {
            if (state != DuckDBState.Success)
                throw SqlError.Of(ref result);
        }
        finally
        {
            NativeMethods.Query.DuckDBDestroyResult(ref result);
        }
    }

    /// <summary>Rows of text, as they are produced; each is valid until the next.</summary>
    /// <param name="sql">All of its columns are VARCHAR.</param>
    public IEnumerable<string?[]> Read(string sql)
    {
        using var statement = Prepare(sql);
        var result = Start(statement);
        try
        {
            var row = new string?[NativeMethods.Query.DuckDBColumnCount(ref result)];
            while (true)
            {
                using var chunk = NativeMethods.Query.DuckDBFetchChunk(result);
                if (chunk.IsInvalid)
                    break;
                var columns = new TextVector[row.Length];
                for (var i = 0; i < columns.Length; i++)
                    columns[i] = new TextVector(chunk, i);
                var rows = (int)NativeMethods.DataChunks.DuckDBDataChunkGetSize(chunk);
                for (var i = 0; i < rows; i++)
                {
                    for (var column = 0; column < columns.Length; column++)
                        row[column] = columns[column][i];
                    yield return row;
                }
            }

            ThrowIfFailed(ref result);
        }
        finally
        {
            NativeMethods.Query.DuckDBDestroyResult(ref result);
        }
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    private static IEnumerable<(string Name, string Value)> Settings(long memoryBytes) =>
    [
        ("threads", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)),
        ("memory_limit", string.Create(CultureInfo.InvariantCulture, $"{memoryBytes}B")),
        ("temp_directory", ""),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("allow_persistent_secrets", "false"),
    ];

    private DuckDBPreparedStatement Prepare(string sql)
    {
        if (NativeMethods.PreparedStatements.DuckDBPrepare(_connection, sql, out var statement) == DuckDBState.Success)
            return statement;
        using (statement)
            throw SqlError.Of(NativeMethods.PreparedStatements.DuckDBPrepareError(statement));
    }

    private static DuckDBResult Start(DuckDBPreparedStatement statement)
    {
        if (NativeMethods.PreparedStatements.DuckDBExecutePreparedStreaming(statement, out var result) != DuckDBState.Success)
        {
            var error = SqlError.Of(ref result);
            NativeMethods.Query.DuckDBDestroyResult(ref result);
            throw error;
        }

        return result;
    }

    private static void ThrowIfFailed(ref DuckDBResult result)
    {
        if (!string.IsNullOrEmpty(NativeMethods.Query.DuckDBResultError(ref result)))
            throw SqlError.Of(ref result);
    }

    /// <summary>A column of a chunk.</summary>
    // SAFETY: DuckDB owns the memory, and keeps it as long as the chunk, which lives until its rows are read; whoever asks keeps row below
    // the size of the chunk.
    private readonly unsafe struct TextVector
    {
        private readonly DuckDBString* _texts;
        private readonly ulong* _validity;

        public TextVector(DuckDBDataChunk chunk, int column)
        {
            var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(chunk, column);
            _texts = (DuckDBString*)NativeMethods.Vectors.DuckDBVectorGetData(vector);
            _validity = NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
        }

        public string? this[int row]
            => _validity != null && (_validity[row >> 6] >> (row & 63) & 1) == 0
                ? null
                : Marshal.PtrToStringUTF8((nint)_texts[row].Data, _texts[row].Length);
    }
}
