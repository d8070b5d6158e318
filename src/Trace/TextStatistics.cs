using System.Runtime.CompilerServices;
using Parquet;
using Parquet.Meta;

namespace Faultrec.Traces;

/// <summary>
/// Takes back the minimum and maximum that Parquet.Net 6.1.0 writes for text. It orders UTF-16 units, readers order UTF-8 bytes;
/// with an emoji and a full-width letter in one row group DuckDB then skips rows that a WHERE asks for. A long stack would also
/// stand in the footer four times for each row group.
/// </summary>
internal static class TextStatistics
{
    /// <summary>Of the column written last.</summary>
    public static void Remove(ParquetRowGroupWriter writer)
    {
        var statistics = RowGroupOf(writer).Columns[^1].MetaData!.Statistics!;
        statistics.Min = statistics.MinValue = null;
        statistics.Max = statistics.MaxValue = null;
    }

    // The library keeps what becomes the footer to itself. A version without this field fails in every test.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_owGroup")]
    private static extern ref RowGroup RowGroupOf(ParquetRowGroupWriter writer);
}
