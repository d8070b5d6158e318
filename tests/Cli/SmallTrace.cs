using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Tests;

/// <summary>A made-up trace: one process, two regions, a fault a microsecond.</summary>
internal static class SmallTrace
{
    public static string Write(string path, int faults = 100, string comm = "toucher", string region = "/usr/bin/toucher", int? schema = null,
        bool withStacks = false, int pageSize = 4096, long lost = 0, IReadOnlyList<Mark>? marks = null)
    {
        var batch = new FaultBatch(faults) { Count = faults };
        for (var i = 0; i < faults; i++)
        {
            batch.TimeNs[i] = i * 1000;
            batch.DurationNs[i] = 500 + i;
            (batch.Pid[i], batch.Tid[i], batch.Cpu[i]) = (10, 10 + (i % 2), i % 2);
            (batch.Comm[i], batch.Stack[i]) = (comm, null);
            batch.Address[i] = (i % 2 == 0 ? 0x7f00_0000_0000 : 0x7f00_1000_0000) + (i * 4096L);
            batch.Ip[i] = 0x5555_0000_1000;
            batch.Access[i] = FaultAccess.Write;
            (batch.ErrorCode[i], batch.FaultFlags[i], batch.FaultResult[i], batch.Signal[i]) = (6, FaultBatch.Null, FaultBatch.Null, FaultBatch.Null);
            (batch.PtLevel[i], batch.PteBefore[i], batch.Pfn[i], batch.PageOrder[i]) = (FaultBatch.Null, FaultBatch.NullPte, FaultBatch.Null, FaultBatch.Null);
            batch.RegionId[i] = 1 + (i % 2);
            batch.Region[i] = i % 2 == 0 ? "[heap]" : region;
            batch.FilePage[i] = i % 2 == 0 ? FaultBatch.Null : i;
            batch.StackId[i] = withStacks && i > 0 ? 1 : FaultBatch.Null;
        }

        using var file = File.Create(path);
        using var writer = new TraceWriter(file);
        writer.WriteRowGroup(batch);
        var metadata = Metadata(faults, comm, region, schema);
        writer.Complete(metadata with
        {
            PageSize = pageSize,
            Marks = marks ?? [],
            Receipt = metadata.Receipt with { Lost = lost, Complete = lost == 0 },
            StackRecording = withStacks ? new StackRecording(null, faults - 1, 0, 1, []) : null,
            Stacks = withStacks ? Stacks(comm, region) : null,
        });
        return path;
    }

    /// <summary>main &lt; <paramref name="function"/>.</summary>
    private static StackTable Stacks(string function, string file) => new(
        [new StackModule(file, null)],
        [new StackFrame { Kind = "user", Function = "main", Module = 0 },
            new StackFrame { Kind = "user", Function = function, File = file, Line = 7, Module = 0 }],
        [-1, 0],
        [0, 1]);

    private static TraceMetadata Metadata(int faults, string comm, string region, int? schema) => new()
    {
        SchemaVersion = schema ?? TraceSchema.Version,
        ToolVersion = "0.1.0",
        Command = [region, comm],
        Target = "command",
        Host = comm,
        Kernel = "6.12.0",
        Arch = "x86_64",
        DurationNs = faults * 1000L,
        Backend = Backend.Tracepoint,
        Regions =
        [
            new Region { Id = 1, Pid = 10, Start = 0x7f00_0000_0000, End = 0x7f00_0100_0000, Prot = "rw-p", Name = "[heap]" },
            new Region { Id = 2, Pid = 10, Start = 0x7f00_1000_0000, End = 0x7f00_1100_0000, Prot = "rw-p", Name = region, Path = region, Inode = 5,
                Device = "fe:00" },
        ],
        Processes = [new ProcessEntry { Pid = 10, Comm = comm }],
        Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = comm }, new ThreadEntry { Pid = 10, Tid = 11, Comm = comm }],
        Receipt = new Receipt { Events = faults, Complete = true },
    };
}
