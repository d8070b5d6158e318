using System.Runtime.InteropServices;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Testing;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Support;

/// <summary>
/// Writes a spool record by record, in the words of a recording. Times are ns since the recording began; in the spool they are of a
/// clock that had run for <see cref="StartNs"/> then.
/// </summary>
internal sealed class SpoolStory : IDisposable
{
    public const long StartNs = 5_000_000_000;
    public const int Command = 100;

    private readonly TempFolder _folder = new();
    private readonly SpoolWriter _writer;

    /// <param name="isCommand">Else a running process is recorded.</param>
    public SpoolStory(bool isCommand = false)
        : this(Header(isCommand))
    {
    }

    public SpoolStory(SpoolHeader header)
    {
        Path = _folder.File("trace.parquet.spool");
        _writer = NewSpool(Path);
        _writer.Append(SpoolRecordType.Header, header, SpoolJson.Default.SpoolHeader);
    }

    /// <summary>A writer of a file that was not there.</summary>
    public static SpoolWriter NewSpool(string path) => new(File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read));

    /// <summary>A recording with frames.</summary>
    public SpoolStory(int pagingLevels)
        : this(WithFrames(pagingLevels))
    {
    }

    public string Path { get; }

    public TempFolder Folder => _folder;

    /// <summary>The recorder is gone, and its hold on the spool with it.</summary>
    public void Kill() => _writer.Dispose();

    public static SpoolHeader Header(bool isCommand = false) => new()
    {
        TargetPid = Command,
        IsCommand = isCommand,
        Metadata = new TraceMetadata
        {
            ToolVersion = "1.2.3",
            Command = ["story"],
            Target = "command",
            Host = "host",
            Kernel = "6.18.0",
            Arch = "x86_64",
            ClockStartNs = StartNs,
            Backend = Backend.Tracepoint,
            Receipt = new Receipt { Events = 0 },
        },
    };

    public static FaultRecord Fault(long timeNs, ulong address, int pid = Command, int tid = Command, FaultBits bits = 0, int errorCode = 6) => new()
    {
        StartNs = StartNs + timeNs,
        Address = (long)address,
        Ip = 0x401000,
        DurationLow = 500,
        Pid = pid,
        Tid = tid,
        ErrorCode = (ushort)errorCode,
        Bits = (bits & FaultBits.NoEntry) != 0 ? bits : bits | FaultBits.HasErrorCode,
        Weight = 1,
    };

    private static SpoolHeader WithFrames(int pagingLevels)
    {
        var header = Header();
        return header with { Metadata = header.Metadata with { PageTable = new PageTableRecording(true, null, pagingLevels, "calibration", 0x99) } };
    }

    public SpoolStory Pass(long timeNs)
    {
        Append(SpoolRecordType.Pass, 0, new PassRecord { TimeNs = StartNs + timeNs });
        return this;
    }

    public SpoolStory Faults(int cpu, params ReadOnlySpan<FaultRecord> faults)
    {
        _writer.Append(SpoolRecordType.Faults, cpu, MemoryMarshal.AsBytes(faults));
        return this;
    }

    public SpoolStory StackedFaults(int cpu, params ReadOnlySpan<StackedFault> faults)
    {
        _writer.Append(SpoolRecordType.StackedFaults, cpu, MemoryMarshal.AsBytes(faults));
        return this;
    }

    public SpoolStory DetailedFaults(int cpu, params ReadOnlySpan<DetailedFault> faults)
    {
        _writer.Append(SpoolRecordType.DetailedFaults, cpu, MemoryMarshal.AsBytes(faults));
        return this;
    }

    /// <summary>A distinct stack, the innermost frame first.</summary>
    public SpoolStory Stack(ulong id, StackEnding ending, params ReadOnlySpan<ulong> ips)
    {
        var head = new StackRecordHead { Id = id, Frames = (ushort)ips.Length, Ending = ending };
        _writer.Append(SpoolRecordType.Stack, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<StackRecordHead>(in head)), MemoryMarshal.AsBytes(ips));
        return this;
    }

    public SpoolStory Loss(int cpu, long timeNs, long lost)
    {
        Append(SpoolRecordType.Loss, cpu, new LossRecord { TimeNs = StartNs + timeNs, Lost = lost });
        return this;
    }

    /// <summary>Their times are those of the clock: use <see cref="StartNs"/>.</summary>
    public SpoolStory Sideband(int cpu, PerfRecords records)
    {
        _writer.Append(SpoolRecordType.Sideband, cpu, records.ToArray());
        return this;
    }

    public SpoolStory Event(long timeNs, EventType type, int pid, int tid, params ReadOnlySpan<long> arguments)
        => StackedEvent(0, timeNs, type, pid, tid, arguments);

    /// <param name="stack">Its id.</param>
    public SpoolStory StackedEvent(ulong stack, long timeNs, EventType type, int pid, int tid, params ReadOnlySpan<long> arguments)
    {
        Span<long> a = stackalloc long[6];
        arguments.CopyTo(a);
        Append(SpoolRecordType.Event, 0, new EventRecord
        {
            TimeNs = StartNs + timeNs,
            Type = type,
            Pid = pid,
            Tid = tid,
            A0 = a[0],
            A1 = a[1],
            A2 = a[2],
            A3 = a[3],
            A4 = a[4],
            A5 = a[5],
            Stack = stack,
        });
        return this;
    }

    public SpoolStory Memory(params ReadOnlySpan<MemoryRecord> looks)
    {
        _writer.Append(SpoolRecordType.Memory, 0, MemoryMarshal.AsBytes(looks));
        return this;
    }

    public static MemoryRecord Look(long timeNs, long anonBytes, int pid = Command, long fileBytes = 0, long peakBytes = 0)
        => new() { TimeNs = StartNs + timeNs, Pid = pid, AnonBytes = anonBytes, FileBytes = fileBytes, PeakBytes = peakBytes };

    public SpoolStory Maps(MapsSnapshot snapshot)
    {
        _writer.Append(SpoolRecordType.Maps, snapshot, SpoolJson.Default.MapsSnapshot);
        return this;
    }

    /// <summary>Marks that were read at once.</summary>
    public SpoolStory Marks(long readNs, long dropped, params ReadOnlySpan<(long TimeNs, string Name)> marks)
    {
        var spooled = new List<SpooledMark>();
        foreach (var (timeNs, name) in marks)
            spooled.Add(new SpooledMark(StartNs + timeNs, name));
        _writer.Append(SpoolRecordType.Marks, new SpooledMarks(StartNs + readNs, spooled, dropped), SpoolJson.Default.SpooledMarks);
        return this;
    }

    public SpoolStory Resident(ResidentSnapshot snapshot)
    {
        _writer.Append(SpoolRecordType.Resident, snapshot, SpoolJson.Default.ResidentSnapshot);
        return this;
    }

    public SpoolStory End(
        long timeNs, long? perfMinor = null, long? perfMajor = null, long eventsLost = 0, long excluded = 0, long returnsDue = 0, CostCounts? costs = null,
        long countsLost = 0, KernelCounts? kernel = null)
    {
        var ending = new SpoolEnding
        {
            TimeNs = StartNs + timeNs,
            EndReason = "exited",
            ExitStatus = 0,
            Counts = new CaptureCounts
            {
                Receipt = new Receipt
                {
                    Events = 0,
                    PerfMinor = perfMinor,
                    PerfMajor = perfMajor,
                    Excluded = excluded,
                    CountsLost = countsLost,
                    KernelMinor = kernel?.Minor,
                    KernelMajor = kernel?.Major,
                    KernelExec = kernel?.Exec,
                    InCalls = kernel?.InCallsMinor + kernel?.InCallsMajor,
                    InCallsMajor = kernel?.InCallsMajor,
                },
                EventsLost = eventsLost,
                ReturnsDue = returnsDue,
                Costs = costs,
            },
        };
        _writer.Append(SpoolRecordType.End, ending, SpoolJson.Default.SpoolEnding);
        return this;
    }

    public void Flush() => _writer.Flush();

    public void DiscardBuffer() => _writer.DiscardBuffer();

    /// <summary>What the recorder does after its last record.</summary>
    public FinishedTrace Finalize()
    {
        Flush();
        var path = _folder.File("trace.parquet");
        using var spool = new SpoolReader(Path);
        using (var output = File.Create(path))
        {
            using var files = new MappedFiles();
            using var finalizer = new TraceFinalizer(spool, output, files, _ => { });
            finalizer.Run();
        }

        return FinishedTrace.Read(path);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _folder.Dispose();
    }

    private void Append<T>(SpoolRecordType type, int cpu, T value)
        where T : unmanaged
        => _writer.Append(type, cpu, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));
}

/// <summary>What the probes told of the targets' own counters at the end.</summary>
internal sealed record KernelCounts(long Minor, long Major = 0, long? Exec = 0, long? InCallsMinor = 0, long? InCallsMajor = 0);

/// <summary>A trace as its reader sees it; all rows in one batch.</summary>
internal sealed record FinishedTrace(TraceMetadata Metadata, FaultBatch Rows)
{
    public Receipt Receipt => Metadata.Receipt;

    public static FinishedTrace Read(string path)
    {
        using var reader = TraceReader.Open(path);
        Assert.True(reader.RowGroups.Count <= 1, "a story is shorter than a row group");
        var rows = new FaultBatch((int)reader.RowCount);
        if (reader.RowCount > 0)
            reader.ReadRowGroup(0, FaultColumns.All, rows);
        return new FinishedTrace(reader.Metadata, rows);
    }

    /// <summary>The row in words: time, comm, region's name (or ?) and id.</summary>
    public string Region(int row) => Rows.RegionId[row] == 0 ? "?" : $"{Rows.Region[row]}#{Rows.RegionId[row]}";
}
