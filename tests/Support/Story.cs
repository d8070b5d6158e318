using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Testing;

/// <summary>One fault of a story; what a story does not name does not matter to it.</summary>
internal sealed record Fault(ulong Address, int Region = 1, long? DurationNs = 1000, bool Major = false, int? Signal = null)
{
    public long TimeNs { get; init; }

    public int Pid { get; init; } = 10;

    public int Tid { get; init; } = 10;

    public string Comm { get; init; } = "app";

    public int? FaultResult { get; init; }

    public FaultAccess Access { get; init; } = FaultAccess.Write;

    public bool Gup { get; init; }

    public string? Handler { get; init; }

    public int Weight { get; init; } = 1;

    public bool KernelAccess { get; init; }

    public bool Grew { get; init; }

    /// <summary>By KSM.</summary>
    public bool Merged { get; init; }

    /// <summary>Bits of the pages of the window that were mapped; null: only the page itself.</summary>
    public int? Around { get; init; }

    /// <summary>log2 of the pages of the block that was empty; null: not looked at.</summary>
    public int? Empty { get; init; }

    /// <summary>Page-table level at which the walk ended; null: no page-table facts.</summary>
    public int? Level { get; init; }

    public long Entry { get; init; }

    public long? Pfn { get; init; }

    public int? Order { get; init; }

    /// <summary>Null: not of a file.</summary>
    public long? FilePage { get; init; }

    /// <summary>Reclaim, compaction, I/O wait, lock wait, off CPU, zeroing, ns; null: not traced.</summary>
    public long[]? Causes { get; init; }

    /// <summary>Null: no stack.</summary>
    public int? Stack { get; init; }

    /// <summary>Null: nobody is known to have reserved the memory.</summary>
    public int? Mapper { get; init; }

    /// <summary>Objects of the six stages, then pages of the buddy allocator; null: not traced.</summary>
    public int[]? Slab { get; init; }
}

/// <summary>A handful of faults, written to a real trace file and analysed.</summary>
internal static class Story
{
    /// <summary>Four pages of anonymous memory and two of a file, both of process 10.</summary>
    public static readonly Region[] TwoRegions =
    [
        new() { Id = 1, Pid = 10, Start = 0x10000, End = 0x14000, Prot = "rw-p", Name = "[anon]" },
        new() { Id = 2, Pid = 10, Start = 0x20000, End = 0x22000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so" },
    ];

    public static TraceMetadata Metadata(params Region[] regions) => new()
    {
        ToolVersion = "0.1.0",
        Command = ["app", "--work"],
        Target = "command",
        Host = "box",
        Kernel = "6.18.0",
        Arch = "x86_64",
        StartedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        DurationNs = 1_500_000_000,
        Backend = Backend.Tracepoint,
        Regions = regions,
        Processes = [new ProcessEntry { Pid = 10, Comm = "app" }],
        Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "app" }],
        Receipt = new Receipt { Events = 0, Complete = true, ExitStatus = 0 },
    };

    public static FaultBatch Batch(params Fault[] faults)
    {
        var batch = new FaultBatch(Math.Max(1, faults.Length)) { Count = faults.Length };
        for (var i = 0; i < faults.Length; i++)
            Set(batch, i, faults[i]);
        return batch;
    }

    /// <summary>Writes the faults in row groups of <paramref name="groupSize"/> and reports on the file.</summary>
    public static FaultReport Report(TraceMetadata metadata, Fault[] faults, FaultFilter? filter = null, int groupSize = 2)
    {
        using var file = new TemporaryTrace(metadata, faults, groupSize);
        using var reader = TraceReader.Open(file.Path);
        return ReportBuilder.Build(reader, filter ?? FaultFilter.None, ReportTables.All, ActivityAggregate.Measure) with { Path = "trace.parquet" };
    }

    private static void Set(FaultBatch batch, int i, Fault fault)
    {
        batch.TimeNs[i] = fault.TimeNs;
        batch.DurationNs[i] = fault.DurationNs ?? FaultBatch.Null;
        batch.Pid[i] = fault.Pid;
        batch.Tid[i] = fault.Tid;
        batch.Cpu[i] = 0;
        batch.Comm[i] = fault.Comm;
        batch.Address[i] = (long)fault.Address;
        batch.Ip[i] = 0x400000;
        batch.Major[i] = fault.Major;
        batch.Access[i] = fault.Access;
        batch.ErrorCode[i] = fault.Access switch { FaultAccess.Read => 4, FaultAccess.Write => 6, FaultAccess.Exec => 0x14, _ => FaultBatch.Null };
        batch.FaultResult[i] = fault.FaultResult ?? FaultBatch.Null;
        batch.Signal[i] = fault.Signal ?? FaultBatch.Null;
        batch.RegionId[i] = fault.Region;
        batch.Region[i] = "";
        batch.Gup[i] = fault.Gup;
        batch.Handler[i] = fault.Handler;
        batch.Weight[i] = fault.Weight;
        batch.KernelAccess[i] = fault.KernelAccess;
        batch.Grew[i] = fault.Grew;
        batch.Merged[i] = fault.Merged;
        batch.MappedAround[i] = fault.Around ?? FaultBatch.Null;
        batch.EmptyOrder[i] = (sbyte)(fault.Empty ?? FaultBatch.Null);
        batch.PtLevel[i] = (sbyte)(fault.Level ?? FaultBatch.Null);
        batch.PteBefore[i] = fault.Level is null ? FaultBatch.NullPte : fault.Entry;
        batch.Pfn[i] = fault.Pfn ?? FaultBatch.Null;
        batch.FilePage[i] = fault.FilePage ?? FaultBatch.Null;
        batch.PageOrder[i] = (sbyte)(fault.Order ?? FaultBatch.Null);
        batch.StackId[i] = fault.Stack ?? FaultBatch.Null;
        batch.MapperStackId[i] = fault.Mapper ?? FaultBatch.Null;
        long[][] causes = [batch.ReclaimNs, batch.CompactionNs, batch.IoWaitNs, batch.LockWaitNs, batch.OffCpuNs, batch.ZeroingNs];
        for (var cause = 0; cause < causes.Length; cause++)
            causes[cause][i] = fault.Causes?[cause] ?? FaultBatch.Null;
        int[][] slab = [batch.SlabFast, batch.SlabSheaf, batch.SlabLocal, batch.SlabPartial, batch.SlabRemote, batch.SlabBuddy, batch.BuddyPages];
        for (var stage = 0; stage < slab.Length; stage++)
            slab[stage][i] = fault.Slab?[stage] ?? FaultBatch.Null;
    }
}

/// <summary>A trace file that is gone after the test.</summary>
internal sealed class TemporaryTrace : IDisposable
{
    public TemporaryTrace(TraceMetadata metadata, Fault[] faults, int groupSize)
        : this(metadata with { Receipt = metadata.Receipt with { Events = faults.Length } }, faults.Chunk(groupSize).Select(Story.Batch))
    {
    }

    public TemporaryTrace(TraceMetadata metadata, IEnumerable<FaultBatch> groups)
    {
        using var output = File.Create(Path);
        using var writer = new TraceWriter(output);
        foreach (var group in groups)
            writer.WriteRowGroup(group);
        writer.Complete(metadata);
    }

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"faultrec-{Guid.NewGuid():N}.parquet");

    public void Dispose() => File.Delete(Path);
}
