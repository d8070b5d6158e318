using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Rows;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Library;

/// <summary>Receives a block of faults, which is valid until the call returns.</summary>
/// <param name="batch">Faults of the slice.</param>
/// <param name="verdicts">Severity and kind of each fault.</param>
public delegate void FaultBlock(FaultBatch batch, in Verdicts verdicts);

/// <summary>The faults of a trace that pass a filter, in order of time.</summary>
public sealed class FaultSlice
{
    /// <summary>The largest data frame by default, in bytes (1 GiB).</summary>
    public const long DefaultMaxBytes = 1L << 30;

    private readonly TraceReader _reader;
    private readonly FaultFilter _filter;

    internal FaultSlice(TraceReader reader, FaultFilter filter) => (_reader, _filter) = (reader, filter);

    /// <summary>Streams the slice, one row group at a time, in bounded memory.</summary>
    /// <param name="columns">The columns to read; the others of a batch are stale.</param>
    /// <param name="see">Called for each block, in order of time.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public void ForEach(FaultColumns columns, FaultBlock see)
        => TraceScan.RunInOrder(_reader, _filter, columns, (batch, classifier) => see(batch, classifier.Verdicts));

    /// <summary>Counts the rows of the slice; without a filter this reads no row.</summary>
    public long Count()
    {
        if (_filter.IsEmpty)
            return _reader.RowCount;
        long count = 0;
        ForEach(FaultColumns.None, (batch, in _) => count += batch.Count);
        return count;
    }

    /// <summary>
    /// Reads the slice into a data frame, one row per fault, with the columns of docs/format.md and `kind`. Integers and addresses (as bit
    /// patterns) are Int64 columns, texts are String, the rest Boolean.
    /// </summary>
    /// <param name="columns">Names of the columns, in this order; null for all.</param>
    /// <param name="maxBytes">The largest frame that is allowed, in bytes.</param>
    /// <exception cref="ArgumentException">There is no column with one of the names.</exception>
    /// <exception cref="InvalidOperationException">The frame would exceed <paramref name="maxBytes"/>; the message has its rows and bytes.</exception>
    public DataFrame ToDataFrame(IReadOnlyList<string>? columns = null, long maxBytes = DefaultMaxBytes)
    {
        columns ??= RowFields.Names;
        if (columns.FirstOrDefault(name => !RowFields.Names.Contains(name)) is { } unknown)
            throw new ArgumentException($"A fault has no column '{unknown}'; there are {string.Join(", ", RowFields.Names)}.", nameof(columns));
        var rows = Count();
        var bytes = rows * FaultFrame.BytesPerRow(columns);
        if (bytes > maxBytes)
        {
            throw new InvalidOperationException(
                $"{rows:N0} faults of {columns.Count} columns would take about {bytes:N0} bytes, and {maxBytes:N0} are allowed; "
                + "narrow the filter, name fewer columns, or allow more with maxBytes");
        }

        var frame = new FaultFrame(columns, rows);
        var fields = new RowFields(frame, _reader.Metadata.KnowsMajor);
        ForEach(TraceSchema.ColumnsOf(columns), (batch, in verdicts) =>
        {
            for (var row = 0; row < batch.Count; row++)
                fields.Write(batch, row, verdicts.Kinds[row]);
        });
        return frame.Build();
    }
}
