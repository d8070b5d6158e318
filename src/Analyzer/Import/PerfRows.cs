using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Import;

/// <summary>The rows and the metadata of a trace that is made from perf's text.</summary>
/// <param name="mostRows">Most rows in a row group.</param>
internal sealed class PerfRows(Stream output, int mostRows, PerfHeader header, PerfMappings mappings) : IDisposable
{
    private const int Unknown = -1;

    /// <summary>Process of a thread whose process is not in the text.</summary>
    private const int NoProcess = 0;

    private readonly FaultBatch _batch = new(mostRows);
    private readonly PerfStacks _stacks = new();
    private readonly SortedDictionary<int, string> _processes = [];
    private readonly SortedDictionary<(int Pid, int Tid), string> _threads = [];
    private readonly Dictionary<string, string> _comms = [];
    private TraceWriter? _writer;
    private bool _userOnly = true;
    private long _withoutRegion;
    private long _maxWeight = 1;
    private long _minWeight = long.MaxValue;

    /// <summary>Faults whose process is not known.</summary>
    public long WithoutPid { get; private set; }

    public bool WithoutCpu { get; private set; }

    /// <summary>A row stands for more than one fault, or could according to the header.</summary>
    public bool IsSample => _maxWeight > 1 || Frequency is not null;

    private long? Frequency
        => header.Events.Where(event_ => event_.Value.IsFrequency && PerfEvents.KindOf(event_.Key) != PerfEventKind.Other)
            .Select(event_ => (long?)event_.Value.Value).FirstOrDefault();

    /// <param name="timeNs">Since the first fault.</param>
    /// <param name="knowsMajor">The same in every call.</param>
    /// <param name="chain">Lines of its call chain; empty: it has none.</param>
    public void Add(in PerfScriptLine line, long timeNs, long weight, bool knowsMajor, IReadOnlyList<string> chain)
    {
        _writer ??= new TraceWriter(output, knowsMajor);
        if (_batch.Count == _batch.Capacity)
            Flush();
        var i = _batch.Count++;
        var pid = line.Pid ?? mappings.ProcessOf(line.Tid) ?? NoProcess;
        var comm = NameOf(line);
        (_batch.TimeNs[i], _batch.Pid[i], _batch.Tid[i], _batch.Cpu[i], _batch.Comm[i]) = (timeNs, pid, line.Tid, line.Cpu ?? Unknown, comm);
        var ip = line.Ip ?? (chain.Count > 0 ? PerfStacks.IpOf(chain[0]) : null);
        (_batch.Address[i], _batch.Ip[i], _batch.Major[i]) = ((long)line.Address, (long)(ip ?? 0), line.Major == true);
        // Kernel text is the upper half of the address space.
        _batch.KernelAccess[i] = line.IsOfKernel || (ip is { } known && (long)known < 0);
        SetAccess(i, line);
        _batch.Weight[i] = (int)Math.Clamp(weight, 1, int.MaxValue);
        (_maxWeight, _minWeight) = (Math.Max(_maxWeight, weight), Math.Min(_minWeight, weight));
        (_batch.StackId[i], _batch.Stack[i]) = (FaultBatch.Null, null);
        if (chain.Count > 0)
            _stacks.Set(_batch, i, chain);
        _withoutRegion += mappings.Place(_batch, i) ? 0 : 1;
        _userOnly &= line.UserOnly;
        WithoutPid += pid == NoProcess ? 1 : 0;
        WithoutCpu |= line.Cpu is null;
        _threads[(pid, line.Tid)] = comm;
        if (line.Tid == pid || !_processes.ContainsKey(pid))
            _processes[pid] = pid == NoProcess ? "" : comm;
    }

    public void Complete(string toolVersion, long startNs, long durationNs, ImportSummary summary)
    {
        Flush();
        _writer!.Complete(new TraceMetadata
        {
            ToolVersion = toolVersion,
            Command = header.Command is { } command ? [command] : [],
            Target = "perf record",
            Host = header.Host ?? "unknown",
            Kernel = header.Kernel ?? "unknown",
            Arch = header.Arch ?? "unknown",
            Clock = "perf",
            ClockStartNs = startNs,
            StartedAt = header.CapturedOn ?? DateTimeOffset.UnixEpoch,
            DurationNs = durationNs,
            Backend = Backend.PerfScript,
            ExcludeKernel = _userOnly,
            // A fixed period is the same in every row; at a frequency it is not.
            Sampling = !IsSample ? null
                : Frequency is null && _minWeight == _maxWeight ? new Sampling((int)Math.Min(_maxWeight, int.MaxValue), null, false)
                : new Sampling(1, Frequency, true),
            PageTable = new PageTableRecording(false, "perf script does not print them", 0, null, null),
            Regions = mappings.Regions(startNs),
            Processes = [.. _processes.Select(pair => new ProcessEntry { Pid = pair.Key, Comm = pair.Value })],
            Threads = [.. _threads.Select(pair => new ThreadEntry { Pid = pair.Key.Pid, Tid = pair.Key.Tid, Comm = pair.Value })],
            StackRecording = _stacks.Recording,
            Stacks = _stacks.Table,
            Receipt = new Receipt
            {
                Events = summary.Faults,
                Lost = summary.Lost + summary.Malformed,
                WithoutRegion = _withoutRegion,
                RegionsFolded = mappings.Folded,
                RegionsOmitted = mappings.Omitted,
                EndReason = "imported",
                Complete = false,
            },
        });
    }

    public void Dispose() => _writer?.Dispose();

    private void Flush()
    {
        _writer!.WriteRowGroup(_batch);
        _batch.Count = 0;
    }

    // Blanks at its ends cannot be distinguished from perf's padding, except in perf's record of the name. A name is stored once for all faults.
    private string NameOf(in PerfScriptLine line)
    {
        var name = mappings.NameOf(line.Tid) is { } told && told.AsSpan().Trim().SequenceEqual(line.Comm.AsSpan().Trim()) ? told : line.Comm;
        if (!_comms.TryGetValue(name, out var comm))
            _comms.Add(name, comm = name);
        return comm;
    }

    private void SetAccess(int i, in PerfScriptLine line)
    {
        (_batch.ErrorCode[i], _batch.Access[i]) = (FaultBatch.Null, FaultAccess.Unknown);
        if (line.ErrorCode is not { } code)
            return;
        // RISC-V: the cause, 12 instruction, 13 load, 15 store page fault (scause); x86 has no such error codes, but for damaged page tables.
        if (header.Arch == "riscv64" || (header.Arch is null && code is 12 or 13 or 15))
        {
            _batch.Access[i] = code switch { 12 => FaultAccess.Exec, 13 => FaultAccess.Read, 15 => FaultAccess.Write, _ => FaultAccess.Unknown };
            return;
        }

        const long write = 2, fetch = 16; // arch/x86/include/asm/trap_pf.h
        if (header.Arch is not (null or "x86_64" or "i686"))
            return;
        _batch.ErrorCode[i] = (int)(code & int.MaxValue);
        _batch.Access[i] = (code & write) != 0 ? FaultAccess.Write : (code & fetch) != 0 ? FaultAccess.Exec : FaultAccess.Read;
    }
}
