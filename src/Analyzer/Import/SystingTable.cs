using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Native;
using Parquet.Schema;

namespace Faultrec.Analyzer.Import;

/// <summary>One of systing's Parquet files (src/trace/schema.rs of josefbacik/systing), read one column at a time; lists are not read.</summary>
internal sealed class SystingTable : IDisposable
{
    private readonly string _path;
    private readonly TraceInput _input;
    private readonly Footer _footer;

    /// <exception cref="FaultrecException">There is no such file, or it cannot be read.</exception>
    public SystingTable(string path)
    {
        _path = path;
        _input = Open();
        try
        {
            _footer = TraceOpener.ReadFooter(path, _input, out _);
        }
        catch (Exception exception)
        {
            _input.Dispose();
            throw Bad("is damaged, or no Parquet file", "a file that systing wrote", exception);
        }

        // A systing row takes at least some bytes, because its times differ. Columns are held whole.
        const int freeRows = 1 << 20;
        if (Rows > freeRows + _input.Length || _footer.RowGroups.Aggregate((Int128)0, (rows, group) => rows + Math.Max(group.Rows, 0)) != Rows)
        {
            _input.Dispose();
            throw Bad($"claims {Rows} rows in {_input.Length} bytes", "a file that systing wrote");
        }
    }

    public long Rows => _footer.Rows;

    public void Dispose() => _input.Dispose();

    /// <exception cref="FaultrecException">The file has no such column, or of another type.</exception>
    public T?[] Column<T>(string name)
        where T : struct
        => OptionalColumn<T>(name) ?? throw Bad($"has no column {name} of {typeof(T).Name}", "systing's schema of this file");

    /// <summary>Null: the file has no such column, which systing did not always write.</summary>
    public T?[]? OptionalColumn<T>(string name)
        where T : struct
        => Read<T, T?>(name, IsInteger<T>, value => value);

    /// <summary>Null in a row: the file has no text there. Null: no such column.</summary>
    public string?[]? Texts(string name) => Read<ReadOnlyMemory<char>, string?>(name, IsText, text => text.ToString());

    // parquet.thrift: INT64 and INT32, which other types are kept in too; BYTE_ARRAY that is UTF8.
    private static bool IsInteger<T>(FooterColumn column)
        => typeof(T) == typeof(long) ? column is { PhysicalType: 2, ConvertedType: null or 18 } : column is { PhysicalType: 1, ConvertedType: null or 17 };

    private static bool IsText(FooterColumn column) => column is { PhysicalType: 6, ConvertedType: 0 };

    private TraceInput Open()
    {
        try
        {
            return new TraceInput(RegularFile.Open(_path));
        }
        catch (NotSupportedException exception)
        {
            throw Bad("is not a regular file", "the files that systing wrote", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            var isMissing = exception is FileNotFoundException or DirectoryNotFoundException;
            throw Bad(isMissing ? "no such file" : exception.Message, isMissing ? "the files that systing wrote together" : "a file that this user can read",
                exception);
        }
    }

    private TResult[]? Read<T, TResult>(string name, Func<FooterColumn, bool> isMeant, Func<T, TResult> convert)
        where T : struct
    {
        if (_footer.Schema.Find(column => column.Name == name && column.Children is null or 0 && isMeant(column)) is not { } found)
            return null;
        try
        {
            // Its chunks are named only where it is a column of the first level.
            if (_footer.RowGroups.Exists(group => !group.Chunks.Any(chunk => chunk.Name == name)))
                return null;
            var isNullable = found.Repetition != 0;
            using var decoder = new ColumnDecoder(new ParquetSchema(new DataField(name, typeof(T) == typeof(ReadOnlyMemory<char>) ? typeof(string) : typeof(T),
                isNullable)));
            var results = new TResult[Rows];
            var first = 0;
            foreach (var group in _footer.RowGroups)
                first += ReadGroup(decoder, group, name, isNullable, convert, results.AsSpan(first));
            return results;
        }
        catch (Exception exception)
        {
            // The libraries throw any kind of exception on damaged input.
            throw Bad($"column {name} is damaged", "the file as systing wrote it", exception);
        }
    }

    private int ReadGroup<T, TResult>(
        ColumnDecoder decoder, FooterRowGroup group, string name, bool isNullable, Func<T, TResult> convert, Span<TResult> results)
        where T : struct
    {
        if (group.Rows <= 0)
            return 0;
        var rows = checked((int)group.Rows);
        var chunk = Array.Find(group.Chunks, chunk => chunk.Name == name);
        if (chunk.Values != rows || chunk.Start < 0 || chunk.Length <= 0 || chunk.Start > _input.Length - chunk.Length)
            throw new InvalidDataException("it has an impossible position or size");
        _input.Load(chunk.Start, checked((int)chunk.Length));
        var (values, levels) = (new T[rows], new int[rows]);
        decoder.Decode(0, _input.Window, chunk.Codec, rows, values.AsMemory(), isNullable ? levels.AsMemory() : (Memory<int>?)null);
        var next = 0;
        for (var row = 0; row < rows; row++)
        {
            if (!isNullable || levels[row] == 1)
                results[row] = convert(values[next++]);
        }

        return rows;
    }

    private FaultrecException Bad(string found, string expected, Exception? inner = null)
        => new(ExitCode.BadInput, $"{Escape.Visible(_path)}: {found}; expected {expected}", inner);
}
