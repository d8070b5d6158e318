using Faultrec.Traces;
using Parquet;
using Parquet.Schema;

namespace Faultrec.Analyzer;

/// <summary>One of systing's Parquet files (src/trace/schema.rs of josefbacik/systing), read a column at a time; lists are not read.</summary>
internal sealed class SystingTable : IDisposable
{
    private readonly string _path;
    private readonly ParquetReader _reader;

    /// <exception cref="FaultrecException">There is no such file, or it cannot be read.</exception>
    public SystingTable(string path)
    {
        _path = path;
        FileStream file;
        try
        {
            file = File.OpenRead(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            var isMissing = exception is FileNotFoundException or DirectoryNotFoundException;
            throw Bad(isMissing ? "no such file" : exception.Message, isMissing ? "the files that systing wrote together" : "a file that this user can read", exception);
        }

        try
        {
            _reader = ParquetReader.CreateAsync(file, leaveStreamOpen: false).GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            file.Dispose();
            throw Bad("is damaged, or no Parquet file", "a file that systing wrote", exception);
        }

        Rows = _reader.RowGroups.Sum(group => group.RowCount);
    }

    public long Rows { get; }

    public void Dispose() => _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <exception cref="FaultrecException">The file has no such column, or of another type.</exception>
    public T?[] Column<T>(string name)
        where T : struct
        => OptionalColumn<T>(name) ?? throw Bad($"has no column {name} of {typeof(T).Name}", "systing's schema of this file");

    /// <summary>Null: the file has no such column, which systing did not always write.</summary>
    public T?[]? OptionalColumn<T>(string name)
        where T : struct
        => Read<T, T?>(name, type => type == typeof(T), value => value);

    /// <summary>Null in a row: the file has no text there. Null: no such column.</summary>
    public string?[]? Texts(string name) => Read<ReadOnlyMemory<char>, string?>(name, type => type == typeof(string) || type == typeof(ReadOnlyMemory<char>), text => text.ToString());

    private TResult[]? Read<T, TResult>(string name, Func<Type, bool> isMeant, Func<T, TResult> convert)
        where T : struct
    {
        if (Array.Find(_reader.Schema.GetDataFields(), field => field.Path.Length == 1 && field.Name == name && isMeant(field.ClrType)) is not { } field)
            return null;
        try
        {
            var results = new TResult[Rows];
            var first = 0;
            for (var group = 0; group < _reader.RowGroups.Count; group++)
                first += ReadGroup(_reader.RowGroups[group], field, convert, results.AsSpan(first));
            return results;
        }
        catch (Exception exception)
        {
            // The library throws whatever damage leads it into.
            throw Bad($"column {name} is damaged", "the file as systing wrote it", exception);
        }
    }

    private static int ReadGroup<T, TResult>(ParquetRowGroupReader group, DataField field, Func<T, TResult> convert, Span<TResult> results)
        where T : struct
    {
        var rows = checked((int)group.RowCount);
        var (values, levels) = (new T[rows], new int[rows]);
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = field.IsNullable ? levels.AsMemory() : (Memory<int>?)null;
        group.ReadRawAsync(field, values.AsMemory(), definitionLevels, null).GetAwaiter().GetResult();
        var next = 0;
        for (var row = 0; row < rows; row++)
        {
            if (!field.IsNullable || levels[row] == 1)
                results[row] = convert(values[next++]);
        }

        return rows;
    }

    private FaultrecException Bad(string found, string expected, Exception? inner = null)
        => new(ExitCode.BadInput, $"{HostileText.Visible(_path)}: {found}; expected {expected}", inner);
}
