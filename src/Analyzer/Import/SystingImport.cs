using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Import;

/// <param name="WithoutThread">Faults of threads that thread.parquet does not have: their process and name are not known.</param>
/// <param name="Every">systing recorded one fault in this many.</param>
internal sealed record SystingSummary(long Faults, long WithoutThread, int Every);

/// <summary>
/// Makes a trace from systing's memory_fault.parquet and the files beside it. systing sees faults of user mode when they begin, so nothing
/// shows which were major or failed, or how long they took.
/// </summary>
internal sealed class SystingImport
{
    public const string FileName = "memory_fault.parquet";

    // arch/x86/include/asm/trap_pf.h
    private const int Write = 2;
    private const int User = 4;
    private const int Instruction = 16;

    private const int UnknownCpu = -1;

    private readonly long?[] _times;
    private readonly long?[] _utids;
    private readonly long?[] _addresses;
    private readonly int?[] _codes;
    private readonly Dictionary<long, ThreadEntry> _threads = [];
    private readonly Dictionary<int, ProcessEntry> _processes = [];
    private readonly Origin _origin;

    /// <param name="path">Of memory_fault.parquet, which may have a prefix that its siblings share.</param>
    private SystingImport(string path)
    {
        var prefix = path.EndsWith(FileName, StringComparison.Ordinal)
            ? path[..^FileName.Length]
            : throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(path)}: is a Parquet file; expected systing's {FileName} with the files beside it, or the text of perf script");
        using var faults = new SystingTable(path);
        (_times, _utids, _addresses, _codes) = (faults.Column<long>("ts"), faults.Column<long>("utid"), faults.Column<long>("addr"),
            faults.Column<int>("error_code"));
        if (_times.Length == 0)
            throw new FaultrecException(ExitCode.BadInput, $"{Escape.Visible(path)}: has no page fault; expected a recording with systing's memory recorder");
        ReadTasks(prefix);
        _origin = ReadOrigin(prefix + "sysinfo.parquet");
    }

    /// <param name="path">Of memory_fault.parquet.</param>
    /// <param name="output">Gets the trace; left open.</param>
    /// <exception cref="FaultrecException">A file is missing, damaged, or not of systing's schema.</exception>
    public static SystingSummary Run(string path, string toolVersion, Stream output) => new SystingImport(path).WriteTo(output, toolVersion);

    private void ReadTasks(string prefix)
    {
        using var processes = new SystingTable(prefix + "process.parquet");
        using var threads = new SystingTable(prefix + "thread.parquet");
        var (upids, pids, names) = (processes.Column<long>("upid"), processes.Column<int>("pid"), processes.Texts("name"));
        var pidOf = new Dictionary<long, int>();
        for (var i = 0; i < upids.Length; i++)
        {
            var pid = pids[i] ?? 0;
            pidOf[upids[i] ?? 0] = pid;
            _processes[pid] = new ProcessEntry { Pid = pid, Comm = names?[i] ?? "" };
        }

        var (utids, tids, upidOfThread, comms) = (threads.Column<long>("utid"), threads.Column<int>("tid"), threads.Column<long>("upid"),
            threads.Texts("name"));
        for (var i = 0; i < utids.Length; i++)
        {
            var tid = tids[i] ?? 0;
            var pid = upidOfThread[i] is { } upid && pidOf.TryGetValue(upid, out var known) ? known : tid;
            _threads[utids[i] ?? 0] = new ThreadEntry { Pid = pid, Tid = tid, Comm = comms?[i] ?? "" };
        }
    }

    // Files of systing before 1.14 do not say how they sampled.
    private static Origin ReadOrigin(string path)
    {
        if (!File.Exists(path))
            return new Origin("unknown", "unknown", 1);
        using var table = new SystingTable(path);
        return new Origin(
            table.Texts("release")?.FirstOrDefault() ?? "unknown",
            table.Texts("machine")?.FirstOrDefault() ?? "unknown",
            (int)Math.Clamp(table.OptionalColumn<long>("memory_fault_sample_rate")?.FirstOrDefault() ?? 1, 1, int.MaxValue));
    }

    private SystingSummary WriteTo(Stream output, string toolVersion)
    {
        // One ring buffer per CPU, so rows are only roughly in order.
        var order = Enumerable.Range(0, _times.Length).ToArray();
        Array.Sort(order, (a, b) => (_times[a], a).CompareTo((_times[b], b)));
        var (start, end) = (_times[order[0]] ?? 0, _times[order[^1]] ?? 0);
        // 73 years: more than a trace may span.
        const long mostNs = 1L << 61;
        if ((Int128)end - start > mostNs)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(FileName)}: has times that are {(Int128)end - start} ns apart; expected those of one recording");
        }

        using var writer = new TraceWriter(output, knowsMajor: false);
        var batch = new FaultBatch(Math.Min(order.Length, TraceSchema.RowGroupSize));
        var nobody = new ThreadEntry { Pid = 0, Tid = 0, Comm = "" };
        long withoutThread = 0;
        foreach (var row in order)
        {
            if (batch.Count == batch.Capacity)
                Flush(writer, batch);
            var thread = _threads.GetValueOrDefault(_utids[row] ?? 0, nobody);
            withoutThread += thread == nobody ? 1 : 0;
            Set(batch, batch.Count++, row, start, thread);
        }

        Flush(writer, batch);
        writer.Complete(Metadata(toolVersion, start, end));
        return new SystingSummary(order.Length, withoutThread, _origin.Every);
    }

    private void Set(FaultBatch batch, int i, int row, long start, ThreadEntry thread)
    {
        // 0 if the machine's faults have no code: a fault of user mode always has the bit for user mode.
        int? code = _codes[row] is { } bits and not 0 ? bits : null;
        (batch.TimeNs[i], batch.Pid[i], batch.Tid[i], batch.Comm[i]) = ((_times[row] ?? 0) - start, thread.Pid, thread.Tid, thread.Comm);
        (batch.Cpu[i], batch.Address[i], batch.Ip[i]) = (UnknownCpu, _addresses[row] ?? 0, 0);
        batch.ErrorCode[i] = code ?? FaultBatch.Null;
        batch.Access[i] = code switch
        {
            null => FaultAccess.Unknown,
            _ when (code & Write) != 0 => FaultAccess.Write,
            _ when (code & Instruction) != 0 => FaultAccess.Exec,
            _ => FaultAccess.Read,
        };
        batch.KernelAccess[i] = code is not null && (code & User) == 0;
        (batch.RegionId[i], batch.Region[i], batch.Weight[i]) = (0, "", _origin.Every);
    }

    private static void Flush(TraceWriter writer, FaultBatch batch)
    {
        writer.WriteRowGroup(batch);
        batch.Count = 0;
    }

    private TraceMetadata Metadata(string toolVersion, long start, long end)
    {
        var faulted = _utids.Select(utid => _threads.GetValueOrDefault(utid ?? 0)).OfType<ThreadEntry>().ToHashSet();
        var pids = faulted.Select(thread => thread.Pid).ToHashSet();
        return new TraceMetadata
        {
            ToolVersion = toolVersion,
            Target = "systing",
            Host = "unknown",
            Kernel = _origin.Kernel,
            Arch = _origin.Arch,
            Clock = "systing",
            ClockStartNs = start,
            StartedAt = DateTimeOffset.UnixEpoch,
            DurationNs = end - start,
            Backend = Backend.Systing,
            Sampling = _origin.Every > 1 ? new Sampling(_origin.Every, null, false) : null,
            PageTable = new PageTableRecording(false, "systing does not record them", 0, null, null),
            Processes = [.. _processes.Values.Where(process => pids.Contains(process.Pid)).OrderBy(process => process.Pid)],
            Threads = [.. faulted.OrderBy(thread => (thread.Pid, thread.Tid))],
            Receipt = new Receipt { Events = _times.Length, WithoutRegion = _times.Length, EndReason = "imported", Complete = false },
        };
    }

    private sealed record Origin(string Kernel, string Arch, int Every);
}
