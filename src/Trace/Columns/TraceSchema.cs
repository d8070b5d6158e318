using Parquet;
using Parquet.Schema;

namespace Faultrec.Traces.Columns;

/// <summary>The one home of the schema and its version. docs/format.md is the text people read.</summary>
public static class TraceSchema
{
    /// <summary>Of recordings. Bumped with any change that an older reader could misread.</summary>
    public const int Version = 1;

    /// <summary>
    /// The same, but that `major` is null in every row: of faults whose source does not say which were major. A version of its own,
    /// so that who knows only 1 refuses the file instead of taking every fault for minor.
    /// </summary>
    public const int VersionWithoutMajor = 2;

    /// <summary>No file of a later version is read.</summary>
    public const int NewestVersion = VersionWithoutMajor;

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
        Column<long>(FaultColumns.TimeNs, "time_ns", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.None, "start of the fault, ns since the recording began"),
        Column<long>(FaultColumns.DurationNs, "duration_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.None, "ns in the kernel's fault handler; NULL: entry not seen"),
        Column<int>(FaultColumns.Pid, "pid", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "process id"),
        Column<int>(FaultColumns.Tid, "tid", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "thread id"),
        Column<int>(FaultColumns.Cpu, "cpu", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "CPU"),
        Column<string>(FaultColumns.Comm, "comm", false, EncodingHint.Dictionary, CompressionMethod.Zstd, "name of the thread at the fault"),
        Column<long>(FaultColumns.Address, "address", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "faulting address, byte; bits of an unsigned number"),
        Column<long>(FaultColumns.Ip, "ip", false, EncodingHint.Default, CompressionMethod.Zstd, "instruction pointer; bits of an unsigned number"),
        Column<bool>(FaultColumns.Major, "major", false, EncodingHint.Default, CompressionMethod.Zstd, "accounted as major: waited for a device, or was retried; NULL: not known"),
        Column<string>(FaultColumns.Access, "access", true, EncodingHint.Dictionary, CompressionMethod.Zstd, "read, write or exec; NULL: not seen"),
        Column<bool>(FaultColumns.KernelAccess, "kernel_access", false, EncodingHint.Default, CompressionMethod.Zstd, "kernel mode touched user memory"),
        Column<int>(FaultColumns.ErrorCode, "error_code", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "x86 page-fault error code, bits; NULL: not seen"),
        Column<int>(FaultColumns.FaultFlags, "fault_flags", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "FAULT_FLAG_* bits of the recorded kernel; NULL: not seen"),
        Column<int>(FaultColumns.FaultResult, "fault_result", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "VM_FAULT_* bits of the recorded kernel; NULL: not seen"),
        Column<int>(FaultColumns.Signal, "signal", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "signal of a fault that failed; NULL: served"),
        Column<sbyte>(FaultColumns.PtLevel, "pt_level", true, EncodingHint.Default, CompressionMethod.Zstd, "page-table level where the walk ended, 4 pgd to 0 pte; NULL: not recorded"),
        Column<long>(FaultColumns.PteBefore, "pte_before", true, EncodingHint.Default, CompressionMethod.Zstd, "entry found there, bits; NULL: not recorded"),
        Column<long>(FaultColumns.Pfn, "pfn", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "physical frame that was mapped; NULL: not recorded"),
        Column<sbyte>(FaultColumns.PageOrder, "page_order", true, EncodingHint.Default, CompressionMethod.Zstd, "log2 of the pages mapped; NULL: not recorded"),
        Column<int>(FaultColumns.RegionId, "region_id", false, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "mapping, region_id of regions; 0: none known"),
        Column<string>(FaultColumns.Region, "region", false, EncodingHint.Dictionary, CompressionMethod.Zstd, "name of that mapping"),
        Column<long>(FaultColumns.FilePage, "file_page", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "page offset in the mapped file; NULL: anonymous"),
        Column<string>(FaultColumns.Stack, "stack", true, EncodingHint.Dictionary, CompressionMethod.Zstd, "functions of the user stack, outermost first, ; between; NULL: none recorded"),
        Column<bool>(FaultColumns.Gup, "gup", false, EncodingHint.Default, CompressionMethod.Zstd, "raised by get_user_pages, not by an exception"),
        Column<string>(FaultColumns.Handler, "handler", true, EncodingHint.Dictionary, CompressionMethod.Zstd, "kernel function that served it; NULL: no --handlers"),
        Column<long>(FaultColumns.VmfAddress, "vmf_address", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "vmf->address of that function, byte; NULL as handler"),
        Column<long>(FaultColumns.VmfPgoff, "vmf_pgoff", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "vmf->pgoff of that function, page; NULL as handler"),
        Column<int>(FaultColumns.Weight, "weight", false, EncodingHint.Default, CompressionMethod.Zstd, "faults the row stands for: 1 unless sampled"),
        Column<bool>(FaultColumns.Grew, "grew", false, EncodingHint.Default, CompressionMethod.Zstd, "the kernel grew the stack's mapping for it"),
        Column<long>(FaultColumns.ReclaimNs, "reclaim_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: freeing memory, ns; NULL: no --why"),
        Column<long>(FaultColumns.CompactionNs, "compaction_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: compacting memory, ns; NULL: no --why"),
        Column<long>(FaultColumns.IoWaitNs, "io_wait_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: waiting for a device, ns; NULL: no --why"),
        Column<long>(FaultColumns.LockWaitNs, "lock_wait_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: waiting for mmap_lock, ns; NULL: no --why"),
        Column<long>(FaultColumns.OffCpuNs, "off_cpu_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: not running otherwise, ns; NULL: no --why"),
        Column<long>(FaultColumns.ZeroingNs, "zeroing_ns", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "of the duration: zeroing a huge page, ns; NULL: no --why"),
        Column<int>(FaultColumns.SlabFast, "slab_fast", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from the CPU's free list; NULL: no --slab"),
        Column<int>(FaultColumns.SlabSheaf, "slab_sheaf", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from the CPU's sheaf; NULL: no --slab"),
        Column<int>(FaultColumns.SlabLocal, "slab_local", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from the CPU's slab; NULL: no --slab"),
        Column<int>(FaultColumns.SlabPartial, "slab_partial", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from the CPU's partial slabs; NULL: no --slab"),
        Column<int>(FaultColumns.SlabRemote, "slab_remote", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from a node's partial list; NULL: no --slab"),
        Column<int>(FaultColumns.SlabBuddy, "slab_buddy", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "kernel objects from a new slab; NULL: no --slab"),
        Column<int>(FaultColumns.BuddyPages, "buddy_pages", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd, "pages from the buddy allocator; NULL: no --slab"),
        Column<int>(FaultColumns.StackId, "stack_id", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "user stack, stack_id of stacks; NULL: none recorded"),
        Column<int>(FaultColumns.MapperStackId, "mapper_stack_id", true, EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy, "stack of the system call that reserved the memory, stack_id of stacks; NULL: not known"),
        Column<bool>(FaultColumns.Merged, "merged", false, EncodingHint.Default, CompressionMethod.Zstd, "the page found was merged with equal ones by KSM"),
    ];

    /// <summary>What a fault has, in file order: the one list that `dump`, `query` and data frames go by.</summary>
    public static IReadOnlyList<FaultFact> Facts { get; } = [.. Columns.Select(column => new FaultFact(column.Name, column.Type, column.Meaning))];

    /// <summary>Columns of the first files of version 1, which ended with `stack`; what follows may be absent from a file.</summary>
    internal const int OldestColumnCount = 23;

    internal static ParquetSchema Parquet { get; } = new(Columns.Select(column => (Field)column.Field));

    private static IReadOnlyList<TraceColumn> ColumnsWithoutMajor { get; } = [.. Columns.Select(column => WithNulls(column, column.Nullable || column.Flag == FaultColumns.Major))];

    private static ParquetSchema ParquetWithoutMajor { get; } = new(ColumnsWithoutMajor.Select(column => (Field)column.Field));

    internal static IReadOnlyList<TraceColumn> ColumnsOf(int version) => version == VersionWithoutMajor ? ColumnsWithoutMajor : Columns;

    internal static ParquetSchema ParquetOf(int version) => version == VersionWithoutMajor ? ParquetWithoutMajor : Parquet;

    // A field belongs to one schema.
    private static TraceColumn WithNulls(TraceColumn column, bool nullable)
        => column with { Nullable = nullable, Field = new DataField(column.Name, column.Type, nullable) };

    private static TraceColumn Column<T>(FaultColumns flag, string name, bool nullable, EncodingHint encoding, CompressionMethod codec, string meaning)
        => new(flag, name, typeof(T), nullable, new DataField(name, typeof(T), nullable), encoding, codec, meaning);
}

/// <param name="Meaning">In a line, with the unit, and what null means where it can be; docs/format.md is the full text.</param>
public sealed record FaultFact(string Name, Type Type, string Meaning);

/// <param name="Flag">The column's one bit.</param>
/// <param name="Field">Attached to one schema; for writing only, a file read has its own fields.</param>
internal sealed record TraceColumn(
    FaultColumns Flag, string Name, Type Type, bool Nullable, DataField Field, EncodingHint Encoding, CompressionMethod Codec, string Meaning);
