using System.Text;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Live;

/// <summary>Columns and lines of the terminal that a summary is refreshed in.</summary>
internal readonly record struct TerminalSize(int Columns, int Lines);

/// <summary>Which processes fault now: one block of text per interval, and the sum at the end. On a terminal each block replaces the last.</summary>
internal sealed class LiveSummary : ILiveText
{
    private readonly LiveFilter _filter;
    private readonly long _intervalNs;
    private readonly Stream _output;
    private readonly SummaryText _text;
    private readonly Func<TerminalSize>? _terminal;
    private readonly LoadOrder _order;
    private readonly LoadTable _total;
    private LoadTable _now;
    private long _fromNs;
    private long _notShown;
    private long _lost;
    private long _totalNotShown;
    private long _totalLost;
    private int _linesOnTerminal;

    /// <param name="top">Processes per block; 0: all.</param>
    /// <param name="terminal">Called before each block; null: the output is not a terminal, and gets no escapes.</param>
    public LiveSummary(
        FaultFilter filter, TraceMetadata metadata, long intervalNs, int top, LoadOrder order, Stream output, Func<TerminalSize>? terminal,
        TextStyle style)
    {
        _order = order;
        (_total, _now) = (new LoadTable(order), new LoadTable(order));
        _filter = new LiveFilter(filter, metadata);
        _intervalNs = intervalNs;
        _output = output;
        _terminal = terminal;
        _text = new SummaryText(top, style);
    }

    public long Matched => _total.Rows + _now.Rows;

    public void Write(FaultBatch faults)
    {
        var keep = _filter.Mark(faults);
        var severities = _filter.Severities;
        for (var row = 0; row < keep.Length; row++)
        {
            if (faults.TimeNs[row] >= _fromNs + _intervalNs)
                Advance(faults.TimeNs[row]);
            if (keep[row])
                _now.Add(faults, row, severities[row]);
        }
    }

    public void Missed(long notShown, long lost)
    {
        _notShown += notShown;
        _lost += lost;
    }

    public void Advance(long reachedNs)
    {
        if (reachedNs < _fromNs + _intervalNs)
            return;
        EndInterval(_fromNs + _intervalNs);
        // Of several empty intervals only the first is shown.
        _fromNs += (reachedNs - _fromNs) / _intervalNs * _intervalNs;
    }

    public void End(long endNs)
    {
        Advance(endNs);
        if (endNs > _fromNs || _now.Faults > 0)
            EndInterval(endNs);
        var block = _text.Total(_total, endNs, _totalNotShown, _totalLost, _terminal?.Invoke());
        Print(block);
    }

    private void EndInterval(long toNs)
    {
        Print(_text.Interval(_now, _fromNs, toNs, _notShown, _lost, _terminal?.Invoke()));
        _total.Merge(_now);
        _totalNotShown += _notShown;
        _totalLost += _lost;
        (_now, _notShown, _lost) = (new LoadTable(_order), 0, 0);
    }

    private void Print(string block)
    {
        if (_terminal is not null)
        {
            var erase = _linesOnTerminal > 0 ? TerminalCode.EraseLines(_linesOnTerminal) : "";
            _linesOnTerminal = block.AsSpan().Count('\n');
            block = erase + block;
        }

        _output.Write(Encoding.UTF8.GetBytes(block));
    }
}
