using Parquet;

namespace Faultrec.Traces.Columns;

/// <summary>The columns of the trace, each described once. A new one also needs its array in <see cref="FaultBatch"/>, and whoever fills that.</summary>
internal static class TraceColumns
{
    // Measured on 250 k rows: ns a row to write, B a row; sequential toucher / random toucher / 8 processes on 2 CPUs. zstd is always
    // level 1 (CompressionLevel.Fastest). Delta does not exist for 8-bit values. A column that is all null or all equal (gup to weight in
    // most recordings) costs 0.3-1.6 ns and next to no bytes.

    /// <summary>Times: 7 ns 1.4 B in all three; plain + zstd 26-28 ns, 2.3 B.</summary>
    private static readonly ColumnStorage Delta = new(EncodingHint.DeltaBinaryPacked, CompressionMethod.None);

    /// <summary>
    /// Addresses: 10 ns 0.00 / 10 ns 4.16 / 12 ns 4.28 B; plain + zstd 35 ns 0.71 / 42 ns 4.35 / 39 ns 3.23 B.
    /// Ids: 5 ns 0.00 / 5 ns 0.00 / 6 ns 0.77 B; plain + zstd 2 ns 0.00 / 2 ns 0.00 / 15 ns 0.96 B.
    /// </summary>
    private static readonly ColumnStorage DeltaSnappy = new(EncodingHint.DeltaBinaryPacked, CompressionMethod.Snappy);

    /// <summary>CPU, flags and codes: 7 ns 0.00 / 7 ns 0.00 / 7 ns 0.16 B; plain + zstd 3 ns 0.00 / 3 ns 0.00 / 14 ns 0.35 B.</summary>
    private static readonly ColumnStorage DeltaZstd = new(EncodingHint.DeltaBinaryPacked, CompressionMethod.Zstd);

    /// <summary>
    /// Durations: 1.2 B on the first two (`bench/bytes.py`), 26-28 ns; delta 1.9-2.1 B, 7-13 ns.
    /// Instruction pointers: 10 ns 0.03 / 4 ns 0.00 / 28 ns 1.49 B; delta + snappy 14 ns 0.11 / 4 ns 0.00 / 15 ns 1.92 B.
    /// </summary>
    private static readonly ColumnStorage PlainZstd = new(EncodingHint.Default, CompressionMethod.Zstd);

    /// <summary>Text: 19 ns 0.00-0.16 B; the same without codec 19 ns, 0.64 B.</summary>
    private static readonly ColumnStorage DictionaryZstd = new(EncodingHint.Dictionary, CompressionMethod.Zstd);

    /// <summary>In file order.</summary>
    public static IReadOnlyList<TraceColumn> All { get; } =
    [
        new NumberColumn<long>(FaultColumns.TimeNs, "time_ns", batch => batch.TimeNs, Delta, RedactionRule.Keep)
        {
            Meaning = "start of the fault, ns since the recording began",
            Unit = "ns",
            Description = "start of the fault, since the recording began; its completion where `duration_ns` is null",
        },
        new NumberColumn<long>(FaultColumns.DurationNs, "duration_ns", batch => batch.DurationNs, PlainZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "ns in the kernel's fault handler; NULL: entry not seen",
            Unit = "ns",
            Description = "time in the kernel's fault handler, waiting for disk or locks included; where it begins and ends depends on the backend, see below",
            NullMeaning = "the start of this fault was not seen; or its end was not, because the task had lost its perf events at an execve with other "
                + "privileges: then "
                + "`time_ns` is the start",
        },
        new NumberColumn<int>(FaultColumns.Pid, "pid", batch => batch.Pid, DeltaSnappy, RedactionRule.Permute)
        {
            Meaning = "process id",
            Description = "process (thread group) id, in the pid namespace of the recorder",
        },
        new NumberColumn<int>(FaultColumns.Tid, "tid", batch => batch.Tid, DeltaSnappy, RedactionRule.Permute)
        {
            Meaning = "thread id",
            Description = "thread id, in the same namespace",
        },
        new NumberColumn<int>(FaultColumns.Cpu, "cpu", batch => batch.Cpu, DeltaZstd, RedactionRule.Keep)
        {
            Meaning = "CPU",
            Description = "CPU on which the fault completed",
        },
        new TextColumn(FaultColumns.Comm, "comm", batch => batch.Comm, DictionaryZstd, RedactionRule.Pseudonym)
        {
            Meaning = "name of the thread at the fault",
            Description = "name of the thread at the fault",
        },
        new NumberColumn<long>(FaultColumns.Address, "address", batch => batch.Address, DeltaSnappy, RedactionRule.Slide)
        {
            IsHexadecimal = true,
            Meaning = "faulting address, byte; bits of an unsigned number",
            Unit = "byte",
            Description = "faulting user address, byte exact; the bits of an unsigned number, see below",
        },
        new NumberColumn<long>(FaultColumns.Ip, "ip", batch => batch.Ip, PlainZstd, RedactionRule.Slide)
        {
            IsHexadecimal = true,
            Meaning = "instruction pointer; bits of an unsigned number",
            Unit = "byte",
            Description = "instruction pointer; kernel text where the kernel touched the memory for the program (`read(2)` into a fresh buffer); bits of an "
                + "unsigned number",
        },
        new FlagColumn(FaultColumns.Major, "major", batch => batch.Major, PlainZstd, RedactionRule.Keep)
        {
            IsUnknownWithoutMajor = true,
            Meaning = "accounted as major: waited for a device, or was retried; NULL: not known",
            Description = "the kernel accounted a major fault: it had to wait for data from a disk or swap, or had to retry. Null in files of version 2",
        },
        new AccessColumn(FaultColumns.Access, "access", batch => batch.Access, DictionaryZstd, RedactionRule.Keep)
        {
            Meaning = "read, write or exec; NULL: not seen",
            Description = "`read`, `write` or `exec`",
            NullMeaning = "no error code was seen",
        },
        new FlagColumn(FaultColumns.KernelAccess, "kernel_access", batch => batch.KernelAccess, PlainZstd, RedactionRule.Keep)
        {
            Meaning = "kernel mode touched user memory",
            Description = "true: kernel mode touched user memory",
        },
        new NumberColumn<int>(FaultColumns.ErrorCode, "error_code", batch => batch.ErrorCode, DeltaZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "x86 page-fault error code, bits; NULL: not seen",
            Unit = "bits",
            Description = "x86 page-fault error code: 1 the page was present (a protection fault), 2 write, 4 user mode, 8 reserved bit, 16 instruction fetch",
            NullMeaning = "the backend does not see it",
        },
        new NumberColumn<int>(FaultColumns.FaultFlags, "fault_flags", batch => batch.FaultFlags, DeltaZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "FAULT_FLAG_* bits of the recorded kernel; NULL: not seen",
            Unit = "bits",
            Description = "`FAULT_FLAG_*` of the recorded kernel; names in `faultrec.fault_flag_names`",
            NullMeaning = "the backend does not see it",
        },
        new NumberColumn<int>(FaultColumns.FaultResult, "fault_result", batch => batch.FaultResult, DeltaZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "VM_FAULT_* bits of the recorded kernel; NULL: not seen",
            Unit = "bits",
            Description = "`VM_FAULT_*` of the recorded kernel; names in `faultrec.fault_result_names`",
            NullMeaning = "the backend does not see it",
        },
        new NumberColumn<int>(FaultColumns.Signal, "signal", batch => batch.Signal, DeltaZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "signal of a fault that failed; NULL: served",
            Description = "signal that the kernel raised because it could not serve the fault: 11 SIGSEGV, 7 SIGBUS",
            NullMeaning = "the fault was served",
        },
        new NumberColumn<sbyte>(FaultColumns.PtLevel, "pt_level", batch => batch.PtLevel, PlainZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "page-table level where the walk ended, 4 pgd to 0 pte; NULL: not recorded",
            Description = "page-table level at which the walk to the address ended: 4 pgd, 3 p4d, 2 pud, 1 pmd, 0 pte. The entry there, `pte_before`, was "
                + "missing (0), not present (a swap entry), or present (a protection fault)",
            NullMeaning = "not recorded",
        },
        new NumberColumn<long>(FaultColumns.PteBefore, "pte_before", batch => batch.PteBefore, PlainZstd, RedactionRule.Permute)
        {
            None = FaultBatch.NullPte,
            IsHexadecimal = true,
            Meaning = "entry found there, bits; NULL: not recorded",
            Unit = "bits",
            Description = "entry that the fault found at that level: 0, a swap entry, a write-protected page; bits of an unsigned number",
            NullMeaning = "not recorded",
        },
        new NumberColumn<long>(FaultColumns.Pfn, "pfn", batch => batch.Pfn, DeltaSnappy, RedactionRule.Permute)
        {
            None = FaultBatch.Null,
            Meaning = "physical frame that was mapped; NULL: not recorded",
            Unit = "page",
            Description = "physical frame that the fault mapped",
            NullMeaning = "not recorded, or without permission",
        },
        new NumberColumn<sbyte>(FaultColumns.PageOrder, "page_order", batch => batch.PageOrder, PlainZstd, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "log2 of the pages mapped; NULL: not recorded",
            Unit = "log2 pages",
            Description = "size of the mapping that the fault made: 0 = one page, 4 = a folio of 16 pages, 9 = 2 MiB of 4 KiB pages",
            NullMeaning = "not recorded",
        },
        new NumberColumn<int>(FaultColumns.RegionId, "region_id", batch => batch.RegionId, DeltaSnappy, RedactionRule.Keep)
        {
            Meaning = "mapping, region_id of regions; 0: none known",
            Description = "`id` of the mapping in force at that moment, in `faultrec.regions`; 0 = no mapping known",
        },
        new TextColumn(FaultColumns.Region, "region", batch => batch.Region, DictionaryZstd, RedactionRule.Pseudonym)
        {
            Meaning = "name of that mapping",
            Description = "name of that mapping: `[heap]`, `[stack]`, `[anon]`, `[vdso]`, a path; empty when none is known",
        },
        new NumberColumn<long>(FaultColumns.FilePage, "file_page", batch => batch.FilePage, DeltaSnappy, RedactionRule.Keep)
        {
            None = FaultBatch.Null,
            Meaning = "page offset in the mapped file; NULL: anonymous",
            Unit = "page",
            Description = "page offset in the mapped file",
            NullMeaning = "anonymous memory",
        },
        new TextColumn(FaultColumns.Stack, "stack", batch => batch.Stack, DictionaryZstd, RedactionRule.Pseudonym)
        {
            IsOptional = true,
            Meaning = "functions of the user stack, outermost first, ; between; NULL: none recorded",
            Description = "user stack, symbolised, root first, frames separated by `;`",
            NullMeaning = "not recorded",
        },
        new FlagColumn(FaultColumns.Gup, "gup", batch => batch.Gup, PlainZstd, RedactionRule.Keep)
        {
            Generation = 2,
            Meaning = "raised by get_user_pages, not by an exception",
            Description = "true: get_user_pages raised it (a system call or `execve` pinned the page for the program); no page-fault exception happened",
        },
        new TextColumn(FaultColumns.Handler, "handler", batch => batch.Handler, DictionaryZstd, RedactionRule.Keep)
        {
            Generation = 2,
            IsOptional = true,
            Meaning = "kernel function that served it; NULL: no --handlers",
            Description = "kernel function that served the fault: `do_anonymous_page`, `do_swap_page`",
            NullMeaning = "`--handlers` was not given, or the function is inlined",
        },
        new NumberColumn<long>(FaultColumns.VmfAddress, "vmf_address", batch => batch.VmfAddress, DeltaSnappy, RedactionRule.Slide)
        {
            Generation = 2,
            None = FaultBatch.Null,
            IsHexadecimal = true,
            Meaning = "vmf->address of that function, byte; NULL as handler",
            Unit = "byte",
            Description = "`vmf->address` as that function got it",
            NullMeaning = "`handler` is null",
        },
        new NumberColumn<long>(FaultColumns.VmfPgoff, "vmf_pgoff", batch => batch.VmfPgoff, DeltaSnappy, RedactionRule.Slide)
        {
            Generation = 2,
            None = FaultBatch.Null,
            Meaning = "vmf->pgoff of that function, page; NULL as handler",
            Unit = "page",
            Description = "`vmf->pgoff` as that function got it",
            NullMeaning = "`handler` is null",
        },
        new NumberColumn<int>(FaultColumns.Weight, "weight", batch => batch.Weight, PlainZstd, RedactionRule.Keep)
        {
            Generation = 2,
            Absent = 1,
            Meaning = "faults the row stands for: 1 unless sampled",
            Description = "faults this row stands for: N where one fault in N was taken, else 1",
        },
        new FlagColumn(FaultColumns.Grew, "grew", batch => batch.Grew, PlainZstd, RedactionRule.Keep)
        {
            Generation = 3,
            Meaning = "the kernel grew the stack's mapping for it",
            Description = "true: the kernel grew the mapping (a stack) to serve this fault",
        },
        new NumberColumn<long>(FaultColumns.ReclaimNs, "reclaim_ns", batch => batch.ReclaimNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: freeing memory, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: the thread itself freed memory (direct reclaim)",
            NullMeaning = "`--why` was not given, or the cause could not be traced",
        },
        new NumberColumn<long>(FaultColumns.CompactionNs, "compaction_ns", batch => batch.CompactionNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: compacting memory, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: the thread itself compacted memory for a huge page",
            NullMeaning = "likewise",
        },
        new NumberColumn<long>(FaultColumns.IoWaitNs, "io_wait_ns", batch => batch.IoWaitNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: waiting for a device, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: asleep until a disk or swap device answered",
            NullMeaning = "likewise",
        },
        new NumberColumn<long>(FaultColumns.LockWaitNs, "lock_wait_ns", batch => batch.LockWaitNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: waiting for mmap_lock, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: waiting for mmap_lock",
            NullMeaning = "likewise",
        },
        new NumberColumn<long>(FaultColumns.OffCpuNs, "off_cpu_ns", batch => batch.OffCpuNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: not running otherwise, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: not running for any other reason (preempted, asleep on something else)",
            NullMeaning = "likewise",
        },
        new NumberColumn<long>(FaultColumns.ZeroingNs, "zeroing_ns", batch => batch.ZeroingNs, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "part of the duration: zeroing a huge page, ns; NULL: no --why",
            Unit = "ns",
            Description = "part of the duration: filling a huge page with zeros",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.SlabFast, "slab_fast", batch => batch.SlabFast, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from the CPU's free list; NULL: no --slab",
            Unit = "objects",
            Description = "kernel objects allocated in this fault from the CPU's own free list",
            NullMeaning = "`--slab` was not given, or the stage could not be traced",
        },
        new NumberColumn<int>(FaultColumns.SlabSheaf, "slab_sheaf", batch => batch.SlabSheaf, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from the CPU's sheaf; NULL: no --slab",
            Unit = "objects",
            Description = "from the CPU's sheaf, on kernels that have them",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.SlabLocal, "slab_local", batch => batch.SlabLocal, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from the CPU's slab; NULL: no --slab",
            Unit = "objects",
            Description = "from the free list of the CPU's slab, moved to the CPU",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.SlabPartial, "slab_partial", batch => batch.SlabPartial, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from the CPU's partial slabs; NULL: no --slab",
            Unit = "objects",
            Description = "from the CPU's partial slabs",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.SlabRemote, "slab_remote", batch => batch.SlabRemote, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from a node's partial list; NULL: no --slab",
            Unit = "objects",
            Description = "from a node's partial list",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.SlabBuddy, "slab_buddy", batch => batch.SlabBuddy, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "kernel objects from a new slab; NULL: no --slab",
            Unit = "objects",
            Description = "from a new slab of the buddy allocator",
            NullMeaning = "likewise",
        },
        new NumberColumn<int>(FaultColumns.BuddyPages, "buddy_pages", batch => batch.BuddyPages, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "pages from the buddy allocator; NULL: no --slab",
            Unit = "page",
            Description = "pages taken from the buddy allocator in this fault",
            NullMeaning = "`--slab` was not given",
        },
        new NumberColumn<int>(FaultColumns.StackId, "stack_id", batch => batch.StackId, DeltaSnappy, RedactionRule.Keep)
        {
            Generation = 3,
            None = FaultBatch.Null,
            Meaning = "user stack, stack_id of stacks; NULL: none recorded",
            Description = "the stack, a node of `faultrec.stacks`",
            NullMeaning = "stacks were not recorded, or this one was lost",
        },
        new NumberColumn<int>(FaultColumns.MapperStackId, "mapper_stack_id", batch => batch.MapperStackId, DeltaSnappy, RedactionRule.Keep)
        {
            Generation = 4,
            None = FaultBatch.Null,
            Meaning = "stack of the system call that reserved the memory, stack_id of stacks; NULL: not known",
            Description = "stack of the system call that reserved the memory at `address`, as of the time of the fault; a node of `faultrec.stacks`, see below",
            NullMeaning = "not known",
        },
        new FlagColumn(FaultColumns.Merged, "merged", batch => batch.Merged, PlainZstd, RedactionRule.Keep)
        {
            Generation = 4,
            Meaning = "the page found was merged with equal ones by KSM",
            Description = "true: the page that `pte_before` maps was one that KSM had merged with equal ones",
        },
        new NumberColumn<int>(FaultColumns.MappedAround, "mapped_around", batch => batch.MappedAround, DeltaZstd, RedactionRule.Keep)
        {
            Generation = 5,
            None = FaultBatch.Null,
            Meaning = "pages it mapped: bit i is page i from the multiple of 16 at or before it; NULL: as page_order says",
            Unit = "bits",
            Description = "pages that the fault mapped, its own included: bit i is page i from the multiple of 16 pages at or before the address "
                + "(fault-around, large folios)",
            NullMeaning = "it mapped what `page_order` says and no more, or that is not known",
        },
        new NumberColumn<sbyte>(FaultColumns.EmptyOrder, "empty_order", batch => batch.EmptyOrder, PlainZstd, RedactionRule.Keep)
        {
            Generation = 6,
            None = FaultBatch.Null,
            Meaning = "log2 of the pages around a single page that were not there before; NULL: not looked at",
            Unit = "log2 pages",
            Description = "of a write that mapped one page: the largest aligned block of pages around it, at most 16, for which the page table had no entry "
                + "before",
            NullMeaning = "it mapped more, there was no page table (`pt_level` above 0), or no size between a page and a huge page was enabled when the "
                + "recording began",
        },
    ];
}
