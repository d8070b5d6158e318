using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Export;

/// <summary>
/// A Perfetto trace: one sample per fault, as traced_perf writes samples of a counter, with the fault's own time (CLOCK_MONOTONIC). Field
/// numbers are those of google/perfetto, protos/perfetto/trace. It is written while the trace is read: a frame is named at its first use.
/// </summary>
internal sealed class PerfettoExport : IDisposable
{
    private const int Monotonic = 3;
    private const int Realtime = 1;
    private const int PageFaults = 2;
    private const int MajorFaults = 7;

    /// <summary>All packets are of one writer; its interned data begins anew in the first.</summary>
    private const int Sequence = 1;
    private const int StateCleared = 1;
    private const int NeedsState = 2;

    private readonly BufferedStream _output;
    private readonly TraceMetadata _metadata;
    private readonly PerfettoNames _names;
    private readonly ProtoMessage _trace = new();
    private readonly ProtoMessage _packet = new();
    private readonly ProtoMessage _inner = new();
    private readonly ProtoMessage _item = new();
    private readonly Dictionary<int, ulong> _countOfCpu = [];

    public PerfettoExport(Stream output, TraceMetadata metadata)
    {
        _output = new BufferedStream(output, 1 << 16);
        _metadata = metadata;
        _names = new PerfettoNames(metadata.Stacks!);
    }

    public void Begin(ExportWeight weight, IReadOnlyList<MemoryCurve> memory)
    {
        WriteClocks();
        WriteTasks();
        WriteDefaults(weight);
        foreach (var curve in memory)
            WriteMemory(curve);
    }

    /// <param name="weight">Faults that the row stands for.</param>
    public void Add(FaultBatch batch, int row, long weight)
    {
        var stack = batch.StackId[row];
        _packet.Clear().Number(Packet.Timestamp, (ulong)(_metadata.ClockStartNs + batch.TimeNs[row])).Number(Packet.SequenceId, Sequence)
            .Number(Packet.SequenceFlags, NeedsState);
        if (_names.Describe(stack) is { } names)
            _packet.Message(Packet.InternedData, names);
        var count = _countOfCpu[batch.Cpu[row]] = _countOfCpu.GetValueOrDefault(batch.Cpu[row]) + (ulong)weight;
        _inner.Clear().Number(1, batch.Cpu[row]).Number(2, batch.Pid[row]).Number(3, batch.Tid[row]).Number(4, _names.IdOf(stack))
            .Number(5, batch.KernelAccess[row] ? 1 : 2).Number(6, count);
        WritePacket(_packet.Message(Packet.PerfSample, _inner));
    }

    public void End() => _output.Flush();

    public void Dispose()
    {
        // Not the stream: after an error that would write once more.
        foreach (var message in (ProtoMessage[])[_trace, _packet, _inner, _item])
            message.Dispose();
        _names.Dispose();
    }

    private ProtoMessage NewPacket() => _packet.Clear()
        .Number(Packet.Timestamp, (ulong)_metadata.ClockStartNs).Number(Packet.ClockId, Monotonic).Number(Packet.SequenceId, Sequence);

    private void WriteClocks()
    {
        var started = (ulong)Math.Max(0, (_metadata.StartedAt - DateTimeOffset.UnixEpoch).Ticks) * 100;
        _inner.Clear();
        _inner.Message(1, _item.Clear().Number(1, Monotonic).Number(2, (ulong)_metadata.ClockStartNs));
        _inner.Message(1, _item.Clear().Number(1, Realtime).Number(2, started));
        _inner.Number(2, Monotonic);
        WritePacket(NewPacket().Message(Packet.ClockSnapshot, _inner));
    }

    private void WriteTasks()
    {
        _inner.Clear();
        foreach (var process in _metadata.Processes)
        {
            _item.Clear().Number(1, process.Pid).Number(2, process.ParentPid ?? 0).Text(3, process.Comm);
            _inner.Message(1, _item);
        }

        foreach (var thread in _metadata.Threads)
            _inner.Message(2, _item.Clear().Number(1, thread.Tid).Text(2, thread.Comm).Number(3, thread.Pid));
        WritePacket(NewPacket().Message(Packet.ProcessTree, _inner));
    }

    private void WriteDefaults(ExportWeight weight)
    {
        // Timebase: the counter whose every event is a sample.
        using var timebase = new ProtoMessage();
        timebase.Number(1, 1UL).Number(4, weight == ExportWeight.Major ? MajorFaults : PageFaults);
        _inner.Clear().Number(Packet.ClockId, Monotonic).Message(12, _item.Clear().Message(1, timebase));
        WritePacket(NewPacket().Number(Packet.SequenceFlags, StateCleared).Message(Packet.Defaults, _inner));
    }

    /// <summary>As traced_probes polls /proc/PID/status: the viewer makes a counter of each number.</summary>
    private void WriteMemory(MemoryCurve curve)
    {
        const int bytesPerUnit = 1024;
        foreach (var i in curve.Samples)
        {
            var memory = curve.Memory;
            ulong Units(long bytes) => (ulong)(bytes / bytesPerUnit);
            _item.Clear().Number(1, memory.Pid).Number(3, Units(memory.ResidentBytes(i))).Number(4, Units(memory.AnonBytes[i]))
                .Number(5, Units(memory.FileBytes[i])).Number(6, Units(memory.ShmemBytes[i])).Number(7, Units(memory.SwapBytes[i]));
            _packet.Clear().Number(Packet.Timestamp, (ulong)(_metadata.ClockStartNs + memory.TimeNs[i])).Number(Packet.ClockId, Monotonic)
                .Number(Packet.SequenceId, Sequence);
            WritePacket(_packet.Message(Packet.ProcessStats, _inner.Clear().Message(1, _item)));
        }
    }

    private void WritePacket(ProtoMessage packet) => _trace.Clear().Message(1, packet).CopyTo(_output);

    /// <summary>Fields of TracePacket.</summary>
    private static class Packet
    {
        public const int ProcessTree = 2;
        public const int ClockSnapshot = 6;
        public const int Timestamp = 8;
        public const int ProcessStats = 9;
        public const int SequenceId = 10;
        public const int InternedData = 12;
        public const int SequenceFlags = 13;
        public const int ClockId = 58;
        public const int Defaults = 59;
        public const int PerfSample = 66;
    }
}

/// <summary>Call stacks, frames, mappings and their names: each written once, before the first sample that needs it.</summary>
internal sealed class PerfettoNames(StackTable table) : IDisposable
{
    private const int BuildIds = 16;
    private const int MappingPaths = 17;
    private const int SourcePaths = 18;
    private const int FunctionNames = 5;
    private const int Mappings = 19;
    private const int Frames = 6;
    private const int Callstacks = 7;

    /// <summary>Frames outside a file lie in this mapping, behind those of the modules.</summary>
    private const string NoModule = "[no file]";

    /// <summary>The trace's and Perfetto's names for the kernel.</summary>
    private const string KernelModule = "[kernel]";
    private const string KernelMapping = "kernel";

    private readonly FrameNames _names = new(table);
    private readonly bool[] _saidStacks = new bool[table.NodeFrames.Count + 1];
    private readonly bool[] _saidFrames = new bool[table.Frames.Count + 1];
    private readonly bool[] _saidModules = new bool[table.Modules.Count + 1];
    private readonly ProtoMessage _data = new();
    private readonly ProtoMessage _item = new();

    /// <summary>Of what has no stack too. Ids of interned data begin at 1.</summary>
    public ulong IdOf(int stack) => (ulong)IndexOf(stack) + 1;

    /// <returns>InternedData of a stack; null when all of it was told.</returns>
    public ProtoMessage? Describe(int stack)
    {
        var index = IndexOf(stack);
        if (_saidStacks[index])
            return null;
        _saidStacks[index] = true;
        _data.Clear();
        var isStack = index < table.NodeFrames.Count;
        var frames = isStack ? _names.FramesOf(index).Reverse().ToArray() : [table.Frames.Count];
        foreach (var frame in frames)
            DescribeFrame(frame);
        _item.Clear().Number(1, IdOf(stack));
        foreach (var frame in frames)
            _item.Number(2, frame + 1);
        return _data.Message(Callstacks, _item);
    }

    public void Dispose()
    {
        _data.Dispose();
        _item.Dispose();
    }

    private int IndexOf(int stack) => (uint)stack < (uint)table.NodeFrames.Count ? stack : table.NodeFrames.Count;

    private void DescribeFrame(int frame)
    {
        if (_saidFrames[frame])
            return;
        _saidFrames[frame] = true;
        var value = frame < table.Frames.Count ? table.Frames[frame] : null;
        var module = value?.Module ?? table.Modules.Count;
        DescribeModule(module);
        var id = frame + 1;
        _data.Message(FunctionNames, _item.Clear().Number(1, id).Text(2, value is null ? FunctionTree.NoStackName : _names.Short(frame)));
        if (value?.File is { } file)
            _data.Message(SourcePaths, _item.Clear().Number(1, id).Text(2, file));
        _item.Clear().Number(1, id).Number(2, id).Number(3, module + 1).Number(4, value?.Address ?? 0);
        if (value?.File is not null)
            _item.Number(5, id);
        if (value?.Line is > 0 and var line)
            _item.Number(6, line);
        if (value is not null && KindOf(value) is > 0 and var kind)
            _item.Number(7, kind);
        _data.Message(Frames, _item);
    }

    private static bool IsHex(string text) => text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit);

    /// <summary>Frame.Kind of the format; 0 where it has none.</summary>
    private static int KindOf(StackFrame frame)
        => frame.Kind switch { "user" => 1, FrameKinds.Kernel => 2, FrameKinds.Python => 3, FrameKinds.Jit => 4, _ => 0 };

    private void DescribeModule(int module)
    {
        if (_saidModules[module])
            return;
        _saidModules[module] = true;
        var (id, value) = (module + 1, module < table.Modules.Count ? table.Modules[module] : null);
        _data.Message(MappingPaths,
            _item.Clear().Number(1, id).Text(2, value is null ? NoModule : value.Path == KernelModule ? KernelMapping : value.Path.TrimStart('/')));
        var buildId = value?.BuildId is { } hex && IsHex(hex) ? Convert.FromHexString(hex) : null;
        if (buildId is not null)
            _data.Message(BuildIds, _item.Clear().Number(1, id).Bytes(2, buildId));
        _item.Clear().Number(1, id).Number(7, id);
        if (buildId is not null)
            _item.Number(2, id);
        _data.Message(Mappings, _item);
    }
}
