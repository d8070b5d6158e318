using Parquet.Schema;

namespace Faultrec.Traces.Columns;

/// <summary>The schema and its version, which <see cref="TraceColumns"/> makes up. docs/format.md is the text people read.</summary>
public static class TraceSchema
{
    /// <summary>Schema version of recordings. It grows with any change that an older reader could misread.</summary>
    public const int Version = 1;

    /// <summary>
    /// Schema version of traces whose source does not say which faults were major: `major` is null in every row. A reader that knows
    /// only version 1 refuses such a file instead of counting every fault as minor.
    /// </summary>
    public const int VersionWithoutMajor = 2;

    /// <summary>The newest schema version that this reader accepts.</summary>
    public const int NewestVersion = VersionWithoutMajor;

    /// <summary>Prefix of every metadata key.</summary>
    public const string KeyPrefix = "faultrec.";

    /// <summary>Rows of a full row group: a <see cref="FaultBatch"/> of 37 MB, and about 50 MB more while one is written.</summary>
    public const int RowGroupSize = 250_000;

    /// <summary>What a fault has, in file order: the one list that files, `dump`, `query` and data frames go by.</summary>
    public static IReadOnlyList<TraceColumn> Columns => TraceColumns.All;

    /// <summary>The set of columns with these names; unknown names are ignored.</summary>
    public static FaultColumns ColumnsOf(IEnumerable<string> names)
        => names.Aggregate(FaultColumns.None, (columns, name) => columns | (Columns.FirstOrDefault(column => column.Name == name)?.Flag ?? FaultColumns.None));

    /// <summary>Columns of the first files of version 1; what follows may be absent from a file.</summary>
    internal static int OldestColumnCount { get; } = Columns.Count(column => column.Generation == 1);

    private static ParquetSchema Parquet { get; } = Build(Version);

    private static ParquetSchema ParquetWithoutMajor { get; } = Build(VersionWithoutMajor);

    internal static ParquetSchema ParquetOf(int version) => version == VersionWithoutMajor ? ParquetWithoutMajor : Parquet;

    private static ParquetSchema Build(int version)
        => new(Columns.Select(column => (Field)new DataField(column.Name, column.Type, column.IsNullableIn(version))));
}
