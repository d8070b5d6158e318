using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Import;

/// <param name="Malformed">Lines that were not understood; they count as lost faults, since each may have been one.</param>
/// <param name="FirstMalformed">Number of the first of them, from 1.</param>
/// <param name="Lost">Faults that perf itself says it lost.</param>
/// <param name="Others">Samples of other events and records of other kinds, left out.</param>
internal sealed record ImportSummary(long Faults, long Malformed, long FirstMalformed, long Lost, long Others)
{
    /// <summary>Some faults or frames were of kernel mode, and their addresses tell where the kernel's text lies.</summary>
    public bool HasKernelAddresses { get; init; }

    /// <summary>What the trace lacks because the text does not have it, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>
/// Makes a trace from the text that perf prints for page-fault events. Values that perf does not know are null. Nothing shows whether perf saw
/// every fault, so the receipt does not call the trace complete.
/// </summary>
internal sealed class PerfScriptImport
{
    /// <summary>What its text is made with.</summary>
    public const string Command = "perf script --header --show-lost-events --show-mmap-events --show-task-events --ns -F comm,pid,tid,cpu,time,event,addr,ip";

    private const string Recording = "perf record -e minor-faults,major-faults -c 1 -d --sample-cpu";

    /// <summary>Fewer characters than a thread, a time, an event and an address need.</summary>
    private const int ShortestLine = 16;

    /// <summary>
    /// So that no name in a line is more than a trace can hold. perf's longest line, an event of the header with an id for each thread and CPU,
    /// has room for 100,000.
    /// </summary>
    private const int MostLineCharacters = TextConverter.MostCharacters;

    /// <summary>Two of them, and the lines of a file, can be added.</summary>
    private const long MostLost = 1L << 60;

    private readonly string _name;
    private readonly PerfHeader _header = new();
    private readonly PerfMappings _mappings = new();
    private readonly PerfRows _rows;
    private readonly List<string> _chain = [];
    private PerfScriptLine? _pending;
    private long _pendingLine;
    private bool _hasChains;
    private bool _isAfterSample;
    private FaultrecException? _firstRefusal;
    private long? _firstNs;
    private long _lastNs;
    private string? _firstEvent;
    private bool _knowsMajor;
    private long _line;
    private ImportSummary _summary = new(0, 0, 0, 0, 0);

    private PerfScriptImport(string name, int mostRows, Stream output)
    {
        _name = name;
        _rows = new PerfRows(output, mostRows, _header, _mappings);
    }

    /// <param name="name">Of the input, for messages.</param>
    /// <param name="output">Gets the trace; left open.</param>
    /// <exception cref="FaultrecException">No fault in it, a field that a trace needs is not printed, or not in order of time.</exception>
    public static ImportSummary Run(TextReader input, string name, string toolVersion, Stream output)
    {
        var import = new PerfScriptImport(name, MostRowsOf(input), output);
        try
        {
            var lines = new LineReader(input, MostLineCharacters, Escape.Visible(name), $"expected what `{Command}` prints");
            while (lines.Next() is { } line)
                import.Add(import._line == 0 ? line.TrimStart('\uFEFF') : line);
            return import.Complete(toolVersion);
        }
        finally
        {
            import._rows.Dispose();
        }
    }

    /// <summary>A row group's, or fewer when no more lines of a fault fit into the file.</summary>
    private static int MostRowsOf(TextReader input)
        => input is StreamReader { BaseStream: { CanSeek: true, Length: var bytes } }
            ? (int)Math.Clamp(bytes / ShortestLine, 1, TraceSchema.RowGroupSize)
            : TraceSchema.RowGroupSize;

    private void Add(string text)
    {
        _line++;
        text = text.TrimEnd('\r');
        if (text.StartsWith('#'))
        {
            _header.Read(text);
            return;
        }

        if (_isAfterSample && PerfStacks.IsFrame(text))
        {
            if (_pending is not null && _chain.Count < FrameNames.MostFrames)
                _chain.Add(text);
            return;
        }

        EndPending();
        if (text.AsSpan().Trim().IsEmpty)
            return;
        _isAfterSample = false;
        if (_mappings.Apply(text) is { } isUnderstood)
        {
            if (!isUnderstood)
                _summary = Malformed(_line);
            return;
        }

        Add(PerfScriptLine.Parse(text));
    }

    private void Add(in PerfScriptLine line)
    {
        _isAfterSample = line.Kind is not (PerfLineKind.Malformed or PerfLineKind.Lost);
        switch (line.Kind)
        {
            case PerfLineKind.Other:
                _summary = _summary with { Others = _summary.Others + 1 };
                break;
            case PerfLineKind.Lost:
                _summary = _summary with { Lost = Math.Min(_summary.Lost + Math.Min(line.Lost, MostLost), MostLost) };
                break;
            case PerfLineKind.Malformed:
                _summary = Malformed(_line);
                break;
            case PerfLineKind.OfPerfTrace:
                throw Bad($"line {_line} is of perf trace, which prints no address (addr) of a fault in a file", $"expected {Recording} … and then {Command}");
            default:
                // The instruction can be the first frame of the chain that follows.
                (_pending, _pendingLine) = (line, _line);
                break;
        }
    }

    private void EndPending()
    {
        if (_pending is not { } line)
            return;
        _pending = null;
        _hasChains |= _chain.Count > 0;
        if (MissingField(line) is { } problem)
        {
            _firstRefusal ??= problem;
            _summary = Malformed(_pendingLine);
            _chain.Clear();
            return;
        }

        RequireOneKindOfEvent(line);
        var weight = WeightOf(line);
        _firstNs ??= line.TimeNs;
        if (line.TimeNs - _firstNs.Value < _lastNs)
        {
            throw Bad($"line {_pendingLine} is earlier than a line before it",
                "expected the order in which perf script prints them, and times since one moment: not --deltatime");
        }

        _lastNs = line.TimeNs - _firstNs.Value;
        // Kernel text is the upper half of the address space.
        var hasKernelAddresses = _summary.HasKernelAddresses || (long)(line.Ip ?? 0) < 0 || _chain.Any(frame => (long)(PerfStacks.IpOf(frame) ?? 0) < 0);
        _rows.Add(line, _lastNs, weight, _knowsMajor, _chain);
        _chain.Clear();
        _summary = _summary with { Faults = _summary.Faults + 1, HasKernelAddresses = hasKernelAddresses };
    }

    /// <returns>Why a text is refused if all of its faults are like this one; null: no field is missing.</returns>
    private FaultrecException? MissingField(in PerfScriptLine line) => line.Kind switch
    {
        PerfLineKind.WithoutAddress
            => Bad($"line {_pendingLine} has no address (field addr)", $"expected perf script -F +addr, of a recording with -d: {Recording}"),
        PerfLineKind.WithoutIp when !_hasChains => Bad($"line {_pendingLine} has no instruction (field ip)", "expected perf script -F +ip"),
        _ => null,
    };

    /// <summary>page-faults counts the faults of minor-faults and major-faults, too, and a tracepoint those of all three.</summary>
    private void RequireOneKindOfEvent(in PerfScriptLine line)
    {
        var knowsMajor = line.Major is not null;
        if (_firstEvent is null)
        {
            (_firstEvent, _knowsMajor) = (line.Event, knowsMajor);
        }
        else if (knowsMajor != _knowsMajor
            || (!knowsMajor && PerfEvents.KindOf(line.Event) == PerfEventKind.Any != (PerfEvents.KindOf(_firstEvent) == PerfEventKind.Any)))
        {
            throw Bad($"has events {_firstEvent} and {line.Event}, which count the same faults twice",
                $"expected the events of one of them, as of {Recording}");
        }
    }

    /// <returns>The faults that the sample stands for.</returns>
    private long WeightOf(in PerfScriptLine line)
    {
        if (line.Period is { } period)
            return Math.Max(period, 1);
        if (!_header.Events.TryGetValue(line.Event, out var sampling))
            return 1;
        if (sampling.IsFrequency)
        {
            throw Bad(
                $"perf sampled {line.Event} (-F {sampling.Value}, its default), "
                + "and the text does not say how many faults each sample stands for (field period)",
                $"expected perf script -F +period, or a recording of every fault: {Recording}");
        }

        return Math.Max(sampling.Value, 1);
    }

    private ImportSummary Malformed(long line)
        => _summary with { Malformed = _summary.Malformed + 1, FirstMalformed = _summary.Malformed == 0 ? line : _summary.FirstMalformed };

    private ImportSummary Complete(string toolVersion)
    {
        EndPending();
        if (_summary.Faults == 0)
        {
            throw _firstRefusal ?? (_summary.Malformed > 0
                ? Bad($"no line is a page fault, and line {_summary.FirstMalformed} is not understood", $"expected what `{Command}` prints")
                : Bad("has no page fault", $"expected what `{Command}` prints"));
        }

        _rows.Complete(toolVersion, _firstNs!.Value, _lastNs, _summary);
        return _summary with { Notes = [.. Notes()] };
    }

    private IEnumerable<string> Notes()
    {
        if (!_knowsMajor)
            yield return $"{_firstEvent} does not say which faults were major or which failed: the kernel counts it when a fault begins";
        else if (_header.Events.Count > 0 && !_header.Events.Keys.Any(name => PerfEvents.KindOf(name) == PerfEventKind.Major))
            yield return "major faults were not recorded: the header has no event major-faults";
        else if (_header.Events.Count > 0 && !_header.Events.Keys.Any(name => PerfEvents.KindOf(name) == PerfEventKind.Minor))
            yield return "minor faults were not recorded: the header has no event minor-faults";
        if (_rows.IsSample)
            yield return "perf sampled the faults; each row stands for as many faults as its period says";
        if (_rows.WithoutPid > 0)
        {
            yield return $"{Units.Of(_rows.WithoutPid, "fault")} of threads whose process (field pid) is not in the text: "
                + "process 0; perf script -F +pid prints it";
        }

        if (_rows.WithoutCpu)
            yield return "the text has no CPU (field cpu): it is -1 in every row";
    }

    private FaultrecException Bad(string found, string expected)
        => new(ExitCode.BadInput, string.Create(CultureInfo.InvariantCulture, $"{Escape.Visible(_name)}: {found}; {expected}"));
}
