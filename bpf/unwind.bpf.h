/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From frame to frame of a user stack. Code made without frame pointers (Debian's libraries and
 * programs) is unwound by rows that user space makes of each file's .eh_frame; where there is no
 * row, by frame pointers.
 *
 * A row holds what .eh_frame says of one range of code: where the caller's frame begins (the CFA,
 * to which the return address is next) and where the caller's rbp and rbx were saved. Nothing else
 * is needed to go from frame to frame in what compilers make. rbx costs no reading on the way:
 * where it was saved last is remembered, and read by the one function whose frame begins at it, the
 * dynamic linker's lazy binding.
 */
#ifndef FAULTREC_UNWIND_BPF_H
#define FAULTREC_UNWIND_BPF_H

#include "target.bpf.h"

#define SEARCH_STEPS	  22  /* of a binary search in all rows */
#define PLT_ENTRY_LOW	  15  /* ip's bits in an entry of a procedure linkage table */
#define SIGFRAME_BP	  120 /* in struct rt_sigframe behind pretcode: uc_mcontext.rbp */
#define SIGFRAME_BX	  128
#define SIGFRAME_SP	  160
#define SIGFRAME_IP	  168
#define LOWEST_USER_PLACE 4096
#define WINDOW_BYTES	  2048
#define LARGEST_WINDOW	  8192
#define WINDOW_ALIGNMENT  4096 /* no page of any kind is smaller */
#define WORD		  8
#define WORD_32		  4

/* All files' rows, each file's sorted by pc. User space sets the size of this map and of others
 * that have one entry here, before they are loaded. */
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

/* What user space is sent: struct stack_record, struct python_code. */
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

#define ROW_CACHE_BITS 14

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

/* What a step depended on besides the registers and the row: whoever finds the same words again
 * knows that it would lead to the same frame. */
struct step_reads {
	__u64 ip;
	__u64 ip_place; /* 0: nothing was read */
	__u64 bp_place; /* 0: rbp was not read; likewise rsp, */
	__u64 sp_place;
	__u64 bx_place; /* and as in stack_walk; 0: rbx was not saved */
	__u64 depends_on_bx;
};

struct stack_walk {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 bx_place; /* where rbx was saved last; below LOWEST_USER_PLACE: it is lost */
	__u64 bx;	/* in the innermost frame, while it has not been saved */
	__u64 hash;
	__u64 salt; /* of the address space as it is mapped now, in keys of row_cache */
	struct step_reads reads; /* of the last step */
	__u32 maps;		 /* element of code_maps */
	__u32 frames;
	__u32 ending;	     /* enum stack_ending */
	__u8 is_interrupted; /* ip is where it was interrupted, not behind a call */
};

/* A piece of the stack as it is now. One reading of memory costs as much as the rest of a step, and
 * hardly more if it is long. */
struct stack_window {
	__u64 start;
	__u64 bytes; /* 0: nothing was read */
	__u8 data[LARGEST_WINDOW + WORD];
};

struct walking {
	struct stack_walk *walk;
	struct stack_record *record;
	struct stack_window *window;
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

/* Finds a word in the window, which is moved to it if need be, and read up to `end`. Null: it
 * cannot be read. */
static __always_inline void *word_at(struct stack_window *window, __u64 place, __u64 end)
{
	__u64 offset = place - window->start;

	if (offset > WINDOW_BYTES || offset + WORD > window->bytes) {
		__u64 bytes = end - place;

		if (bytes > WINDOW_BYTES)
			bytes = WINDOW_BYTES;
		barrier_var(bytes);
		if (bytes < WORD || bytes > WINDOW_BYTES)
			return 0;
		window->bytes = 0;
		if (!read_user(window->data, bytes, place))
			return 0;
		window->start = place;
		window->bytes = bytes;
		offset = 0;
	}
	barrier_var(offset);
	return offset <= WINDOW_BYTES ? window->data + offset : 0;
}

/* A word of 8 or 4 bytes of the stack; false: it cannot be read. */
static __always_inline bool read_word(const struct walking *walking, __u64 *to, __u64 place,
				      __u32 word)
{
	/* What is behind the page may not be mapped. */
	void *found = word_at(walking->window, place, (place | (WINDOW_ALIGNMENT - 1)) + 1);

	*to = 0; /* the machine is little-endian */
	if (!found)
		return read_user(to, word, place);
	*to = word == WORD ? *(__u64 *)found : *(__u32 *)found;
	return true;
}

/* A signal handler's return: every register is in the frame that the kernel made. */
static __always_inline __u32 step_out_of_signal(const struct walking *walking)
{
	struct stack_walk *walk = walking->walk;
	struct step_reads *reads = &walk->reads;
	__u64 frame = walk->sp;

	reads->bp_place = frame + SIGFRAME_BP;
	reads->sp_place = frame + SIGFRAME_SP;
	reads->ip_place = frame + SIGFRAME_IP;
	if (!read_word(walking, &walk->bp, reads->bp_place, WORD) ||
	    !read_word(walking, &walk->sp, reads->sp_place, WORD) ||
	    !read_word(walking, &walk->ip, reads->ip_place, WORD))
		return ENDING_UNREADABLE;
	reads->ip = walk->ip;
	walk->bx_place = reads->bx_place = frame + SIGFRAME_BX;
	walk->is_interrupted = 1;
	return ENDING_NONE;
}

/* To the frame of the caller; returns why there is none, else ENDING_NONE. */
static __always_inline __u32 step(const struct walking *walking, struct unwind_row row, __u64 pc,
				  const __u32 word)
{
	struct stack_walk *walk = walking->walk;
	__u64 cfa, ip, bp = walk->bp, sp = walk->sp;
	__u8 bx = row.rules >> BX_SHIFT;

	walk->reads.ip_place = 0;
	walk->reads.bp_place = 0;
	walk->reads.sp_place = 0;
	walk->reads.bx_place = 0;
	walk->reads.depends_on_bx = 0;
	switch (row.rules & CFA_RULE_MASK) {
	case CFA_OUTERMOST:
		return ENDING_OUTERMOST;
	case CFA_SIGNAL:
		/* 32-bit code has two kinds of them, which nothing tells apart. */
		return word == WORD ? step_out_of_signal(walking) : ENDING_NO_TABLE;
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
		walk->reads.depends_on_bx = 1;
		cfa = walk->bx;
		if (walk->bx_place && !read_word(walking, &cfa, walk->bx_place, word))
			return ENDING_NO_TABLE;
		cfa += (__s64)row.cfa_offset * word;
		break;
	case CFA_REALIGNED:
		walk->reads.sp_place = walk->bp + (__s64)row.cfa_offset * word;
		walk->reads.bp_place = walk->bp;
		if (!read_word(walking, &cfa, walk->reads.sp_place, word) ||
		    !read_word(walking, &bp, walk->bp, word))
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
	if (row.bp_offset)
		walk->reads.bp_place = cfa + (__s64)row.bp_offset * word;
	/* The lower word first: the window begins at it. */
	if (row.bp_offset && !read_word(walking, &bp, walk->reads.bp_place, word))
		return ENDING_UNREADABLE;
	walk->reads.ip_place = cfa - word;
	if (!read_word(walking, &ip, walk->reads.ip_place, word))
		return ENDING_UNREADABLE;
	walk->reads.ip = ip;
	walk->ip = ip;
	walk->sp = cfa;
	walk->bp = bp;
	walk->is_interrupted = 0;
	if (!ip)
		return ENDING_CHAIN_END;
	if (cfa <= sp)
		return ENDING_NO_TABLE; /* it does not lead outwards */
	if (bx)
		walk->bx_place = walk->reads.bx_place = bx == BX_LOST ? 1 : cfa - (bx + 1) * word;
	return ENDING_NONE;
}

static __always_inline void add_to_hash(struct stack_walk *walk, __u64 word)
{
	walk->hash = (walk->hash ^ word) * GOLDEN;
	walk->hash ^= walk->hash >> 29;
}

/* A return address may be the first byte of the next function: a call at a function's end. */
static __always_inline __u64 pc_of(const struct stack_walk *walk)
{
	return walk->is_interrupted ? walk->ip : walk->ip - 1;
}

static __always_inline long add_frame(const struct walking *walking, const __u32 word)
{
	struct stack_walk *walk = walking->walk;
	__u32 frame = walk->frames;
	__u64 pc = pc_of(walk);
	struct unwind_row row = row_of(walk, pc);
	__u64 told = row.rules == CFA_NO_TABLE ? pc | FRAME_WITHOUT_TABLE : pc;

	if (frame >= MAX_FRAMES)
		return 1;
	walking->record->words[frame] = told;
	walk->frames = frame + 1;
	add_to_hash(walk, told);
	walk->ending = step(walking, row, pc, word);
	return walk->ending != ENDING_NONE;
}

/* bpf_loop's functions: one frame; 1 ends the loop. */
static long walk_frame(__u32 index, struct walking *walking)
{
	return add_frame(walking, WORD);
}

static long walk_frame_32(__u32 index, struct walking *walking)
{
	return add_frame(walking, WORD_32);
}

#endif
