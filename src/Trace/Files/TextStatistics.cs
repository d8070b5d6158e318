using System.Runtime.CompilerServices;
using Parquet;
using Parquet.Meta;

namespace Faultrec.Traces.Files;

/// <summary>
/// Takes back the minimum and maximum that Parquet.Net 6.1.0 writes for text. It orders UTF-16 units, readers order UTF-8 bytes;
/// with an emoji and a full-width letter in one row group DuckDB then skips rows that a WHERE asks for. One text in all rows is
/// in any order both, and stays: who reads it need not decode the rows. Long ones, stacks, would stand in the footer for each
/// row group.
/// </summary>
internal static class TextStatistics
{
    private const int MaxKeptChars = 64;

    /// <summary>Of the column written last.</summary>
    /// <param name="values">What it holds, without nulls.</param>
    public static void KeepOfOneText(ParquetRowGroupWriter writer, ReadOnlySpan<ReadOnlyMemory<char>> values)
    {
        var statistics = RowGroupOf(writer).Columns[^1].MetaData!.Statistics!;
        // Deprecated since the format has MinValue and MaxValue.
        statistics.Min = statistics.Max = null;
        if (!IsOneShortText(values))
            statistics.MinValue = statistics.MaxValue = null;
    }

    private static bool IsOneShortText(ReadOnlySpan<ReadOnlyMemory<char>> values)
    {
        if (values.IsEmpty || values[0].Length > MaxKeptChars)
            return false;
        var first = values[0];
        foreach (var value in values)
        {
            // Memory is equal when it is the same; most rows share one string.
            if (!value.Equals(first) && !value.Span.SequenceEqual(first.Span))
                return false;
        }

        return true;
    }

    // The library keeps what becomes the footer to itself. A version without this field fails in every test.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_owGroup")]
    private static extern ref RowGroup RowGroupOf(ParquetRowGroupWriter writer);
}
