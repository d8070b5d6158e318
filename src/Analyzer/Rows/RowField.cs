using System.Numerics;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Rows;

/// <summary>One column of the trace on its way into a line or a data frame.</summary>
/// <param name="index">Of <see cref="TraceSchema.Columns"/>.</param>
internal abstract class RowField(int index)
{
    public int Index { get; } = index;

    /// <summary>Sets the batch of the following rows.</summary>
    /// <returns>False: all of them are null.</returns>
    public abstract bool Begin(FaultBatch batch);

    public abstract void Write(IRowFormat format, int row);

    /// <param name="knowsMajor">False: the trace does not say which faults were major.</param>
    public static RowField[] OfTrace(bool knowsMajor)
    {
        var maker = new Maker(knowsMajor);
        foreach (var column in TraceSchema.Columns)
            column.Accept(maker);
        return [.. maker.Fields];
    }

    private sealed class Maker(bool knowsMajor) : IColumnVisitor
    {
        public List<RowField> Fields { get; } = [];

        public void Number<T>(NumberColumn<T> column)
            where T : unmanaged, IBinaryInteger<T>
            => Fields.Add(new NumberField<T>(Fields.Count, column));

        public void Flag(FlagColumn column)
            => Fields.Add(column.IsUnknownWithoutMajor && !knowsMajor ? new UnknownField(Fields.Count) : new FlagField(Fields.Count, column));

        public void Text(TextColumn column) => Fields.Add(new TextField(Fields.Count, column));

        public void Access(AccessColumn column) => Fields.Add(new AccessField(Fields.Count, column));
    }

    private abstract class Field<T>(int index, TraceColumn<T> column) : RowField(index)
    {
        protected T[] Values { get; private set; } = [];

        public override bool Begin(FaultBatch batch)
        {
            Values = column.Of(batch);
            return true;
        }
    }

    private sealed class NumberField<T>(int index, NumberColumn<T> column) : Field<T>(index, column)
        where T : unmanaged, IBinaryInteger<T>
    {
        private readonly bool _isNullable = column.IsNullable;
        private readonly T _none = column.None ?? default;
        private readonly bool _isHexadecimal = column.IsHexadecimal;

        public override bool Begin(FaultBatch batch) => base.Begin(batch) && (!_isNullable || Values.AsSpan(0, batch.Count).ContainsAnyExcept(_none));

        public override void Write(IRowFormat format, int row)
        {
            var value = Values[row];
            if (_isNullable && value == _none)
                format.Null(Index);
            else if (_isHexadecimal)
                format.Hex(Index, ulong.CreateTruncating(value));
            else
                format.Number(Index, long.CreateTruncating(value));
        }
    }

    private sealed class FlagField(int index, FlagColumn column) : Field<bool>(index, column)
    {
        public override void Write(IRowFormat format, int row) => format.Bool(Index, Values[row]);
    }

    private sealed class UnknownField(int index) : RowField(index)
    {
        public override bool Begin(FaultBatch batch) => false;

        public override void Write(IRowFormat format, int row) => format.Null(Index);
    }

    private sealed class TextField(int index, TextColumn column) : Field<string?>(index, column)
    {
        public override bool Begin(FaultBatch batch) => base.Begin(batch) && Values.AsSpan(0, batch.Count).ContainsAnyExcept((string?)null);

        public override void Write(IRowFormat format, int row)
        {
            if (Values[row] is { } text)
                format.Text(Index, text);
            else
                format.Null(Index);
        }
    }

    private sealed class AccessField(int index, AccessColumn column) : Field<FaultAccess>(index, column)
    {
        public override void Write(IRowFormat format, int row)
        {
            if (Values[row] == FaultAccess.Unknown)
                format.Null(Index);
            else
                format.Text(Index, AccessColumn.Words[(int)Values[row]]);
        }
    }
}
