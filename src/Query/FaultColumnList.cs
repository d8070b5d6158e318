namespace Faultrec.Query;

/// <summary>The columns of the view `faults`: the file's own, in its order, and the Analyzer's. docs/format.md is their full text.</summary>
internal static class FaultColumnList
{
    public const string View = "faults";

    /// <summary>Columns that older files lack and whose value is then not NULL.</summary>
    public static readonly IReadOnlyDictionary<string, string> Defaults = new Dictionary<string, string> { ["gup"] = "false", ["weight"] = "1", ["grew"] = "false" };

    public static readonly IReadOnlyList<ViewColumn> OfFile =
    [
        Column("time_ns", "BIGINT", "start of the fault, ns since the recording began"),
        Column("duration_ns", "BIGINT", "ns in the kernel's fault handler; NULL: entry not seen"),
        Column("pid", "INTEGER", "process id"),
        Column("tid", "INTEGER", "thread id"),
        Column("cpu", "INTEGER", "CPU"),
        Column("comm", "VARCHAR", "name of the thread at the fault"),
        Column("address", "BIGINT", "faulting address, byte; bits of an unsigned number"),
        Column("ip", "BIGINT", "instruction pointer; bits of an unsigned number"),
        Column("major", "BOOLEAN", "accounted as major: waited for a device, or was retried"),
        Column("access", "VARCHAR", "read, write or exec; NULL: not seen"),
        Column("kernel_access", "BOOLEAN", "kernel mode touched user memory"),
        Column("error_code", "INTEGER", "x86 page-fault error code, bits; NULL: not seen"),
        Column("fault_flags", "INTEGER", "FAULT_FLAG_* bits of the recorded kernel; NULL: not seen"),
        Column("fault_result", "INTEGER", "VM_FAULT_* bits of the recorded kernel; NULL: not seen"),
        Column("signal", "INTEGER", "signal of a fault that failed; NULL: served"),
        Column("pt_level", "TINYINT", "page-table level where the walk ended, 4 pgd to 0 pte; NULL: not recorded"),
        Column("pte_before", "BIGINT", "entry found there, bits; NULL: not recorded"),
        Column("pfn", "BIGINT", "physical frame that was mapped; NULL: not recorded"),
        Column("page_order", "TINYINT", "log2 of the pages mapped; NULL: not recorded"),
        Column("region_id", "INTEGER", "mapping, region_id of regions; 0: none known"),
        Column("region", "VARCHAR", "name of that mapping"),
        Column("file_page", "BIGINT", "page offset in the mapped file; NULL: anonymous"),
        Column("stack", "VARCHAR", "folded user stack; NULL: not recorded (stack_id is what recordings have)"),
        Column("gup", "BOOLEAN", "raised by get_user_pages, not by an exception"),
        Column("handler", "VARCHAR", "kernel function that served it; NULL: no --handlers"),
        Column("vmf_address", "BIGINT", "vmf->address of that function, byte; NULL as handler"),
        Column("vmf_pgoff", "BIGINT", "vmf->pgoff of that function, page; NULL as handler"),
        Column("weight", "INTEGER", "faults the row stands for: 1 unless sampled"),
        Column("grew", "BOOLEAN", "the kernel grew the stack's mapping for it"),
        Column("reclaim_ns", "BIGINT", "of the duration: freeing memory, ns; NULL: no --why"),
        Column("compaction_ns", "BIGINT", "of the duration: compacting memory, ns; NULL: no --why"),
        Column("io_wait_ns", "BIGINT", "of the duration: waiting for a device, ns; NULL: no --why"),
        Column("lock_wait_ns", "BIGINT", "of the duration: waiting for mmap_lock, ns; NULL: no --why"),
        Column("off_cpu_ns", "BIGINT", "of the duration: not running otherwise, ns; NULL: no --why"),
        Column("zeroing_ns", "BIGINT", "of the duration: zeroing a huge page, ns; NULL: no --why"),
        Column("slab_fast", "INTEGER", "kernel objects from the CPU's free list; NULL: no --slab"),
        Column("slab_sheaf", "INTEGER", "kernel objects from the CPU's sheaf; NULL: no --slab"),
        Column("slab_local", "INTEGER", "kernel objects from the CPU's slab; NULL: no --slab"),
        Column("slab_partial", "INTEGER", "kernel objects from the CPU's partial slabs; NULL: no --slab"),
        Column("slab_remote", "INTEGER", "kernel objects from a node's partial list; NULL: no --slab"),
        Column("slab_buddy", "INTEGER", "kernel objects from a new slab; NULL: no --slab"),
        Column("buddy_pages", "INTEGER", "pages from the buddy allocator; NULL: no --slab"),
        Column("stack_id", "INTEGER", "user stack, stack_id of stacks; NULL: none recorded"),
    ];

    public static readonly IReadOnlyList<ViewColumn> OfAnalyzer =
    [
        Column("severity", "VARCHAR", "minor, major or failed"),
        Column("kind", "VARCHAR", "why the fault happened, as docs/kinds.md names it"),
    ];

    private static ViewColumn Column(string name, string type, string meaning) => new(View, name, type, meaning);
}
