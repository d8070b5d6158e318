/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the probes hand to user space. Recorder/Native/ProbeLayout.g.cs is made of it, by way of the
 * object's BTF, which has no macros: a number that both sides use is an enumerator. Those of an
 * unnamed enum become constants of the struct that they stand in; their member `_constants` only
 * brings them into BTF, and takes no room.
 *
 * All times are CLOCK_MONOTONIC ns; pids are those of the recorder's pid namespace.
 */
#ifndef FAULTREC_H
#define FAULTREC_H

/* Which tasks are recorded. */
enum target_scope : __u32 {
	SCOPE_TREE = 0,	  /* those that mark_target found, and what they create */
	SCOPE_ALL = 1,	  /* every process */
	SCOPE_COMM = 2,	  /* processes whose name, that of their main thread, matches */
	SCOPE_CGROUP = 3, /* tasks in a cgroup or below it */
};

/* Set by user space between open and load. */
struct probe_config {
	enum { COMM_CHARS = 256, NO_ARGUMENT = 0xff } _constants[0];
	__u32 pidns_inum;  /* pid namespace in which ids are reported */
	__u32 target_tgid; /* the process that mark_target looks for */
	__u32 ring_slots;  /* records of one CPU's ring, a power of two */
	enum target_scope scope;
	__u32 self_tgid;   /* a process that is never recorded, the recorder; 0: none */
	__u8 machine_wide; /* completions of every task pass, not only those of targets */
	__u8 leader_only;  /* mark_target takes the main thread only */
	/* Positions of handle_mm_fault's arguments in this kernel; NO_ARGUMENT: it has none. */
	__u8 arg_address;
	__u8 arg_flags;
	__u8 arg_regs;
	__u8 arg_count;
	__u8 sees_only_mapped; /* faults where nothing is mapped pass no entry probe */
	__u8 has_details;      /* records are followed by a struct fault_details */
	/* Bits of the running kernel: FAULT_FLAG_TRIED, _REMOTE, _VMA_LOCK; VM_FAULT_RETRY, _ERROR,
	 * _MAJOR. */
	__u32 flag_tried;
	__u32 flag_remote;
	__u32 flag_vma_lock;
	__u8 starts_at_exception; /* durations begin with the exception, before handle_mm_fault */
	__u8 arg_lock_write;	  /* position of `write` in the mmap_lock tracepoint */
	__u8 sees_slow_slab;	  /* ___slab_alloc is probed */
	__u8 sees_new_slab;	  /* and what makes a new slab */
	__u32 result_retry;
	__u32 result_error;
	__u32 result_major;
	__u32 code_maps;    /* elements of that map; 0: no stacks are taken */
	__u8 has_costs;	    /* what a fault's time went to, or what it allocated, is counted */
	__u8 checks_stacks; /* a stack that was remembered is walked as well: struct stack_checks */
	__u8 has_large_folios; /* the kernel may serve a fault with pages between small and huge */
	__u8 _pad[1];
	__u64 cgroup_id;
	/*
	 * SCOPE_COMM: a shell pattern as an automaton of at most 31 states. Bit i of an entry: in
	 * state i this character leads on; comm_star: here any number of characters may pass.
	 */
	__u32 comm_star;
	__u32 comm_accept;
	__u32 comm_masks[COMM_CHARS];
};

/*
 * How page tables are walked. User space asks with pages of its own whose frames it knows;
 * find_direct_map answers; without an answer no fault is walked.
 */
struct walk_state {
	enum { WALK_PROBES = 8 } _constants[0];
	__u64 direct_map; /* where the kernel has physical address 0; 0: not known */
	__u64 top_shift;  /* of the pgd: 39 or 48 */
	__u64 addresses[WALK_PROBES];
	__u64 pfns[WALK_PROBES];
	__u64 max_candidates; /* to try, 1 GiB apart */
	__u32 tgid;	      /* of the asking process, in the recorder's pid namespace */
	__u32 _pad;
	__u64 frames; /* where the kernel has the struct page of frame 0; 0: not known */
};

enum fault_bits : __u8 {
	FAULT_MAJOR = 1 << 0,
	FAULT_KERNEL_IP = 1 << 1, /* kernel mode touched user memory */
	FAULT_NO_ENTRY = 1 << 2,  /* start_ns is the completion, the duration is unknown */
	FAULT_HAS_ERROR_CODE = 1 << 3,
	FAULT_HAS_FLAGS = 1 << 4, /* fault_flags and fault_result are known */
	FAULT_GUP = 1 << 5,	  /* get_user_pages: no exception, no registers */
	FAULT_HAS_VMF = 1 << 6,	  /* handler, vmf_address, vmf_pgoff are known */
	FAULT_HAS_WALK = 1 << 7,  /* level_before and pte_before are known */
};

/* Functions that serve faults; user space has their names (FaultHandlers.cs). */
enum fault_handler : __u8 {
	HANDLER_NONE = 0, /* none was seen */
	HANDLER_PTE_FAULT = 1,
	HANDLER_ANONYMOUS = 2,
	HANDLER_FILE = 3,
	HANDLER_SWAP = 4,
	HANDLER_WP = 5,
	HANDLER_NUMA = 6,
	HANDLER_HUGE_ANONYMOUS = 7,
};

/* Levels of the page table, by the bits of the address below an entry's reach: (shift - 12) / 9. */
enum walk_level : __u8 {
	LEVEL_PTE = 0,
	LEVEL_PMD = 1,
	LEVEL_PUD = 2,
	LEVEL_P4D = 3, /* of five levels; the pgd of four */
	LEVEL_PGD5 = 4,
	LEVEL_UNKNOWN = 7, /* user space's, for a fault that failed: no walk at its end */
};

/* What a fault's time went to, with --why. What is left over is the kernel's own work. */
enum fault_cause : __u8 {
	CAUSE_RECLAIM = 0,
	CAUSE_COMPACTION = 1,
	CAUSE_IO_WAIT = 2,
	CAUSE_LOCK_WAIT = 3,
	CAUSE_OFF_CPU = 4,
	CAUSE_ZEROING = 5,
};

/* Which part of SLUB served an allocation, with --slab. */
enum slab_stage : __u32 {
	SLAB_FAST = 0,
	SLAB_SHEAF = 1,
	SLAB_LOCAL = 2,
	SLAB_PARTIAL = 3,
	SLAB_REMOTE = 4,
	SLAB_BUDDY = 5,
	SLAB_UNKNOWN = 6, /* in slab_key only */
};

/*
 * What is counted by process rather than by fault: BPF hash tables, read by user space at the end.
 */
struct lock_wait_key {
	__s32 pid;
	__s32 tid;
	__s32 holder_pid; /* 0: not known */
	__s32 holder_tid;
};

struct lock_wait_count {
	__s64 waits;
	__s64 total_ns;
	__s64 max_ns;
};

struct flush_key {
	__s32 pid;
	__u32 reason; /* enum tlb_flush_reason of the running kernel */
};

struct flush_count {
	__s64 flushes;
	__s64 pages; /* of the flushes that named pages */
	__s64 full;  /* flushes of everything */
};

struct slab_key {
	enum { LARGEST_KMALLOC_SLAB = 8192 } _constants[0]; /* KMALLOC_MAX_CACHE_SIZE: two pages */
	__u64 cache; /* address of its kmem_cache; for kmalloc the size of its objects */
	__s32 pid;
	enum slab_stage stage;
};

struct slab_objects {
	enum { SLAB_NAME_CHARS = 32 } _constants[0];
	__s64 objects;
	__u8 name[SLAB_NAME_CHARS]; /* empty for kmalloc */
};

struct buddy_key {
	__s32 pid;
	__s32 order;
};

/* One completed fault, in the per-CPU fault ring. A cache line. */
struct fault_record {
	enum {
		LEVEL_BEFORE_MASK = 7,
		LEVEL_AFTER_SHIFT = 4,
		WALK_MERGED = 8, /* beside the level at entry: its page is one of KSM's */
		/* Above the level at completion: nothing was mapped at entry, and pte_before is not
		 * the entry but which pages of the window the fault mapped, its own among them, and
		 * from AROUND_ORDER_SHIFT on log2 of the pages of its folio, if it is known: of a
		 * write that mapped more than its own page; from AROUND_USED_SHIFT on which pages
		 * of the first half had an entry before. */
		WALK_AROUND = 128,
		LEVEL_AFTER_MASK = 7,
		AROUND_PAGES = 32, /* it begins at a multiple of: */
		AROUND_ALIGN = 16, /* and the address lies in its first half */
		AROUND_ORDER_SHIFT = 32,
		AROUND_USED_SHIFT = 40,
	} _constants[0];
	__s64 start_ns;
	__s64 address;
	__s64 ip;
	__u32 duration_low; /* of the duration, see duration_high */
	__s32 pid;
	__s32 tid;
	__u16 error_code;
	enum fault_bits bits;
	__u8 duration_high; /* bits 32..39 of the duration: 18 minutes */
	__u16 fault_flags;  /* FAULT_FLAG_* */
	__u16 fault_result; /* VM_FAULT_*, without the bits of errors */
	__u16 weight;	    /* faults that this one stands for */
	enum fault_handler handler;
	__u8 levels;	  /* enum walk_level at entry, and << LEVEL_AFTER_SHIFT at completion */
	__u64 pte_before; /* the entry at which the walk ended; see WALK_AROUND */
	__u64 pte_after;
};

/* Behind each fault_record when config.has_details; its first member also when there are stacks. */
struct fault_details {
	enum { CAUSES = 6, SLAB_STAGES = 6 } _constants[0];
	__u64 stack; /* id of a struct stack_record, or STACK_NOT_TAKEN; 0: it was lost */
	__s64 vmf_address;
	__s64 vmf_pgoff;
	__s64 cause_ns[CAUSES];	    /* by enum fault_cause */
	__u16 objects[SLAB_STAGES]; /* by enum slab_stage */
	__u16 buddy_pages;
	__u16 has_costs; /* the three above are known */
};

/* Why a stack has no more frames. */
enum stack_ending : __u32 {
	ENDING_NONE = 0, /* it may have: MAX_FRAMES were taken */
	ENDING_OUTERMOST = 1,
	ENDING_NO_TABLE = 2,
	ENDING_UNREADABLE = 3,
	ENDING_CHAIN_END = 4, /* rbp or the return address is 0: the name of the function tells */
};

struct stack_record_head {
	enum {
		MAX_FRAMES = 127,
		MAX_PYTHON_FRAMES = 64,
		MAX_KERNEL_FRAMES = 40,
		STACK_NOT_TAKEN = 2, /* in place of an id, which is odd: nobody looked for it */
		STACK_WITHOUT_TABLE_BIT = 62, /* see FRAME_WITHOUT_TABLE */
	} _constants[0];
	__u64 id;     /* a hash of what follows */
	__u16 frames; /* PYTHON_CODE_KIND: the record is a struct python_code */
	__u16 python_frames;
	enum stack_ending ending;
};

/* With the address of a frame of which no table was known: the next one is where rbp led, and right
 * if that code keeps frame pointers. */
#define FRAME_WITHOUT_TABLE (1ull << STACK_WITHOUT_TABLE_BIT)

/*
 * A distinct stack: ips, the innermost first. Of a fault in kernel mode first those of the kernel,
 * at most MAX_KERNEL_FRAMES, our own program's among them; then the user's (of a caller the last
 * byte of its call), and behind them two words for each frame of the Python interpreter: the id of
 * its struct python_code, and the offset of its instruction << 1 | whether the interpreter's C
 * function was entered with it. What is sent ends behind the last.
 */
struct stack_record {
	struct stack_record_head head;
	__u64 words[MAX_FRAMES + 2 * MAX_PYTHON_FRAMES];
};

/* Stacks that the walk before was found to have in common with this one, and those where walking
 * led elsewhere. */
struct stack_checks {
	__u64 checked;
	__u64 different;
};

struct python_code_head {
	enum {
		PYTHON_CODE_KIND = 0xffff,
		PYTHON_FILE_CHARS = 256,
		PYTHON_NAME_CHARS = 128,
		PYTHON_MAX_LINE_BYTES = 8192,
	} _constants[0];
	__u64 id;
	__u16 record_kind; /* PYTHON_CODE_KIND */
	__u16 minor;	   /* of Python 3 */
	__u32 first_line;
	__u32 file_length; /* in characters; more than what follows when it was cut */
	__u32 name_length;
	__u16 file_width; /* bytes a character */
	__u16 name_width;
	__u32 line_bytes; /* of the table that follows */
	__u64 _pad;
};

/* A function of a Python program. Texts are as the interpreter has them: 1, 2 or 4 bytes a
 * character. */
struct python_code {
	struct python_code_head head;
	__u8 file[PYTHON_FILE_CHARS];
	__u8 name[PYTHON_NAME_CHARS];
	__u8 lines[PYTHON_MAX_LINE_BYTES]; /* co_linetable, co_lnotab before 3.10 */
};

/* Where a version of CPython has what is read, in bytes from the beginning of the struct named. */
struct python_layout {
	enum { NO_CFRAME = 0xffffffff } _constants[0];
	__u32 minor;
	__u32 runtime_interpreters; /* _PyRuntimeState: interpreters.head */
	__u32 interpreter_threads;  /* PyInterpreterState: threads.head */
	__u32 thread_next;	    /* PyThreadState */
	__u32 thread_id;
	__u32 thread_frame; /* frame, cframe, current_frame */
	__u32 cframe_frame; /* _PyCFrame: current_frame; NO_CFRAME */
	__u32 frame_back;   /* PyFrameObject or _PyInterpreterFrame */
	__u32 frame_code;
	__u32 frame_instruction;
	__u32 frame_owner; /* since 3.12; 3.11: is_entry */
	__u32 code_file;   /* PyCodeObject; co_name and, since 3.11, co_qualname follow it */
	__u32 code_first_line;
	__u32 code_bytes;    /* co_code_adaptive; before 3.11 instructions are counted from 0 */
	__u32 ascii_bytes;   /* sizeof(PyASCIIObject) */
	__u32 compact_bytes; /* sizeof(PyCompactUnicodeObject) */
	__u32 state_shift;   /* of `kind` in PyASCIIObject.state */
};

/* How the CFA, the caller's stack pointer, is found. */
enum cfa_rule : __u8 {
	CFA_UNKNOWN = 0,   /* nothing is known of this code: frame pointers are tried */
	CFA_SP = 1,	   /* rsp + offset */
	CFA_BP = 2,	   /* rbp + offset */
	CFA_PLT = 3,	   /* an entry of a procedure linkage table: rsp + 16 from byte `offset` of
			      its 16 on, + 8 before */
	CFA_SIGNAL = 4,	   /* what a signal handler returns to: registers are in the signal frame */
	CFA_OUTERMOST = 5, /* the return address is undefined */
	CFA_UNSUPPORTED = 6, /* another register, or an expression */
	CFA_BX = 7,	     /* rbx + offset: the dynamic linker's lazy binding */
	CFA_REALIGNED = 8,   /* the word at rbp + offset; the caller's rbp is the word at rbp */
	CFA_NO_TABLE = 9,    /* the probe's own, no file's: likewise, see FRAME_WITHOUT_TABLE */
};

/* From this address in the file on, until the next row's. Words are of 8 bytes, of 4 in 32-bit
 * code, whose ebp, esp and ebx are meant then. */
struct unwind_row {
	enum {
		CFA_RULE_MASK = 15,
		BX_SHIFT = 4, /* above the rule: where rbx was saved */
		BX_KEPT = 0,  /* it is the caller's */
		BX_LOST = 15, /* else n: n + 1 words below the CFA */
	} _constants[0];
	__u32 pc;
	__s16 cfa_offset; /* in words */
	__u8 rules;	  /* enum cfa_rule | BX_* << BX_SHIFT */
	__s8 bp_offset;	  /* of the saved rbp from the CFA, in words; 0: rbp is the caller's */
};

struct code_mapping {
	__u64 start;
	__u64 end;
	__u64 bias; /* address - bias is one in the file */
	__u32 first_row;
	__u32 row_count;
};

/* Element 0 is no process's: its count and processes are mappings and programs that found no room.
 */
struct code_maps {
	enum { MAX_CODE_MAPPINGS = 511 } _constants[0];
	__u32 count;
	__u32 processes; /* that use the element */
	__u32 uses;	 /* how often it was given out */
	__u32 python;	 /* element of python_layouts; 0: no Python */
	__u64 python_runtime;
	__u32 changes; /* mappings that were added, counted when each is complete */
	__u32 _pad;
	struct code_mapping mappings[MAX_CODE_MAPPINGS];
};

struct code_file_key {
	/* In place of a device: the kernel's own library. */
	enum { VDSO_DEVICE = 0xffffffff } _constants[0];
	__u64 inode;
	__u32 device; /* as the kernel keeps it: major << 20 | minor */
	__u32 _pad;
};

/* The executable segment of an ELF file. */
struct code_file {
	__u64 code_address;
	__u64 code_offset;
	__u64 code_bytes;
	__u32 first_row;
	__u32 row_count;
	__u64 python_runtime; /* address of _PyRuntime in the file */
	__u32 python;	      /* element of python_layouts; 0: it has none */
	__u32 _pad;
};

/* One CPU's ring: the second line is written by user space only, the others by the probe only.
 * Positions count records and never wrap. */
struct ring_control {
	__u64 head;
	__u64 lost; /* records that found the ring full */
	__u64 without_outcome;
	__u64 sampled_out; /* completed faults that sampling left out; of these major: */
	__u64 sampled_out_major;
	__u64 excluded; /* completed faults of others than the targets */
	__u32 gap;	/* faults to leave out before the next that is taken */
	__u32 _pad0;
	__u64 unreturned; /* faults whose end no probe saw, though it came: see return_is_due */
	__u64 tail;
	__u32 every; /* one fault of so many is taken; 0: the recording has not begun,
			or has ended */
	__u32 _pad1[13];
	__u64 kernel_minor; /* the kernel's counters of the targets, what they gained up to the end
			       of each fault */
	__u64 kernel_major;
	__u64 ended_minor; /* faults that the kernel's events tell, and that began after the end */
	__u64 ended_major;
	__u64 _pad2[4];
};

enum event_type : __u32 {
	EVENT_UNMAP = 1,
	EVENT_REMAP = 2,
	EVENT_BRK = 3,
	EVENT_SHMDT = 4,
	EVENT_TASK_NEW = 5,
	EVENT_TASK_EXEC = 6,
	EVENT_TASK_EXIT = 7,
	EVENT_FAULT_FAILED = 8,
	EVENT_DOORBELL = 9,	/* drain now: a fault ring is half full, or a task is uncounted */
	EVENT_SIGNAL = 10,	/* the target process was sent an ending signal */
	EVENT_ADVISE = 11,	/* madvise: how faults are served, or what is given back */
	EVENT_USERFAULTFD = 12, /* a range was registered or unregistered */
	/* mmap or shmat, whose number is a5, made a mapping; without stacks mmap at a fixed address
	 * only */
	EVENT_MAPPED = 13,
	/* a0 to a5: number of the call and enum call_bits << 32, minor | major << 32, its value,
	 * three arguments. Faults inside a system call, see account.bpf.h */
	EVENT_CALL_FAULTS = 14,
	EVENT_TARGET_FOUND = 15, /* the first fault of a task that has the name, or is in the cgroup
				  */
	EVENT_ACCESSIBLE = 20,	 /* mprotect let memory be written to */
	EVENT_PROCESS_END = 22,	 /* a process's last thread ends: memory.bpf.h */
	/* a0 to a4: where pages were put, their bytes, where they were before, enum uffd_fill, the
	 * process whose memory it is */
	EVENT_USERFAULT_FILLED = 23,
	/* khugepaged made a huge page of the process's memory: where, 0 where that is not known;
	 * pages that were missing before */
	EVENT_COLLAPSED = 24,
	EVENT_LISTENING = 25, /* listen: a server is ready */
	/* SIGBUS for a fault: si_code, and the bytes of the file that is mapped there, -1 for none
	 */
	EVENT_BUS_ERROR = 26,
};

/* How the handler of a userfaultfd put pages there: numbers of its ioctls. */
enum uffd_fill : __u32 {
	UFFD_COPY = 3,
	UFFD_ZEROPAGE = 4,
	UFFD_MOVE = 5,
	UFFD_CONTINUE = 7,
};

/* Above the number in a0 of EVENT_CALL_FAULTS. */
enum call_bits : __u32 {
	CALL_IS_32_BIT = 1 << 0,
	CALL_GOES_ON = 1 << 1,
	CALL_HAS_BUFFER = 1 << 2, /* a4 and a5 are the buffer's beginning and length */
};

/* The rare events, in one BPF ring buffer. What a0 to a5 are depends on the type: see the probe
 * that sends it. */
struct event_record {
	/* a5 of EVENT_TASK_NEW and EVENT_TASK_EXEC: no perf event follows the task (any more); a
	 * new process has its parent's memory, and no copy of it. */
	enum { TASK_UNCOUNTED = 1, TASK_SHARES_MEMORY = 2 } _constants[0];
	__s64 time_ns;
	enum event_type type;
	__s32 pid;
	__s32 tid;
	__u32 cpu;
	__s64 a0;
	__s64 a1;
	__s64 a2;
	__s64 a3;
	__s64 a4;
	__s64 a5;
	__u64 stack; /* as in struct fault_details; 0 but for failed faults, changes of an address
			space and _CALL_FAULTS */
};

/* Read by user space while the probes run. Bumped so rarely that all CPUs share them. */
struct probe_totals {
	__u64 events_lost;  /* rare events that found their ring full: regions may be wrong after it
			     */
	__u64 tasks_marked; /* threads that mark_target made targets; user space repeats it until
			       this stands still */
	__u64 returns_due;  /* faults that count_returns_due found under way, or unreturned */
	__u64 counts_lost;  /* lock waits, flushes, objects that found their table full */
	__u64 told_by_task; /* served faults of which no perf event told, see own_counters.bpf.h */
	/* The kernel's counters of the targets, what they gained between the ends of faults. */
	__u64 kernel_minor;
	__u64 kernel_major;
	__u64 in_calls_minor; /* of these, inside system calls, without an event */
	__u64 in_calls_major;
	__u64 exec_faults; /* and inside execve, before the program's first instruction */
	/* Of no size: types that BTF would leave out, since no map, function or variable has them.
	 */
	struct fault_record _fault_record[0];
	struct fault_details _fault_details[0];
	struct event_record _event_record[0];
	enum walk_level _walk_level[0];
	enum fault_cause _fault_cause[0];
	enum cfa_rule _cfa_rule[0];
	enum call_bits _call_bits[0];
	enum uffd_fill _uffd_fill[0];
};

_Static_assert(sizeof(struct fault_record) == 64, "fault_record");
_Static_assert(sizeof(struct fault_details) == 88, "fault_details");
_Static_assert(sizeof(struct ring_control) == 192, "ring_control");
_Static_assert(sizeof(struct probe_config) == 80 + 4 * COMM_CHARS, "probe_config");
_Static_assert(sizeof(struct event_record) == 80, "event_record");
_Static_assert(sizeof(struct lock_wait_key) == 16, "lock_wait_key");
_Static_assert(sizeof(struct flush_key) == 8, "flush_key");
_Static_assert(sizeof(struct slab_key) == 16, "slab_key");
_Static_assert(sizeof(struct slab_objects) == 40, "slab_objects");
_Static_assert(sizeof(struct buddy_key) == 8, "buddy_key");
_Static_assert(sizeof(struct stack_record_head) == 16, "stack_record_head");
_Static_assert(sizeof(struct python_code_head) == 40, "python_code_head");
_Static_assert(sizeof(struct python_layout) == 68, "python_layout");
_Static_assert(sizeof(struct unwind_row) == 8, "unwind_row");
_Static_assert(sizeof(struct code_maps) == 16384, "code_maps");
_Static_assert(sizeof(struct code_file) == 48, "code_file");

#endif
