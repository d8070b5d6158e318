/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The user stack of a fault, at its entry. Code made without frame pointers (Debian's libraries
 * and programs) is unwound by rows that user space makes of each file's .eh_frame; where there is
 * no row, by frame pointers.
 *
 * A row holds what .eh_frame says of one range of code: where the caller's frame begins (the CFA,
 * to which the return address is next) and where the caller's rbp was saved. Nothing else is needed
 * to go from frame to frame in what compilers make.
 */
#ifndef FAULTREC_STACKS_BPF_H
#define FAULTREC_STACKS_BPF_H

#include "target.bpf.h"

#define SEARCH_STEPS	  22 /* of a binary search in all rows */
#define PLT_ENTRY_LOW	  15 /* ip's bits in an entry of a procedure linkage table */
#define PLT_AFTER_PUSH	  11
#define SIGFRAME_BP	  120 /* in struct rt_sigframe behind pretcode: uc_mcontext.rbp */
#define SIGFRAME_SP	  160
#define SIGFRAME_IP	  168
#define LOWEST_USER_PLACE 4096

/* All files' rows, each file's sorted by pc. Sized by user space before load, as what follows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

/*
 * Where processes have mapped code, one element an address space. Element 0 is nobody's: its count
 * is that of the elements given out. Entries are only ever added, here and by user space, the
 * newest counts: what is unmapped is not executed any more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct code_maps);
} code_maps SEC(".maps");

/* The element of a process, by its id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} process_maps SEC(".maps");

/* Files that user space has made rows of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct code_file_key);
	__type(value, struct code_file);
} code_files SEC(".maps");

/* Stacks that user space has been sent. One that is forgotten is sent again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} sent_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} stacks SEC(".maps");

/* Of the stack that this CPU walks: no other walk can begin on it meanwhile. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_record);
} walked_stack SEC(".maps");

struct stack_walk {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 hash;
	__u32 maps; /* element of code_maps */
	__u32 frames;
	__u32 ending;	    /* enum stack_ending */
	__u8 is_interrupted; /* ip is where it was interrupted, not behind a call */
};

static __always_inline struct unwind_row *find_row(const struct code_mapping *mapping, __u64 pc)
{
	__u32 low = mapping->first_row, high = low + mapping->row_count;

	for (int i = 0; i < SEARCH_STEPS; i++) {
		__u32 middle = low + (high - low) / 2;
		struct unwind_row *row;

		if (high - low <= 1)
			break;
		row = bpf_map_lookup_elem(&unwind_rows, &middle);
		if (!row)
			return 0;
		if (row->pc <= pc)
			low = middle;
		else
			high = middle;
	}
	return bpf_map_lookup_elem(&unwind_rows, &low);
}

static __always_inline struct unwind_row *row_of(__u32 element, __u64 ip)
{
	struct code_maps *maps = bpf_map_lookup_elem(&code_maps, &element);
	__u32 count;

	if (!maps || !element)
		return 0;
	count = *(volatile __u32 *)&maps->count;
	for (__u32 i = 1; i <= MAX_CODE_MAPPINGS; i++) {
		__u32 index = count - i;
		struct code_mapping *mapping;

		/* Else the compiler computes it anew behind the check, which the verifier does not
		 * see through. */
		barrier_var(index);
		if (index >= MAX_CODE_MAPPINGS)
			break;
		mapping = &maps->mappings[index];
		if (ip >= mapping->start && ip < mapping->end)
			return mapping->row_count ? find_row(mapping, ip - mapping->bias) : 0;
	}
	return 0;
}

static __always_inline bool read_word(__u64 *word, __u64 place)
{
	return place >= LOWEST_USER_PLACE && !bpf_probe_read_user(word, sizeof(*word), (void *)place);
}

/* To the frame of the caller; returns why there is none, else ENDING_NONE. */
static __always_inline __u32 step(struct stack_walk *walk, const struct unwind_row *row, __u64 pc)
{
	__u64 cfa, ip, bp = walk->bp;
	__u8 rule = row ? row->cfa_rule : CFA_UNKNOWN;

	switch (rule) {
	case CFA_OUTERMOST:
		return ENDING_OUTERMOST;
	case CFA_SIGNAL:
		if (!read_word(&ip, walk->sp + SIGFRAME_IP) ||
		    !read_word(&walk->bp, walk->sp + SIGFRAME_BP) ||
		    !read_word(&walk->sp, walk->sp + SIGFRAME_SP))
			return ENDING_UNREADABLE;
		walk->ip = ip;
		walk->is_interrupted = 1;
		return ENDING_NONE;
	case CFA_SP:
		cfa = walk->sp + (__s64)row->cfa_offset * 8;
		break;
	case CFA_BP:
		cfa = walk->bp + (__s64)row->cfa_offset * 8;
		break;
	case CFA_PLT:
		cfa = walk->sp + ((pc & PLT_ENTRY_LOW) >= PLT_AFTER_PUSH ? 16 : 8);
		break;
	case CFA_UNSUPPORTED:
		return ENDING_NO_TABLE;
	default:
		/* A frame pointer chain ends with 0, which _start and clone set. */
		if (!walk->bp)
			return ENDING_OUTERMOST;
		if (walk->bp < walk->sp)
			return ENDING_NO_TABLE;
		cfa = walk->bp + 16;
		if (!read_word(&bp, walk->bp))
			return ENDING_UNREADABLE;
		break;
	}
	if (rule != CFA_UNKNOWN && row->bp_offset && !read_word(&bp, cfa + (__s64)row->bp_offset * 8))
		return ENDING_UNREADABLE;
	if (!read_word(&ip, cfa - 8))
		return ENDING_UNREADABLE;
	if (!ip)
		return ENDING_OUTERMOST;
	if (cfa <= walk->sp)
		return ENDING_NO_TABLE; /* it does not lead outwards */
	walk->ip = ip;
	walk->sp = cfa;
	walk->bp = bp;
	walk->is_interrupted = 0;
	return ENDING_NONE;
}

/* bpf_loop's function: one frame; 1 ends the loop. */
static long walk_frame(__u32 index, struct stack_walk *walk)
{
	__u32 zero = 0;
	struct stack_record *record = bpf_map_lookup_elem(&walked_stack, &zero);
	__u64 ip = walk->ip;
	/* A return address may be the first byte of the next function: a call at a function's end
	 */
	__u64 pc = walk->is_interrupted ? ip : ip - 1;

	if (!record || index >= MAX_FRAMES)
		return 1;
	record->ips[index] = pc;
	walk->frames = index + 1;
	walk->hash = (walk->hash ^ pc) * 0x9e3779b97f4a7c15ull;
	walk->hash ^= walk->hash >> 29;
	walk->ending = step(walk, row_of(walk->maps, pc), pc);
	return walk->ending != ENDING_NONE;
}

static __always_inline __u32 maps_of(struct task_slot *slot)
{
	__u32 *element;

	if (slot->maps)
		return slot->maps;
	element = bpf_map_lookup_elem(&process_maps, &slot->pid);
	if (element)
		slot->maps = *element;
	return slot->maps;
}

/* Sends the running task's user stack where it is new; returns its id, 0: it was lost. */
static __noinline __u64 take_stack(struct task_slot *slot)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct stack_walk walk = {};
	struct stack_record *record;
	__u32 zero = 0, bytes;
	__u8 one = 1;

	walk.ip = regs->ip;
	walk.sp = regs->sp;
	walk.bp = regs->bp;
	walk.maps = maps_of(slot);
	walk.is_interrupted = 1;
	bpf_loop(MAX_FRAMES, walk_frame, &walk, 0);
	record = bpf_map_lookup_elem(&walked_stack, &zero);
	if (!record || !walk.frames || walk.frames > MAX_FRAMES)
		return 0;
	record->id = (walk.hash ^ walk.ending) | 1;
	record->frames = walk.frames;
	record->ending = walk.ending;
	if (bpf_map_lookup_elem(&sent_stacks, &record->id))
		return record->id;
	bytes = STACK_HEAD_BYTES + walk.frames * 8;
	if (bytes > sizeof(*record))
		return 0;
	if (bpf_ringbuf_output(&stacks, record, bytes, BPF_RB_NO_WAKEUP))
		return 0;
	bpf_map_update_elem(&sent_stacks, &record->id, &one, BPF_ANY);
	return record->id;
}

static __always_inline void add_code(__u32 element, __u64 start, __u64 end, __u64 bias,
				     const struct code_file *file)
{
	struct code_maps *maps = bpf_map_lookup_elem(&code_maps, &element);
	struct code_mapping *mapping;
	__u32 index;

	if (!maps || !element)
		return;
	index = __sync_fetch_and_add(&maps->count, 1);
	barrier_var(index);
	if (index >= MAX_CODE_MAPPINGS)
		return; /* its frames are truncated, and counted as such */
	mapping = &maps->mappings[index];
	mapping->bias = bias;
	mapping->first_row = file->first_row;
	mapping->row_count = file->row_count;
	mapping->start = start;
	barrier();
	mapping->end = end;
}

static __always_inline struct code_file *file_of(struct inode *inode)
{
	struct code_file_key key = {};

	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	return bpf_map_lookup_elem(&code_files, &key);
}

/* mmap(2) of a file's code; ip - bias is an address in the file's own space. */
static __always_inline void code_mapped(struct task_slot *slot, struct pt_regs *regs, __u64 start)
{
	__u32 fd = regs->r8;
	__u64 offset = regs->r9;
	struct file **files = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt, fd);
	struct file *file = 0;
	struct code_file *known;

	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	known = file ? file_of(BPF_CORE_READ(file, f_inode)) : 0;
	if (known)
		add_code(maps_of(slot), start, start + regs->si,
			 start - offset + known->code_offset - known->code_address, known);
}

/* A child has its parent's mappings. What it maps before its execve is added to those of both: at
 * an address that the parent uses otherwise only by rare chance. */
static __always_inline void code_inherited(struct task_slot *slot, struct task_slot *parent)
{
	slot->maps = maps_of(parent);
	if (slot->maps && slot->pid == slot->tid)
		bpf_map_update_elem(&process_maps, &slot->pid, &slot->maps, BPF_ANY);
}

#define AT_BASE	  7 /* include/uapi/linux/auxvec.h */
#define AUXV_PAIRS 24

/*
 * After execve: a new address space, with the program and its interpreter, which the kernel has
 * mapped itself. mm->start_code is the lowest executable segment (load_elf_binary, fs/binfmt_elf.c).
 */
static __always_inline void code_executed(struct task_slot *slot, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u32 zero = 0;
	struct code_maps *first = bpf_map_lookup_elem(&code_maps, &zero);
	struct code_file *program, *interpreter;
	__u64 pair[2];
	__u32 element;

	slot->maps = 0;
	if (!first)
		return;
	element = __sync_fetch_and_add(&first->count, 1) + 1;
	if (element >= config.code_maps)
		return;
	slot->maps = element;
	bpf_map_update_elem(&process_maps, &slot->pid, &element, BPF_ANY);
	program = file_of(BPF_CORE_READ(mm, exe_file, f_inode));
	if (!program)
		return; /* user space adds it, as it does the rest */
	add_code(element, BPF_CORE_READ(mm, start_code), BPF_CORE_READ(mm, end_code),
		 BPF_CORE_READ(mm, start_code) - program->code_address, program);
	interpreter = bpf_map_lookup_elem(&code_files, &program->interpreter);
	if (!interpreter)
		return;
	for (int i = 0; i < AUXV_PAIRS; i++) {
		bpf_core_read(pair, sizeof(pair), &mm->saved_auxv[2 * i]);
		if (!pair[0])
			break;
		if (pair[0] == AT_BASE) {
			add_code(element, pair[1] + interpreter->code_address,
				 pair[1] + interpreter->code_address + interpreter->code_bytes,
				 pair[1], interpreter);
			break;
		}
	}
}

#endif
