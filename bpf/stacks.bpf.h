/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The user stack of a fault, at its entry. Code made without frame pointers (Debian's libraries
 * and programs) is unwound by rows that user space makes of each file's .eh_frame; where there is
 * no row, by frame pointers.
 *
 * A row holds what .eh_frame says of one range of code: where the caller's frame begins (the CFA,
 * to which the return address is next) and where the caller's rbp and rbx were saved. Nothing else
 * is needed to go from frame to frame in what compilers make. rbx costs no reading on the way:
 * where it was saved last is remembered, and read by the one function whose frame begins at it, the
 * dynamic linker's lazy binding.
 */
#ifndef FAULTREC_STACKS_BPF_H
#define FAULTREC_STACKS_BPF_H

#include "target.bpf.h"

#define SEARCH_STEPS	  22  /* of a binary search in all rows */
#define PLT_ENTRY_LOW	  15  /* ip's bits in an entry of a procedure linkage table */
#define SIGFRAME_BP	  120 /* in struct rt_sigframe behind pretcode: uc_mcontext.rbp */
#define SIGFRAME_BX	  128
#define SIGFRAME_SP	  160
#define SIGFRAME_IP	  168
#define LOWEST_USER_PLACE 4096
#define USER32_CS	  0x23 /* arch/x86/include/asm/segment.h: __USER32_CS */
#define WORD		  8
#define WORD_32		  4

/* All files' rows, each file's sorted by pc. Sized by user space before load, as what follows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

/*
 * Where processes have mapped code, one element an address space, which fork shares. Element 0 is
 * nobody's. Entries are only ever added, here and by user space, the newest counts: what is
 * unmapped is not executed any more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct code_maps);
} code_maps SEC(".maps");

/* Elements that no process uses. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_maps SEC(".maps");

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

/*
 * Rows that were found. CPUs share it without a lock: what two have written to one place at a time
 * does not match its check, and is no hit.
 */
struct cached_row {
	__u64 check; /* the key ^ the row */
	__u64 row;
};

#define ROW_CACHE_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << ROW_CACHE_BITS);
	__type(key, __u32);
	__type(value, struct cached_row);
} row_cache SEC(".maps");

/* Who walks. A fault's walk can be preempted by a system call's on the same CPU, but by no other
 * fault's: a program is left out while it runs on its CPU. */
enum walker {
	WALK_FAULT = 0,
	WALK_CALL = 1,
	WALKERS = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS);
	__type(key, __u32);
	__type(value, struct stack_record);
} walked_stacks SEC(".maps");

struct stack_walk {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 bx_place; /* where rbx was saved last; below LOWEST_USER_PLACE: it is lost */
	__u64 bx;	/* in the innermost frame, while it has not been saved */
	__u64 hash;
	__u64 salt; /* of the address space as it is mapped now, in keys of row_cache */
	struct stack_record *record;
	__u32 maps; /* element of code_maps */
	__u32 frames;
	__u32 ending;	     /* enum stack_ending */
	__u8 is_interrupted; /* ip is where it was interrupted, not behind a call */
};

#define GOLDEN 0x9e3779b97f4a7c15ull

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

struct mapping_search {
	struct code_maps *maps;
	__u64 ip;
	__u32 count;
	__u32 found; /* MAX_CODE_MAPPINGS: none */
};

/* bpf_loop's function: the newest first. */
static long look_at_mapping(__u32 i, struct mapping_search *search)
{
	__u32 index = search->count - 1 - i;
	struct code_mapping *mapping;

	/* Else the compiler computes it anew behind the check, which the verifier does not see
	 * through. */
	barrier_var(index);
	if (index >= MAX_CODE_MAPPINGS)
		return 1;
	mapping = &search->maps->mappings[index];
	if (search->ip < mapping->start || search->ip >= mapping->end)
		return 0;
	search->found = index;
	return 1;
}

static __always_inline struct unwind_row *search_row(__u32 element, __u64 ip)
{
	struct mapping_search search = {
		.maps = bpf_map_lookup_elem(&code_maps, &element),
		.ip = ip,
		.found = MAX_CODE_MAPPINGS,
	};
	struct code_mapping *mapping;
	__u32 found;

	if (!search.maps)
		return 0;
	search.count = *(volatile __u32 *)&search.maps->count;
	if (search.count > MAX_CODE_MAPPINGS)
		search.count = MAX_CODE_MAPPINGS;
	bpf_loop(search.count, look_at_mapping, &search, 0);
	found = search.found;
	barrier_var(found);
	if (found >= MAX_CODE_MAPPINGS)
		return 0;
	mapping = &search.maps->mappings[found];
	return mapping->row_count ? find_row(mapping, ip - mapping->bias) : 0;
}

/* The row of the code at pc; CFA_NO_TABLE where no file with rows is known to be mapped. */
static __always_inline struct unwind_row row_of(const struct stack_walk *walk, __u64 pc)
{
	__u64 key = pc + walk->salt;
	__u32 place = (key * GOLDEN) >> (64 - ROW_CACHE_BITS);
	struct cached_row *cached = bpf_map_lookup_elem(&row_cache, &place);
	union {
		__u64 word;
		struct unwind_row row;
	} found = {};
	struct unwind_row *row;

	if (!cached)
		return found.row;
	found.word = *(volatile __u64 *)&cached->row;
	if ((*(volatile __u64 *)&cached->check ^ found.word) == key)
		return found.row;
	row = search_row(walk->maps, pc);
	if (row)
		found.word = *(__u64 *)row;
	else
		found.row.rules = CFA_NO_TABLE;
	*(volatile __u64 *)&cached->row = found.word;
	*(volatile __u64 *)&cached->check = key ^ found.word;
	return found.row;
}

static __always_inline bool read_user(void *to, __u32 bytes, __u64 place)
{
	return place >= LOWEST_USER_PLACE && !bpf_probe_read_user(to, bytes, (void *)place);
}

/* A word of 8 or 4 bytes; false: it cannot be read. */
static __always_inline bool read_word(__u64 *to, __u64 place, __u32 word)
{
	*to = 0; /* the machine is little-endian */
	return read_user(to, word, place);
}

/* A signal handler's return: every register is in the frame that the kernel made. */
static __always_inline __u32 step_out_of_signal(struct stack_walk *walk)
{
	__u64 frame = walk->sp;

	if (!read_user(&walk->ip, WORD, frame + SIGFRAME_IP) ||
	    !read_user(&walk->bp, WORD, frame + SIGFRAME_BP) ||
	    !read_user(&walk->sp, WORD, frame + SIGFRAME_SP))
		return ENDING_UNREADABLE;
	walk->bx_place = frame + SIGFRAME_BX;
	walk->is_interrupted = 1;
	return ENDING_NONE;
}

/* To the frame of the caller; returns why there is none, else ENDING_NONE. */
static __always_inline __u32 step(struct stack_walk *walk, struct unwind_row row, __u64 pc,
				  const __u32 word)
{
	__u64 cfa, ip, bp = walk->bp;
	__u8 bx = row.rules >> BX_SHIFT;
	union {
		__u64 words[2];
		__u32 words_32[2];
	} pair;

	switch (row.rules & CFA_RULE_MASK) {
	case CFA_OUTERMOST:
		return ENDING_OUTERMOST;
	case CFA_SIGNAL:
		/* 32-bit code has two kinds of them, which nothing tells apart. */
		return word == WORD ? step_out_of_signal(walk) : ENDING_NO_TABLE;
	case CFA_SP:
		cfa = walk->sp + (__s64)row.cfa_offset * word;
		break;
	case CFA_BP:
		cfa = walk->bp + (__s64)row.cfa_offset * word;
		break;
	case CFA_PLT:
		cfa = walk->sp + ((pc & PLT_ENTRY_LOW) >= row.cfa_offset ? 2 * word : word);
		break;
	case CFA_BX:
		cfa = walk->bx;
		if (walk->bx_place && !read_word(&cfa, walk->bx_place, word))
			return ENDING_NO_TABLE;
		cfa += (__s64)row.cfa_offset * word;
		break;
	case CFA_REALIGNED:
		if (!read_word(&cfa, walk->bp + (__s64)row.cfa_offset * word, word) ||
		    !read_word(&bp, walk->bp, word))
			return ENDING_UNREADABLE;
		break;
	case CFA_UNSUPPORTED:
		return ENDING_NO_TABLE;
	default:
		if (!walk->bp)
			return ENDING_CHAIN_END;
		if (walk->bp < walk->sp)
			return ENDING_NO_TABLE;
		cfa = walk->bp + 2 * word;
		row.bp_offset = -2;
		bx = BX_LOST;
		break;
	}
	if (row.bp_offset == -2) {
		/* Next to the return address, as a frame pointer is: one reading. */
		if (!read_user(&pair, 2 * word, cfa - 2 * word))
			return ENDING_UNREADABLE;
		bp = word == WORD ? pair.words[0] : pair.words_32[0];
		ip = word == WORD ? pair.words[1] : pair.words_32[1];
	} else {
		if (row.bp_offset && !read_word(&bp, cfa + (__s64)row.bp_offset * word, word))
			return ENDING_UNREADABLE;
		if (!read_word(&ip, cfa - word, word))
			return ENDING_UNREADABLE;
	}
	if (!ip)
		return ENDING_CHAIN_END;
	if (cfa <= walk->sp)
		return ENDING_NO_TABLE; /* it does not lead outwards */
	if (bx)
		walk->bx_place = bx == BX_LOST ? 1 : cfa - (bx + 1) * word;
	walk->ip = ip;
	walk->sp = cfa;
	walk->bp = bp;
	walk->is_interrupted = 0;
	return ENDING_NONE;
}

static __always_inline void add_to_hash(struct stack_walk *walk, __u64 word)
{
	walk->hash = (walk->hash ^ word) * GOLDEN;
	walk->hash ^= walk->hash >> 29;
}

/* How the kernel came to touch user memory: return addresses, from here outwards. */
static __always_inline void add_kernel_frames(struct stack_walk *walk)
{
	struct stack_record *record = walk->record;
	long bytes = bpf_get_task_stack(bpf_get_current_task_btf(), record->words,
					MAX_KERNEL_FRAMES * 8, 0);

	for (__u32 i = 0; i < MAX_KERNEL_FRAMES && (i + 1) * 8 <= bytes; i++) {
		add_to_hash(walk, record->words[i]);
		walk->frames = i + 1;
	}
}

static __always_inline long add_frame(struct stack_walk *walk, const __u32 word)
{
	__u32 frame = walk->frames;
	/* A return address may be the first byte of the next function: a call at a function's end.
	 */
	__u64 pc = walk->is_interrupted ? walk->ip : walk->ip - 1;
	struct unwind_row row = row_of(walk, pc);
	__u64 told = row.rules == CFA_NO_TABLE ? pc | FRAME_WITHOUT_TABLE : pc;

	if (frame >= MAX_FRAMES)
		return 1;
	walk->record->words[frame] = told;
	walk->frames = frame + 1;
	add_to_hash(walk, told);
	walk->ending = step(walk, row, pc, word);
	return walk->ending != ENDING_NONE;
}

/* bpf_loop's functions: one frame; 1 ends the loop. */
static long walk_frame(__u32 index, struct stack_walk *walk)
{
	return add_frame(walk, WORD);
}

static long walk_frame_32(__u32 index, struct stack_walk *walk)
{
	return add_frame(walk, WORD_32);
}

/*
 * Is the task in an execve, and its own memory gone already? Its registers are those of the call
 * then, and say nothing of the memory that the kernel touches. The new program has its end of code
 * when its stack is made (load_elf_binary, fs/binfmt_elf.c).
 */
static __always_inline bool has_no_program(void)
{
	return !BPF_CORE_READ(bpf_get_current_task_btf(), mm, end_code);
}

#include "python.bpf.h"

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

/* Sends the running task's stack where it is new; returns its id, 0: it was lost. */
static __noinline __u64 take_stack(struct task_slot *slot, __u32 walker, bool is_in_kernel)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct stack_record *record = bpf_map_lookup_elem(&walked_stacks, &walker);
	struct stack_walk walk = {};
	struct code_maps *maps;
	__u32 bytes;
	__u8 one = 1;

	if (!record)
		return 0;
	walk.ip = regs->ip;
	walk.sp = regs->sp;
	walk.bp = regs->bp;
	walk.bx = regs->bx;
	walk.maps = maps_of(slot);
	maps = bpf_map_lookup_elem(&code_maps, &walk.maps);
	if (maps)
		walk.salt = ((__u64)maps->uses << 32 | *(volatile __u32 *)&maps->count) * GOLDEN +
			    walk.maps;
	walk.record = record;
	walk.is_interrupted = 1;
	if (is_in_kernel)
		add_kernel_frames(&walk);
	if (is_in_kernel && has_no_program())
		walk.ending = ENDING_OUTERMOST;
	else if (regs->cs == USER32_CS)
		bpf_loop(MAX_FRAMES, walk_frame_32, &walk, 0);
	else
		bpf_loop(MAX_FRAMES, walk_frame, &walk, 0);
	if (!walk.frames || walk.frames > MAX_FRAMES)
		return 0;
	record->frames = walk.frames;
	record->ending = walk.ending;
	record->python_frames = maps && maps->python ? walk_python(slot, maps, &walk, walker) : 0;
	record->id = (walk.hash ^ walk.ending) | 1;
	/* Most stacks are those of the fault before. */
	if (record->id == slot->sent_stack || bpf_map_lookup_elem(&sent_stacks, &record->id))
		return record->id;
	bytes = STACK_HEAD_BYTES + (walk.frames + 2 * record->python_frames) * 8;
	if (bytes > sizeof(*record))
		return 0;
	if (bpf_ringbuf_output(&stacks, record, bytes, BPF_RB_NO_WAKEUP))
		return 0;
	bpf_map_update_elem(&sent_stacks, &record->id, &one, BPF_ANY);
	slot->sent_stack = record->id;
	return record->id;
}

/* What found no room, in the element that is no process's. */
static __always_inline struct code_maps *left_out(void)
{
	__u32 nobody = 0;

	return bpf_map_lookup_elem(&code_maps, &nobody);
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
	if (index >= MAX_CODE_MAPPINGS) {
		maps = left_out();
		if (maps)
			__sync_fetch_and_add(&maps->count, 1);
		return;
	}
	mapping = &maps->mappings[index];
	mapping->bias = bias;
	mapping->first_row = file->first_row;
	mapping->row_count = file->row_count;
	mapping->start = start;
	barrier();
	mapping->end = end;
	if (file->python) {
		maps->python_runtime = bias + file->python_runtime;
		barrier();
		maps->python = file->python;
	}
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
static __always_inline void code_inherited(__u32 pid, __u32 parent_pid)
{
	__u32 *element = bpf_map_lookup_elem(&process_maps, &parent_pid);
	struct code_maps *maps = element ? bpf_map_lookup_elem(&code_maps, element) : 0;

	if (!maps || bpf_map_update_elem(&process_maps, &pid, element, BPF_ANY))
		return;
	__sync_fetch_and_add(&maps->processes, 1);
}

/* The process has ended, or executes another program. */
static __always_inline void code_left(__u32 pid)
{
	__u32 *known = bpf_map_lookup_elem(&process_maps, &pid);
	struct code_maps *maps;
	__u32 element;

	if (!known)
		return;
	element = *known;
	bpf_map_delete_elem(&process_maps, &pid);
	maps = bpf_map_lookup_elem(&code_maps, &element);
	if (maps && __sync_fetch_and_add(&maps->processes, -1) == 1)
		bpf_map_push_elem(&free_maps, &element, 0);
}

#define AT_BASE		7  /* include/uapi/linux/auxvec.h */
#define AT_SYSINFO_EHDR 33 /* arch/x86/include/uapi/asm/auxvec.h */
#define AUXV_PAIRS	24

/* bpf_find_vma's function: code at this mapping's distance from `bias`, which is the file's. */
struct interpreter_search {
	__u64 bias;
	__u32 element;
};

static long interpreter_found(struct task_struct *task, struct vm_area_struct *vma,
			      struct interpreter_search *search)
{
	struct file *mapped = vma->vm_file;
	struct code_file *file = mapped ? file_of(BPF_CORE_READ(mapped, f_inode)) : 0;

	if (file)
		add_code(search->element, search->bias + file->code_address,
			 search->bias + file->code_address + file->code_bytes, search->bias, file);
	return 0;
}

/*
 * The dynamic linker and the kernel's own library: whatever was executed, both have most likely
 * been seen before.
 */
static __always_inline void add_interpreter(__u32 element, struct task_struct *task)
{
	struct interpreter_search search = { .element = element };
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct code_file_key vdso_key = { .device = VDSO_DEVICE };
	struct code_file *vdso;
	__u64 pair[2];

	for (int i = 0; i < AUXV_PAIRS; i++) {
		bpf_core_read(pair, sizeof(pair), &mm->saved_auxv[2 * i]);
		if (!pair[0])
			break;
		if (pair[0] == AT_BASE)
			search.bias = pair[1];
		/* 32-bit programs have another. */
		if (pair[0] != AT_SYSINFO_EHDR || pair[1] >> 32 == 0)
			continue;
		vdso = bpf_map_lookup_elem(&code_files, &vdso_key);
		if (vdso)
			add_code(element, pair[1] + vdso->code_address,
				 pair[1] + vdso->code_address + vdso->code_bytes, pair[1], vdso);
	}
	if (search.bias)
		bpf_find_vma(task, search.bias, interpreter_found, &search, 0);
}

/*
 * After execve: a new address space, with the program and its interpreter, which the kernel has
 * mapped itself. mm->start_code is the lowest executable segment (load_elf_binary,
 * fs/binfmt_elf.c).
 */
static __always_inline void code_executed(struct task_slot *slot, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct code_file *program;
	struct code_maps *maps;
	__u32 element;

	slot->maps = 0;
	code_left(slot->pid);
	if (bpf_map_pop_elem(&free_maps, &element)) {
		maps = left_out(); /* its frames follow frame pointers */
		if (maps)
			__sync_fetch_and_add(&maps->processes, 1);
		return;
	}
	maps = bpf_map_lookup_elem(&code_maps, &element);
	if (!maps || bpf_map_update_elem(&process_maps, &slot->pid, &element, BPF_ANY))
		return;
	maps->count = 0;
	maps->python = 0;
	maps->processes = 1;
	maps->uses++;
	slot->maps = element;
	program = file_of(BPF_CORE_READ(mm, exe_file, f_inode));
	if (program)
		add_code(element, BPF_CORE_READ(mm, start_code), BPF_CORE_READ(mm, end_code),
			 BPF_CORE_READ(mm, start_code) - program->code_address, program);
	add_interpreter(element, task);
}

#endif
