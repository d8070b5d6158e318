using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// System calls inside which the kernel served faults that have no row. The largest <see cref="MostCalls"/> are kept as they are; others
/// are added up by process, call and stack, and, if these are too many as well, by call.
/// </summary>
internal sealed class CallFaultLog
{
    public const int MostCalls = 1024;

    public const int MostGroups = 1024;

    private const int PopulateRead = 22; // include/uapi/asm-generic/mman-common.h

    private readonly PriorityQueue<CallFaults, long> _largest = new();
    private readonly Dictionary<(int Pid, string? Call, int Number, int? Stack), CallFaults> _groups = [];

    /// <summary>a0 to a5: { number and bits, minor | major &lt;&lt; 32, value, three arguments }.</summary>
    public void Add(in EventRecord record, int? stack)
    {
        var (number, bits) = ((int)record.A0, (CallBits)(record.A0 >> 32));
        var name = bits.HasFlag(CallBits.Is32Bit) ? null : SystemCalls.Name(number);
        var range = bits.HasFlag(CallBits.HasBuffer) ? ((ulong)record.A4, (ulong)record.A5)
            : bits.HasFlag(CallBits.GoesOn) && name is "mmap" or "mremap" ? null // the address is the call's return value
            : SystemCalls.RangeOf(name, record.A2, record.A3, record.A4, record.A5);
        // Of anonymous memory it maps the zero page, where other advice maps pages of the process.
        if (name == "madvise" && (uint)record.A5 == PopulateRead)
            name = ReleaseCalls.PopulateRead;
        var call = new CallFaults(
            record.Pid, record.Tid, name, number, 1, (uint)record.A1, (uint)(record.A1 >> 32),
            range?.Start, range?.Start + range?.Length, stack, record.TimeNs, record.TimeNs, bits.HasFlag(CallBits.GoesOn));
        _largest.Enqueue(call, call.Faults);
        if (_largest.Count > MostCalls)
            Fold(_largest.Dequeue());
    }

    public IReadOnlyList<CallFaults> Build(Func<long, long> toTraceTime)
        => [.. _largest.UnorderedItems.Select(item => item.Element).Concat(_groups.Values)
            .OrderBy(call => call.TimeNs).ThenBy(call => call.Tid)
            .Select(call => call with { TimeNs = toTraceTime(call.TimeNs), LastNs = toTraceTime(call.LastNs) })];

    private void Fold(CallFaults call)
    {
        var key = (call.Pid, call.Call, call.Number, call.Stack);
        if (!_groups.ContainsKey(key) && _groups.Count >= MostGroups)
            key = (0, call.Call, call.Number, null);
        var group = _groups.GetValueOrDefault(key);
        _groups[key] = new CallFaults(
            key.Item1, group is null || group.Tid == call.Tid ? (key.Item1 == 0 ? 0 : call.Tid) : 0, call.Call, call.Number, (group?.Calls ?? 0) + 1,
            (group?.Minor ?? 0) + call.Minor, (group?.Major ?? 0) + call.Major, null, null, key.Item4,
            Math.Min(group?.TimeNs ?? long.MaxValue, call.TimeNs), Math.Max(group?.LastNs ?? 0, call.LastNs), call.GoesOn || group is { GoesOn: true });
    }
}
