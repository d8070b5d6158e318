using System.Globalization;
using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <param name="Malformed">Lines that were not understood; they count as lost faults, since each may have been one.</param>
/// <param name="FirstMalformed">Number of the first of them, from 1.</param>
/// <param name="Lost">Faults that perf itself says it lost.</param>
/// <param name="Others">Samples of other events and records of other kinds, left out.</param>
/// <param name="HasKernelAddresses">Some faults were of kernel mode, and their instruction tells where the kernel's text lies.</param>
public sealed record ImportSummary(long Faults, long Malformed, long FirstMalformed, long Lost, long Others, bool HasKernelAddresses = false);

/// <summary>
/// Makes a trace of the text that perf writes of its minor-faults and major-faults events. What perf does not know is null; nothing
/// says whether it saw every fault, so that the receipt does not call it complete.
/// </summary>
public sealed class PerfScriptImport
{
    /// <summary>Value of <see cref="TraceMetadata.Backend"/>.</summary>
    public const string Backend = "import: perf script";

    /// <summary>What its text is made with.</summary>
    public const string Command = "perf script --header --show-lost-events --show-mmap-events --show-task-events --ns -F comm,pid,tid,cpu,time,event,addr,ip";

    private readonly string _name;
    private readonly TraceWriter _writer;
    private readonly FaultBatch _batch = new(TraceSchema.RowGroupSize);
    private readonly PerfHeader _header = new();
    private readonly PerfMappings _mappings = new();
    private readonly SortedDictionary<int, string> _processes = [];
    private readonly SortedDictionary<(int Pid, int Tid), string> _threads = [];
    private readonly Dictionary<string, string> _comms = [];
    private long? _firstNs;
    private long _lastNs;
    private bool _userOnly = true;
    private long _line;
    private long _withoutRegion;
    private ImportSummary _summary = new(0, 0, 0, 0, 0);

    private PerfScriptImport(string name, Stream output)
    {
        _name = name;
        _writer = new TraceWriter(output);
    }

    /// <param name="name">Of the input, for messages.</param>
    /// <param name="output">Gets the trace; left open.</param>
    /// <exception cref="FaultrecException">No fault in it, faults of unknown severity, or not in order of time.</exception>
    public static ImportSummary Run(TextReader input, string name, string toolVersion, Stream output)
    {
        var import = new PerfScriptImport(name, output);
        while (input.ReadLine() is { } line)
            import.Add(line);
        return import.Complete(toolVersion);
    }

    private void Add(string text)
    {
        _line++;
        if (text.StartsWith('#'))
        {
            _header.Read(text);
            return;
        }

        if (text.AsSpan().Trim().IsEmpty)
            return;
        if (_mappings.Apply(text) is { } isUnderstood)
        {
            if (!isUnderstood)
                _summary = Malformed();
            return;
        }

        var line = PerfScriptLine.Parse(text);
        _summary = line.Kind switch
        {
            // Kernel text is the upper half of the address space.
            PerfLineKind.Fault => _summary with { Faults = _summary.Faults + 1, HasKernelAddresses = _summary.HasKernelAddresses || (long)line.Ip < 0 },
            PerfLineKind.Other => _summary with { Others = _summary.Others + 1 },
            PerfLineKind.Lost => _summary with { Lost = _summary.Lost + line.Lost },
            PerfLineKind.Unsorted => throw Bad($"line {_line} is of the event page-faults, which does not say which faults are major", "record minor-faults,major-faults"),
            _ => Malformed(),
        };
        if (line.Kind == PerfLineKind.Fault)
            Add(line);
    }

    private void Add(in PerfScriptLine line)
    {
        _firstNs ??= line.TimeNs;
        if (line.TimeNs - _firstNs.Value < _lastNs)
            throw Bad($"line {_line} is earlier than a line before it", "expected the order in which perf script prints them");
        _lastNs = line.TimeNs - _firstNs.Value;
        _userOnly &= line.UserOnly;
        if (_batch.Count == _batch.Capacity)
            Flush();
        // A name is kept once, however many faults have it.
        if (!_comms.TryGetValue(line.Comm, out var comm))
            _comms.Add(line.Comm, comm = line.Comm);
        var i = _batch.Count++;
        (_batch.TimeNs[i], _batch.Pid[i], _batch.Tid[i], _batch.Cpu[i], _batch.Comm[i]) = (_lastNs, line.Pid, line.Tid, line.Cpu, comm);
        (_batch.Address[i], _batch.Ip[i], _batch.Major[i]) = ((long)line.Address, (long)line.Ip, line.Major);
        _batch.KernelAccess[i] = (long)line.Ip < 0;
        _batch.Weight[i] = 1;
        _withoutRegion += _mappings.Place(_batch, i) ? 0 : 1;
        _threads[(line.Pid, line.Tid)] = comm;
        if (line.Tid == line.Pid || !_processes.ContainsKey(line.Pid))
            _processes[line.Pid] = comm;
    }

    private ImportSummary Malformed()
        => _summary with { Malformed = _summary.Malformed + 1, FirstMalformed = _summary.Malformed == 0 ? _line : _summary.FirstMalformed };

    private void Flush()
    {
        _writer.WriteRowGroup(_batch);
        _batch.Count = 0;
    }

    private ImportSummary Complete(string toolVersion)
    {
        if (_summary.Faults == 0)
        {
            throw _summary.Malformed > 0
                ? Bad($"no line is a page fault, and line {_summary.FirstMalformed} is not understood", $"expected what `{Command}` prints")
                : Bad("has no page fault", $"expected what `{Command}` prints");
        }

        Flush();
        _writer.Complete(new TraceMetadata
        {
            ToolVersion = toolVersion,
            Command = _header.Command is { } command ? [command] : [],
            Target = "perf record",
            Host = _header.Host ?? "unknown",
            Kernel = _header.Kernel ?? "unknown",
            Arch = _header.Arch ?? "unknown",
            Clock = "perf",
            ClockStartNs = _firstNs!.Value,
            StartedAt = _header.CapturedOn ?? DateTimeOffset.UnixEpoch,
            DurationNs = _lastNs,
            Backend = Backend,
            ExcludeKernel = _userOnly,
            Frames = new FrameRecording(false, "perf script does not print them", 0, null, null),
            Regions = _mappings.Regions(_firstNs.Value),
            Processes = [.. _processes.Select(pair => new ProcessEntry { Pid = pair.Key, Comm = pair.Value })],
            Threads = [.. _threads.Select(pair => new ThreadEntry { Pid = pair.Key.Pid, Tid = pair.Key.Tid, Comm = pair.Value })],
            Receipt = new Receipt
            {
                Events = _summary.Faults,
                Lost = _summary.Lost + _summary.Malformed,
                WithoutRegion = _withoutRegion,
                RegionsFolded = _mappings.Folded,
                RegionsOmitted = _mappings.Omitted,
                EndReason = "imported",
                Complete = false,
            },
        });
        return _summary;
    }

    private FaultrecException Bad(string found, string expected)
        => new(ExitCode.BadInput, string.Create(CultureInfo.InvariantCulture, $"{HostileText.Visible(_name)}: {found}; {expected}"));
}
