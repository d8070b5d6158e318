using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Library;

/// <summary>Looks at a block of faults: they are valid until it returns.</summary>
/// <param name="batch">Only faults of the slice.</param>
/// <param name="verdicts">Severity and kind of each.</param>
public delegate void FaultBlock(FaultBatch batch, in Verdicts verdicts);

/// <summary>The faults of a trace that pass a filter, in order of time.</summary>
public sealed class FaultSlice
{
    /// <summary>What a data frame may take unless the caller says otherwise.</summary>
    public const long DefaultMaxBytes = 1L << 30;

    private readonly TraceReader _reader;
    private readonly FaultFilter _filter;

    internal FaultSlice(TraceReader reader, FaultFilter filter) => (_reader, _filter) = (reader, filter);

    /// <summary>Streams the slice, a row group at a time, in bounded memory.</summary>
    /// <param name="columns">To read; the others of a batch are stale.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public void ForEach(FaultColumns columns, FaultBlock see)
        => OrderedScan.Run(_reader, _filter, columns, (batch, judge) => see(batch, judge.Verdicts));

    /// <summary>Faults of the slice.</summary>
    public long Count()
    {
        if (_filter.IsEmpty)
            return _reader.RowCount;
        long count = 0;
        ForEach(FaultColumns.None, (batch, in _) => count += batch.Count);
        return count;
    }

    /// <summary>
    /// The slice as a data frame: a row a fault, the columns of docs/format.md and `kind`. Integers and addresses (as bit patterns) are
    /// Int64 columns, texts String, the rest Boolean.
    /// </summary>
    /// <param name="columns">Names of those to keep, in this order; none: all.</param>
    /// <exception cref="ArgumentException">A column has another name.</exception>
    /// <exception cref="InvalidOperationException">It would take more than <paramref name="maxBytes"/>: says how many rows and bytes.</exception>
    public DataFrame ToDataFrame(IReadOnlyList<string>? columns = null, long maxBytes = DefaultMaxBytes)
    {
        columns ??= DumpFields.Names;
        if (columns.FirstOrDefault(name => !DumpFields.Names.Contains(name)) is { } unknown)
            throw new ArgumentException($"A fault has no column '{unknown}'; there are {string.Join(", ", DumpFields.Names)}.", nameof(columns));
        var rows = Count();
        var bytes = rows * FaultFrame.BytesPerRow(columns);
        if (bytes > maxBytes)
        {
            throw new InvalidOperationException(
                $"{rows:N0} faults of {columns.Count} columns would take about {bytes:N0} bytes, and {maxBytes:N0} are allowed; narrow the filter, name fewer columns, or allow more with maxBytes");
        }
        var frame = new FaultFrame(columns, rows);
        var fields = new DumpFields(frame, _reader.Metadata.KnowsMajor);
        ForEach(TraceSchema.ColumnsOf(columns), (batch, in verdicts) =>
        {
            for (var row = 0; row < batch.Count; row++)
                fields.Write(batch, row, verdicts.Kinds[row]);
        });
        return frame.Build();
    }
}
