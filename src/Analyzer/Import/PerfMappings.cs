using System.Globalization;
using System.Text.RegularExpressions;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Import;

/// <summary>
/// Address spaces as the records that perf prints with --show-mmap-events and --show-task-events tell of them
/// (perf_event__fprintf_mmap2, _task and _comm in tools/perf/util/event.c). perf has no record of munmap and mremap: what is
/// gone stays until something else lies there.
/// </summary>
internal sealed partial class PerfMappings
{
    private readonly RegionLedger _ledger = new();
    private readonly Dictionary<int, Process> _processes = [];
    private readonly Dictionary<int, (int Pid, string? Name)> _tasks = [];

    public long Folded => _ledger.Folded;

    public long Omitted => _ledger.Omitted;

    /// <returns>Null: a record of another kind. False: not understood, though of a kind that mappings depend on.</returns>
    public bool? Apply(string line)
    {
        if (line.Contains(": PERF_RECORD_MMAP2 ", StringComparison.Ordinal))
            return Mapping().Match(line) is { Success: true } mapping && Map(mapping);
        if (line.Contains(": PERF_RECORD_FORK(", StringComparison.Ordinal) || line.Contains(": PERF_RECORD_EXIT(", StringComparison.Ordinal))
            return Task().Match(line) is { Success: true } task && BeginOrEnd(task);
        if (line.Contains(": PERF_RECORD_COMM", StringComparison.Ordinal))
            return Naming().Match(line) is { Success: true } naming && Name(naming);
        return null;
    }

    /// <summary>The process of a thread; null: no record says it.</summary>
    public int? ProcessOf(int tid) => _tasks.TryGetValue(tid, out var task) ? task.Pid : null;

    /// <summary>The last name of a thread from a record, with all its blanks; null: none.</summary>
    public string? NameOf(int tid) => _tasks.TryGetValue(tid, out var task) ? task.Name : null;

    /// <summary>Sets the columns that say which mapping a fault was in.</summary>
    /// <returns>False: no mapping is known there.</returns>
    public bool Place(FaultBatch batch, int row)
        => MappingColumns.Set(batch, row, _processes.GetValueOrDefault(batch.Pid[row])?.Space, _ledger);

    public IReadOnlyList<Region> Regions(long startNs) => _ledger.Build(ns => Math.Max(0, ns - startNs), onlyProcessesWithFaults: true);

    private bool Map(Match record)
    {
        // Of the kernel's own code.
        if (record.Groups["pid"].ValueSpan is "-1")
            return true;
        if (!TryTime(record, out var timeNs) || !TryInteger(record.Groups["pid"], out var pid) || !TryInteger(record.Groups["tid"], out var tid)
            || !TryHex(record.Groups["start"], out var start) || !TryHex(record.Groups["length"], out var length)
            || !TryHex(record.Groups["offset"], out var offset))
        {
            return false;
        }

        _ = ulong.TryParse(record.Groups["inode"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var inode);
        var identity = MappingIdentity.Of(record.Groups["name"].Value, record.Groups["prot"].Value, inode, record.Groups["device"].Value);
        _tasks.TryAdd(tid, (pid, null));
        // Mappings that perf read from /proc at its start have no time: they existed before.
        Of(pid).Space.Map(start, start + length, identity.Path is null ? 0 : offset, identity, 0, timeNs == 0 ? null : timeNs);
        return true;
    }

    private bool BeginOrEnd(Match record)
    {
        if (!TryTime(record, out var timeNs) || !TryInteger(record.Groups["pid"], out var pid) || !TryInteger(record.Groups["tid"], out var tid)
            || !TryInteger(record.Groups["parent"], out var parent))
        {
            return false;
        }

        if (record.Groups["what"].Value == "FORK")
            _tasks[tid] = (pid, NameOf(TryInteger(record.Groups["creator"], out var creator) ? creator : parent));
        if (record.Groups["what"].Value == "EXIT")
        {
            if (_processes.TryGetValue(pid, out var ended) && ended.Threads.Remove(tid) && ended.Threads.Count == 0)
                ended.Space.Clear(timeNs);
        }
        else if (pid == parent)
        {
            Of(pid).Threads.Add(tid);
        }
        else
        {
            // The pid may have belonged to another process before.
            _processes.Remove(pid);
            Of(parent).Space.CopyTo(Of(pid).Space, timeNs);
        }

        return true;
    }

    private bool Name(Match record)
    {
        if (!TryTime(record, out var timeNs) || !TryInteger(record.Groups["pid"], out var pid) || !TryInteger(record.Groups["tid"], out var tid))
            return false;
        _tasks[tid] = (pid, record.Groups["name"].Value);
        if (record.Groups["exec"].Success)
            Of(pid).Space.Execute(timeNs);
        return true;
    }

    private Process Of(int pid)
    {
        if (!_processes.TryGetValue(pid, out var process))
            _processes.Add(pid, process = new Process(new AddressSpace(pid, PageGeometry.X64, _ledger.Add), [pid]));
        return process;
    }

    private static bool TryTime(Match record, out long ns)
    {
        var isNumber = TryInteger(record.Groups["seconds"], out var seconds);
        var fraction = record.Groups["fraction"].Value;
        ns = (seconds * 1_000_000_000L) + (int.Parse(fraction, CultureInfo.InvariantCulture) * (fraction.Length == 6 ? 1000 : 1));
        return isNumber;
    }

    private static bool TryInteger(Group group, out int value) => int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool TryHex(Group group, out ulong value)
        => ulong.TryParse(group.ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private const string Time = @"(?<seconds>\d+)\.(?<fraction>\d{6}|\d{9}): PERF_RECORD_";

    // "5986/5986: [0x55ffdcaea000(0x6000) @ 0x2000 fe:00 247444 0]: r-xp /usr/bin/env"; with a build id instead of device and inode where perf collects those.
    [GeneratedRegex(
        Time + @"MMAP2 (?<pid>-1|\d+)/(?<tid>\d+): \[0x(?<start>[0-9a-f]+)\((?:0x)?(?<length>[0-9a-f]+)\) @ (?:0x)?(?<offset>[0-9a-f]+) "
        + @"(?:(?<device>[0-9a-f]+:[0-9a-f]+) (?<inode>\d+) \d+|<[0-9a-f]*>)\]: (?<prot>[r-][w-][x-][ps]) (?<name>.*)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Mapping();

    // "FORK(5988:5988):(5986:5986)"
    [GeneratedRegex(Time + @"(?<what>FORK|EXIT)\((?<pid>\d+):(?<tid>\d+)\):\((?<parent>\d+):(?<creator>\d+)\)$", RegexOptions.CultureInvariant)]
    private static partial Regex Task();

    // "COMM exec: python3:5986/5986", "COMM: my thread:5986/5987"
    [GeneratedRegex(Time + @"COMM(?<exec> exec)?: (?<name>.*):(?<pid>\d+)/(?<tid>\d+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Naming();

    /// <param name="Threads">Known and alive.</param>
    private sealed record Process(AddressSpace Space, HashSet<int> Threads);
}
