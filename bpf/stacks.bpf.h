/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The stack of a fault, at its entry: the kernel's frames, the user's and Python's. */
#ifndef FAULTREC_STACKS_BPF_H
#define FAULTREC_STACKS_BPF_H

#include "python.bpf.h"
#include "remembered.bpf.h"

/* The element of a process, by its id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} process_maps SEC(".maps");

/* Stacks that user space has been sent. One that is forgotten is sent again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} sent_stacks SEC(".maps");

/* Stacks that were not walked, walked all the same (config.checks_stacks). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_checks);
} stack_checks SEC(".maps");

/* How the kernel came to touch user memory: return addresses, from here outwards. */
static __always_inline void add_kernel_frames(const struct walking *walking,
					      struct task_struct *task)
{
	struct stack_walk *walk = walking->walk;
	struct stack_record *record = walking->record;
	long bytes = bpf_get_task_stack(task, record->words, MAX_KERNEL_FRAMES * 8, 0);

	for (__u32 i = 0; i < MAX_KERNEL_FRAMES && (i + 1) * 8 <= bytes; i++) {
		add_to_hash(walk, record->words[i]);
		walk->frames = i + 1;
	}
}

/*
 * Is the task in an execve, and its own memory gone already? Its registers are those of the call
 * then, and say nothing of the memory that the kernel touches. The new program has its end of code
 * when its stack is made (load_elf_binary, fs/binfmt_elf.c).
 */
static __always_inline bool has_no_program(const struct task_struct *task)
{
	return !BPF_CORE_READ(task, mm, end_code);
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

/* To the innermost frame in user mode. */
static __always_inline void start_walk(struct stack_walk *walk, const struct pt_regs *regs)
{
	walk->ip = regs->ip;
	walk->sp = regs->sp;
	walk->bp = regs->bp;
	walk->bx = regs->bx;
	walk->bx_place = 0;
	walk->ending = ENDING_NONE;
	walk->is_interrupted = 1;
}

/* Walks every frame of a stack that was not walked, at least not whole, and writes them. */
static __always_inline void walk_again(struct recalling *recalling, const struct pt_regs *user)
{
	struct stack_walk *walk = recalling->walking.walk;
	__u32 frames = recalling->walking.record->head.frames, zero = 0;
	struct stack_checks *checks;

	start_walk(walk, user);
	walk->frames = recalling->recall->base;
	walk->hash = recalling->recall->start.base_hash;
	bpf_loop(MAX_FRAMES, walk_frame, recalling, 0);
	checks = config.checks_stacks ? bpf_map_lookup_elem(&stack_checks, &zero) : 0;
	if (!checks)
		return;
	__sync_fetch_and_add(&checks->checked, 1);
	if (walk->hash != recalling->recall->hash || walk->frames != frames ||
	    walk->ending != recalling->walking.record->head.ending)
		__sync_fetch_and_add(&checks->different, 1);
}

/*
 * Sends the stack of `task`, which runs, where it is new; returns its id, 0: it was lost. `user`
 * has the registers of user mode.
 */
static __noinline __u64 take_stack(struct task_slot *slot, struct task_struct *task,
				   const struct pt_regs *user, __u32 walker, bool is_in_kernel)
{
	struct walker_memory *memory = bpf_map_lookup_elem(&walkers, &walker);
	struct recalling recalling = {};
	struct stack_record *record;
	struct stack_walk *walk;
	struct code_maps *maps;
	struct recall *recall;
	bool is_new;
	__u32 bytes;

	if (!memory)
		return 0;
	walk = recalling.walking.walk = &memory->walk;
	record = recalling.walking.record = &memory->record;
	recalling.walking.window = &memory->window;
	memory->window.bytes = 0;
	recall = recalling.recall = &memory->recall;
	recalling.before = &memory->walks[recall->last & 1];
	recalling.fresh = &memory->walks[~recall->last & 1];
	recall->has_recalled = 0;
	recall->is_known = 0;
	walk->maps = maps_of(slot);
	maps = bpf_map_lookup_elem(&code_maps, &walk->maps);
	walk->salt = maps ? ((__u64)maps->uses << 32 | *(volatile __u32 *)&maps->changes) * GOLDEN +
				     walk->maps
			  : 0;
	walk->frames = 0;
	walk->hash = 0;
	if (is_in_kernel)
		add_kernel_frames(&recalling.walking, task);
	start_walk(walk, user);
	recall->place = walker << KNOWN_BITS | place_of(walk);
	recalling.known = bpf_map_lookup_elem(&known_stacks, &recall->place);
	if (!recalling.known)
		return 0;
	if (is_in_kernel && has_no_program(task))
		walk->ending = ENDING_OUTERMOST;
	else if (user->cs == USER32_CS)
		bpf_loop(MAX_FRAMES, walk_frame_32, &recalling, 0);
	else
		walk_as_before(&recalling);
	recall->hash = walk->hash;
	if (!walk->frames || walk->frames > MAX_FRAMES)
		return 0;
	record->head.frames = walk->frames;
	record->head.ending = walk->ending;
	record->head.python_frames =
		maps && maps->python ? walk_python(slot, task, maps, &recalling.walking, walker)
				     : 0;
	record->head.id = (walk->hash ^ walk->ending) | 1;
	/* Most stacks are those of the fault before. */
	is_new = record->head.id != slot->sent_stack &&
		 !bpf_map_lookup_elem(&sent_stacks, &record->head.id);
	if ((is_new && recall->is_known) || (config.checks_stacks && recall->has_recalled))
		walk_again(&recalling, user);
	if (is_new) {
		bytes = sizeof(record->head) +
			(record->head.frames + 2 * record->head.python_frames) * 8;
		barrier_var(bytes);
		if (bytes > sizeof(*record) ||
		    bpf_ringbuf_output(&stacks, record, bytes, BPF_RB_NO_WAKEUP))
			return 0;
		/* Any byte: what counts is that it is there. */
		bpf_map_update_elem(&sent_stacks, &record->head.id, &recall->is_known, BPF_ANY);
	}
	slot->sent_stack = record->head.id;
	return record->head.id;
}

#endif
