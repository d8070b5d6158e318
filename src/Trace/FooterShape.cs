namespace Faultrec.Traces;

/// <summary>Thrift compact-protocol wire types.</summary>
internal enum WireType : byte
{
    Stop = 0,
    True = 1,
    False = 2,
    Byte = 3,
    I16 = 4,
    I32 = 5,
    I64 = 6,
    Double = 7,
    Binary = 8,
    List = 9,
    Set = 10,
    Map = 11,
    Struct = 12,
}

/// <param name="Type"><see cref="WireType.True"/> stands for a boolean, whose value is in the type.</param>
internal sealed record FooterField(WireType Type, WireType ItemType = WireType.Stop, FooterShape? Item = null);

/// <summary>The structs of parquet.thrift that a trace's footer can hold, by field id.</summary>
internal sealed class FooterShape
{
    private static FooterField Bool { get; } = new(WireType.True);
    private static FooterField Byte { get; } = new(WireType.Byte);
    private static FooterField I16 { get; } = new(WireType.I16);
    private static FooterField I32 { get; } = new(WireType.I32);
    private static FooterField I64 { get; } = new(WireType.I64);
    private static FooterField Binary { get; } = new(WireType.Binary);
    private static FooterField I32List { get; } = new(WireType.List, WireType.I32);
    private static FooterField I64List { get; } = new(WireType.List, WireType.I64);
    private static FooterField BinaryList { get; } = new(WireType.List, WireType.Binary);

    private static FooterShape Empty { get; } = new("marker", []);
    private static FooterShape TimeUnit { get; } = new("TimeUnit", [(1, Struct(Empty)), (2, Struct(Empty)), (3, Struct(Empty))]);
    private static FooterShape Decimal { get; } = new("DecimalType", [(1, I32), (2, I32)]);
    private static FooterShape Time { get; } = new("TimeType", [(1, Bool), (2, Struct(TimeUnit))]);
    private static FooterShape Integer { get; } = new("IntType", [(1, Byte), (2, Bool)]);

    private static FooterShape LogicalType { get; } = new("LogicalType",
    [
        (1, Struct(Empty)), (2, Struct(Empty)), (3, Struct(Empty)), (4, Struct(Empty)), (5, Struct(Decimal)), (6, Struct(Empty)),
        (7, Struct(Time)), (8, Struct(Time)), (10, Struct(Integer)), (11, Struct(Empty)), (12, Struct(Empty)),
        (13, Struct(Empty)), (14, Struct(Empty)), (15, Struct(Empty)),
    ]);

    public static FooterShape SchemaElement { get; } = new("SchemaElement",
    [
        (1, I32), (2, I32), (3, I32), (4, Binary), (5, I32), (6, I32), (7, I32), (8, I32), (9, I32), (10, Struct(LogicalType)),
    ]);

    public static FooterShape KeyValue { get; } = new("KeyValue", [(1, Binary), (2, Binary)]);

    private static FooterShape Statistics { get; } = new("Statistics",
        [(1, Binary), (2, Binary), (3, I64), (4, I64), (5, Binary), (6, Binary), (7, Bool), (8, Bool)]);

    private static FooterShape PageEncodingStats { get; } = new("PageEncodingStats", [(1, I32), (2, I32), (3, I32)]);

    private static FooterShape SizeStatistics { get; } = new("SizeStatistics", [(1, I64), (2, I64List), (3, I64List)]);

    private static FooterShape ColumnMetaData { get; } = new("ColumnMetaData",
    [
        (1, I32), (2, I32List), (3, BinaryList), (4, I32), (5, I64), (6, I64), (7, I64), (8, ListOf(KeyValue)), (9, I64), (10, I64),
        (11, I64), (12, Struct(Statistics)), (13, ListOf(PageEncodingStats)), (14, I64), (15, I32), (16, Struct(SizeStatistics)),
    ]);

    private static FooterShape ColumnChunk { get; } = new("ColumnChunk",
        [(1, Binary), (2, I64), (3, Struct(ColumnMetaData)), (4, I64), (5, I32), (6, I64), (7, I32)]);

    private static FooterShape SortingColumn { get; } = new("SortingColumn", [(1, I32), (2, Bool), (3, Bool)]);

    private static FooterShape RowGroup { get; } = new("RowGroup",
        [(1, ListOf(ColumnChunk)), (2, I64), (3, I64), (4, ListOf(SortingColumn)), (5, I64), (6, I64), (7, I16)]);

    private static FooterShape ColumnOrder { get; } = new("ColumnOrder", [(1, Struct(Empty))]);

    public static FooterShape FileMetaData { get; } = new("FileMetaData",
    [
        (1, I32), (2, ListOf(SchemaElement)), (3, I64), (4, ListOf(RowGroup)), (5, ListOf(KeyValue)), (6, Binary),
        (7, ListOf(ColumnOrder)),
    ]);

    private readonly FooterField?[] _fields;

    private FooterShape(string name, (int Id, FooterField Field)[] fields)
    {
        Name = name;
        _fields = new FooterField?[fields.Length == 0 ? 0 : fields[^1].Id + 1];
        foreach (var (id, field) in fields)
            _fields[id] = field;
    }

    public string Name { get; }

    /// <returns>Null for an id that this struct does not have.</returns>
    public FooterField? Find(int id) => id >= 0 && id < _fields.Length ? _fields[id] : null;

    private static FooterField Struct(FooterShape shape) => new(WireType.Struct, WireType.Stop, shape);

    private static FooterField ListOf(FooterShape shape) => new(WireType.List, WireType.Struct, shape);
}
