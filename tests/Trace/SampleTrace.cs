using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Trace.Tests;

/// <summary>Generated traces; the same seed gives the same rows.</summary>
internal static class SampleTrace
{
    private static readonly string[] Names =
        ["python3", "a b", "", "nul\0inside", "escape\e[31m", "quote'\"\\", "größe", "漢字", "😀", "line\nbreak", "x;y"];

    /// <summary>What a column's nulls look like within one batch.</summary>
    private enum Nulls
    {
        None,
        All,
        Some,
        FirstOnly,
        LastOnly,
    }

    public static TraceMetadata Metadata(long events = 0) => new()
    {
        ToolVersion = "0.1.0",
        Target = "command",
        Host = "host",
        Kernel = "6.12.0",
        Arch = "x86_64",
        Backend = Backend.Tracepoint,
        Receipt = new Receipt { Events = events },
    };

    public static byte[] Write(IReadOnlyList<FaultBatch> batches, TraceMetadata? metadata = null, bool knowsMajor = true)
    {
        using var file = new MemoryStream();
        using var writer = new TraceWriter(file, knowsMajor);
        foreach (var batch in batches)
            writer.WriteRowGroup(batch);
        writer.Complete(metadata ?? Metadata(batches.Sum(batch => (long)batch.Count)));
        return file.ToArray();
    }

    /// <summary>Every column with every pattern of nulls over a few seeds; values over the whole range of the types.</summary>
    public static FaultBatch RandomBatch(Random random, int count)
    {
        // Larger than its content, as the last batch of a recording is; what lies behind Count must not reach the file.
        var batch = new FaultBatch(count + 3) { Count = count };
        var small = new SmallValues(random, batch);
        foreach (var column in TraceSchema.Columns)
            column.Accept(small);
        Fill(batch.TimeNs, () => random.NextInt64());
        FillNullable(random, count, batch.DurationNs, FaultBatch.Null, () => random.NextInt64(20_000));
        Fill(batch.Pid, () => random.Next());
        Fill(batch.Tid, () => random.Next(1, 5));
        Fill(batch.Cpu, () => random.Next(256));
        Fill(batch.Comm, () => Names[random.Next(Names.Length)]);
        Fill(batch.Address, () => random.NextInt64(long.MinValue, long.MaxValue));
        Fill(batch.Ip, () => random.Next(3) == 0 ? random.NextInt64(long.MinValue, 0) : 0x5555_0000_1234);
        FillNullable(random, count, batch.FaultFlags, FaultBatch.Null, () => random.Next());
        FillNullable(random, count, batch.FaultResult, FaultBatch.Null, () => random.Next(0x8000));
        FillNullable(random, count, batch.PteBefore, FaultBatch.NullPte, () => random.NextInt64(long.MinValue + 1, long.MaxValue));
        FillNullable(random, count, batch.Pfn, FaultBatch.Null, () => random.NextInt64(1L << 40));
        Fill(batch.RegionId, () => random.Next(20));
        Fill(batch.Region, () => random.Next(2) == 0 ? "[heap]" : $"/lib/{Names[random.Next(Names.Length)]}.so");
        FillNullable(random, count, batch.FilePage, FaultBatch.Null, () => random.NextInt64(1 << 20));
        FillNullable(random, count, batch.Stack, null, () => $"_start;main;f{random.Next(2 * count)}");
        FillNullable(random, count, batch.Handler, null, () => random.Next(2) == 0 ? "do_anonymous_page" : "do_swap_page");
        FillNullable(random, count, batch.VmfAddress, FaultBatch.Null, () => random.NextInt64(1L << 47) & ~0xfff);
        FillNullable(random, count, batch.VmfPgoff, FaultBatch.Null, () => random.NextInt64(1L << 36));
        Fill(batch.Weight, () => random.Next(4) == 0 ? random.Next(1, int.MaxValue) : 1);
        return batch;
    }

    public static List<FaultBatch> RandomBatches(int seed, params int[] counts)
    {
        var random = new Random(seed);
        return [.. counts.Select(count => RandomBatch(random, count))];
    }

    private static void Fill<T>(T[] values, Func<T> next)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = next();
    }

    private static void FillNullable<T>(Random random, int count, T[] values, T nothing, Func<T> next)
    {
        var nulls = (Nulls)random.Next(5);
        for (var i = 0; i < values.Length; i++)
        {
            var isNull = nulls switch
            {
                Nulls.None => false,
                Nulls.All => true,
                Nulls.Some => random.Next(3) == 0,
                Nulls.FirstOnly => i == 0,
                _ => i == count - 1,
            };
            values[i] = isNull ? nothing : next();
        }
    }

    /// <summary>For whatever column nothing larger is wanted.</summary>
    private sealed class SmallValues(Random random, FaultBatch batch) : IColumnVisitor
    {
        void IColumnVisitor.Number<T>(NumberColumn<T> column)
        {
            if (column.None is { } none)
                FillNullable(random, batch.Count, column.Of(batch), none, () => T.CreateChecked(random.Next(100)));
            else
                Fill(column.Of(batch), () => T.CreateChecked(random.Next(100)));
        }

        public void Flag(FlagColumn column) => Fill(column.Of(batch), () => random.Next(4) == 0);

        public void Text(TextColumn column) => Fill(column.Of(batch), () => Names[random.Next(Names.Length)]);

        public void Access(AccessColumn column) => Fill(column.Of(batch), () => (FaultAccess)random.Next(4));
    }
}
