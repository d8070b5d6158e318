using Faultrec.Analyzer.Rows;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Dump;

/// <summary>
/// Every record of a trace, in the file's order, as CSV or as JSON lines; columns and their order are the schema's, and behind them the kind.
/// </summary>
internal static class TraceDump
{
    /// <param name="reader">Open; stays open.</param>
    /// <param name="asJson">JSON lines instead of CSV with a header.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public static void Write(TraceReader reader, FaultFilter filter, bool asJson, Stream output)
    {
        var rows = new Utf8Rows(output);
        IRowFormat format = asJson ? new JsonLines(rows) : new CsvLines(rows);
        var fields = new RowFields(format, reader.Metadata.KnowsMajor);
        format.Header();
        TraceScan.RunInOrder(reader, filter, FaultColumns.All, (batch, classifier) => fields.Write(batch, classifier.Verdicts.Kinds));
        rows.Flush();
    }
}
