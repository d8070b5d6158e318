using System.Globalization;
using System.Text;
using Faultrec.Analyzer.Rows;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Live;

/// <summary>One line per fault as it happens: text in columns, or the objects of `dump --format json`.</summary>
internal sealed class LiveLines : ILiveText
{
    private readonly LiveFilter _filter;
    private readonly Utf8Rows _rows;
    private readonly FaultLine? _text;
    private readonly RowFields? _json;
    private bool _hasHeader;

    /// <param name="metadata">What is known at the start.</param>
    public LiveLines(FaultFilter filter, TraceMetadata metadata, bool asJson, Stream output, TextStyle style)
    {
        _filter = new LiveFilter(filter, metadata);
        _rows = new Utf8Rows(output);
        if (asJson)
            _json = new RowFields(new JsonLines(_rows), knowsMajor: true);
        else
            _text = new FaultLine(_rows, metadata, style);
    }

    public long Matched { get; private set; }

    public void Write(FaultBatch faults)
    {
        WriteHeader();
        var keep = _filter.Mark(faults);
        var severities = _filter.Severities;
        for (var row = 0; row < keep.Length; row++)
        {
            if (!keep[row])
                continue;
            Matched++;
            if (_text is not null)
                _text.Write(faults, row, severities[row]);
            else
                _json!.Write(faults, row, null);
        }

        _rows.Flush();
    }

    public void Missed(long notShown, long lost)
    {
        WriteHeader();
        if (notShown > 0)
            Say(_text is not null ? $"… {Units.Of(notShown, "fault")} not shown: the reader is slow" : Object("lost_lines", notShown));
        if (lost > 0)
            Say(_text is not null ? $"… {Units.Of(lost, "fault")} lost: the probes' ring was full" : Object("lost_faults", lost));
        _rows.Flush();
    }

    public void Advance(long reachedNs)
    {
        // Lines are written as soon as they are made.
    }

    public void End(long endNs)
    {
        WriteHeader();
        _rows.Flush();
    }

    private void WriteHeader()
    {
        if (!_hasHeader)
            _text?.Header();
        _hasHeader = true;
    }

    private void Say(string line) => _rows.Bytes(Encoding.UTF8.GetBytes(line + "\n"));

    private static string Object(string key, long value) => string.Create(CultureInfo.InvariantCulture, $"{{\"{key}\":{value}}}");
}
