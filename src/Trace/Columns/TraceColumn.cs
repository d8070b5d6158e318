using System.Globalization;
using System.Numerics;
using Parquet;

namespace Faultrec.Traces.Columns;

/// <summary>
/// All that is to be known of one column of the trace. Whoever deals with every column (the file, `dump`, `query`, docs/format.md) goes
/// through <see cref="TraceSchema.Columns"/> and asks each.
/// </summary>
public abstract class TraceColumn
{
    private protected TraceColumn(FaultColumns flag, string name, Type type, ColumnStorage storage, RedactionRule redaction)
    {
        Flag = flag;
        Name = name;
        Type = type;
        Storage = storage;
        Redaction = redaction;
    }

    /// <summary>The column's one bit: that of its position in the file.</summary>
    public FaultColumns Flag { get; }

    /// <summary>As the file, `dump` and `query` spell it.</summary>
    public string Name { get; }

    /// <summary>Type of the values in the file: long, int, sbyte, bool or string.</summary>
    public Type Type { get; }

    /// <summary>A row may have no value.</summary>
    public abstract bool IsNullable { get; }

    /// <summary>What a value says, in a line, with the unit, and what null means where it can be.</summary>
    public required string Meaning { get; init; }

    /// <summary>Unit of the values, as docs/format.md has it; empty: they have none.</summary>
    public string Unit { get; init; } = "";

    /// <summary>What a value says, as docs/format.md has it.</summary>
    public required string Description { get; init; }

    /// <summary>When a row has no value, as docs/format.md has it; empty: see <see cref="Description"/>, or never.</summary>
    public string NullMeaning { get; init; } = "";

    /// <summary>
    /// Since when the column exists. Columns are only ever appended: a file of generation N has those of N and of all before it, and 1 is
    /// that of the first files of version 1.
    /// </summary>
    public int Generation { get; init; } = 1;

    /// <summary>What the rows of a file from before the column have, as SQL writes it; null: no value.</summary>
    public virtual string? AbsentValue => null;

    /// <summary>What becomes of it when a trace is made fit to be given away.</summary>
    public RedactionRule Redaction { get; }

    internal ColumnStorage Storage { get; }

    /// <summary>The same as <see cref="IsNullable"/>, in a file of that schema version.</summary>
    internal virtual bool IsNullableIn(int version) => IsNullable;

    internal abstract void Accept(IColumnVisitor visitor);
}

/// <summary>How a column is stored.</summary>
internal readonly record struct ColumnStorage(EncodingHint Encoding, CompressionMethod Codec);

/// <summary>What is done with each kind of column.</summary>
internal interface IColumnVisitor
{
    void Number<T>(NumberColumn<T> column)
        where T : unmanaged, IBinaryInteger<T>;

    void Flag(FlagColumn column);

    void Text(TextColumn column);

    void Access(AccessColumn column);
}

/// <typeparam name="T">Of the batch's array.</typeparam>
public abstract class TraceColumn<T> : TraceColumn
{
    private readonly Func<FaultBatch, T[]> _of;

    private protected TraceColumn(FaultColumns flag, string name, Type type, Func<FaultBatch, T[]> of, ColumnStorage storage, RedactionRule redaction)
        : base(flag, name, type, storage, redaction)
        => _of = of;

    /// <summary>The column's array in a batch.</summary>
    public T[] Of(FaultBatch batch) => _of(batch);
}

internal sealed class NumberColumn<T>(FaultColumns flag, string name, Func<FaultBatch, T[]> of, ColumnStorage storage, RedactionRule redaction)
    : TraceColumn<T>(flag, name, typeof(T), of, storage, redaction)
    where T : unmanaged, IBinaryInteger<T>
{
    /// <summary>What stands for null in a batch; null: every row has a value.</summary>
    public T? None { get; init; }

    /// <summary>What the rows of a file from before the column have.</summary>
    public T Absent
    {
        get => None ?? field;
        init;
    }

    /// <summary>Bits of an unsigned number that people read in hexadecimal: an address, a page-table entry.</summary>
    public bool IsHexadecimal { get; init; }

    public override bool IsNullable => None is not null;

    public override string? AbsentValue => IsNullable ? null : Absent.ToString(null, CultureInfo.InvariantCulture);

    internal override void Accept(IColumnVisitor visitor) => visitor.Number(this);
}

/// <summary>False in the rows of a file from before the column.</summary>
internal sealed class FlagColumn(FaultColumns flag, string name, Func<FaultBatch, bool[]> of, ColumnStorage storage, RedactionRule redaction)
    : TraceColumn<bool>(flag, name, typeof(bool), of, storage, redaction)
{
    /// <summary>Null in every row of a file of <see cref="TraceSchema.VersionWithoutMajor"/>; in a batch it is false.</summary>
    public bool IsUnknownWithoutMajor { get; init; }

    public override bool IsNullable => false;

    public override string? AbsentValue => "false";

    internal override bool IsNullableIn(int version) => IsUnknownWithoutMajor && version == TraceSchema.VersionWithoutMajor;

    internal override void Accept(IColumnVisitor visitor) => visitor.Flag(this);
}

internal sealed class TextColumn(FaultColumns flag, string name, Func<FaultBatch, string?[]> of, ColumnStorage storage, RedactionRule redaction)
    : TraceColumn<string?>(flag, name, typeof(string), of, storage, redaction)
{
    /// <summary>A row may have no text.</summary>
    public bool IsOptional { get; init; }

    public override bool IsNullable => IsOptional;

    internal override void Accept(IColumnVisitor visitor) => visitor.Text(this);
}

/// <summary>Words in the file, null for <see cref="FaultAccess.Unknown"/>.</summary>
internal sealed class AccessColumn(FaultColumns flag, string name, Func<FaultBatch, FaultAccess[]> of, ColumnStorage storage, RedactionRule redaction)
    : TraceColumn<FaultAccess>(flag, name, typeof(string), of, storage, redaction)
{
    /// <summary>By the number of the access.</summary>
    public static IReadOnlyList<string> Words { get; } = ["read", "write", "exec"];

    public override bool IsNullable => true;

    internal override void Accept(IColumnVisitor visitor) => visitor.Access(this);
}
