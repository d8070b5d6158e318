using Parquet;
using Parquet.Schema;

namespace Faultrec.Traces;

/// <summary>The one home of the schema and its version. docs/format.md is the text people read.</summary>
public static class TraceSchema
{
    /// <summary>Bumped with any change that an older reader could misread.</summary>
    public const int Version = 1;

    /// <summary>Prefix of every metadata key.</summary>
    public const string KeyPrefix = "faultrec.";

    /// <summary>Rows of a full row group: a <see cref="FaultBatch"/> of 37 MB, and about 50 MB more while one is written.</summary>
    public const int RowGroupSize = 250_000;

    /// <summary>The columns of these names; other names are none.</summary>
    public static FaultColumns ColumnsOf(IEnumerable<string> names)
        => names.Aggregate(FaultColumns.None, (columns, name) => columns | (Columns.FirstOrDefault(column => column.Name == name)?.Flag ?? FaultColumns.None));

    /// <summary>
    /// In file order. What decided encoding and codec of each, measured on 250 k rows (ns a row to write, B a row; sequential
    /// toucher / random toucher / 8 processes on 2 CPUs):
    /// <code>
    /// time_ns, duration_ns  delta            7 ns  1.4 B and 7-13 ns 1.8 B in all three; plain + zstd 26-28 ns, 2.3 B and 1.6 B
    /// address               delta + snappy   10 ns 0.00 / 10 ns 4.16 / 12 ns 4.28 B; plain + zstd 35 ns 0.71 / 42 ns 4.35 / 39 ns 3.23 B
    /// ip                    plain + zstd     10 ns 0.03 / 4 ns 0.00 / 28 ns 1.49 B;  delta + snappy 14 ns 0.11 / 4 ns 0.00 / 15 ns 1.92 B
    /// pid, tid, region_id   delta + snappy   5 ns 0.00 / 5 ns 0.00 / 6 ns 0.77 B;    plain + zstd 2 ns 0.00 / 2 ns 0.00 / 15 ns 0.96 B
    /// cpu, flags, codes     delta + zstd     7 ns 0.00 / 7 ns 0.00 / 7 ns 0.16 B;    plain + zstd 3 ns 0.00 / 3 ns 0.00 / 14 ns 0.35 B
    /// text                  dictionary + zstd 19 ns 0.00-0.16 B; the same without codec 19 ns, 0.64 B
    /// all null or all equal (gup to weight in most recordings)  0.3-1.6 ns a column, 0.003 B for the five of them
    /// </code>
    /// zstd is always level 1 (CompressionLevel.Fastest). Delta does not exist for 8-bit values.
    /// </summary>
    internal static IReadOnlyList<TraceColumn> Columns { get; } =
    [
        Column<long>(FaultColumns.TimeNs, "time_ns", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.None),
        Column<long>(FaultColumns.DurationNs, "duration_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.None),
        Column<int>(FaultColumns.Pid, "pid", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<int>(FaultColumns.Tid, "tid", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<int>(FaultColumns.Cpu, "cpu", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<string>(FaultColumns.Comm, "comm", false, EncodingHint.Dictionary, CompressionMethod.Zstd),
        Column<long>(FaultColumns.Address, "address", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<long>(FaultColumns.Ip, "ip", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<bool>(FaultColumns.Major, "major", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<string>(FaultColumns.Access, "access", true, EncodingHint.Dictionary, CompressionMethod.Zstd),
        Column<bool>(FaultColumns.KernelAccess, "kernel_access", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<int>(FaultColumns.ErrorCode, "error_code", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.FaultFlags, "fault_flags", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.FaultResult, "fault_result", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.Signal, "signal", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<sbyte>(FaultColumns.PtLevel, "pt_level", true, EncodingHint.Default, CompressionMethod.Zstd),
        Column<long>(FaultColumns.PteBefore, "pte_before", true, EncodingHint.Default, CompressionMethod.Zstd),
        Column<long>(FaultColumns.Pfn, "pfn", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<sbyte>(FaultColumns.PageOrder, "page_order", true, EncodingHint.Default, CompressionMethod.Zstd),
        Column<int>(FaultColumns.RegionId, "region_id", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<string>(FaultColumns.Region, "region", false, EncodingHint.Dictionary, CompressionMethod.Zstd),
        Column<long>(FaultColumns.FilePage, "file_page", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<string>(FaultColumns.Stack, "stack", true, EncodingHint.Dictionary, CompressionMethod.Zstd),
        Column<bool>(FaultColumns.Gup, "gup", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<string>(FaultColumns.Handler, "handler", true, EncodingHint.Dictionary, CompressionMethod.Zstd),
        Column<long>(FaultColumns.VmfAddress, "vmf_address", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<long>(FaultColumns.VmfPgoff, "vmf_pgoff", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
        Column<int>(FaultColumns.Weight, "weight", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<bool>(FaultColumns.Grew, "grew", false, EncodingHint.Default, CompressionMethod.Zstd),
        Column<long>(FaultColumns.ReclaimNs, "reclaim_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<long>(FaultColumns.CompactionNs, "compaction_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<long>(FaultColumns.IoWaitNs, "io_wait_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<long>(FaultColumns.LockWaitNs, "lock_wait_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<long>(FaultColumns.OffCpuNs, "off_cpu_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<long>(FaultColumns.ZeroingNs, "zeroing_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabFast, "slab_fast", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabSheaf, "slab_sheaf", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabLocal, "slab_local", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabPartial, "slab_partial", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabRemote, "slab_remote", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.SlabBuddy, "slab_buddy", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.BuddyPages, "buddy_pages", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd),
        Column<int>(FaultColumns.StackId, "stack_id", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy),
    ];

    /// <summary>Columns of the first files of version 1, which ended with `stack`; what follows may be absent from a file.</summary>
    internal const int OldestColumnCount = 23;

    internal static ParquetSchema Parquet { get; } = new(Columns.Select(column => (Field)column.Field));

    private static TraceColumn Column<T>(FaultColumns flag, string name, bool nullable, EncodingHint encoding, CompressionMethod codec)
        => new(flag, name, typeof(T), nullable, new DataField(name, typeof(T), nullable), encoding, codec);
}

/// <param name="Flag">The column's one bit.</param>
/// <param name="Field">Attached to <see cref="TraceSchema.Parquet"/>; for writing only, a file read has its own fields.</param>
internal sealed record TraceColumn(
    FaultColumns Flag, string Name, Type Type, bool Nullable, DataField Field, EncodingHint Encoding, CompressionMethod Codec);
