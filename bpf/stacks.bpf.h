/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The stack of a fault, at its entry: the kernel's frames, the user's and Python's. */
#ifndef FAULTREC_STACKS_BPF_H
#define FAULTREC_STACKS_BPF_H

#include "python.bpf.h"
#include "unwind.bpf.h"

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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS);
	__type(key, __u32);
	__type(value, struct stack_record);
} walked_stacks SEC(".maps");

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

/*
 * Is the task in an execve, and its own memory gone already? Its registers are those of the call
 * then, and say nothing of the memory that the kernel touches. The new program has its end of code
 * when its stack is made (load_elf_binary, fs/binfmt_elf.c).
 */
static __always_inline bool has_no_program(void)
{
	return !BPF_CORE_READ(bpf_get_current_task_btf(), mm, end_code);
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
	record->head.frames = walk.frames;
	record->head.ending = walk.ending;
	record->head.python_frames =
		maps && maps->python ? walk_python(slot, maps, &walk, walker) : 0;
	record->head.id = (walk.hash ^ walk.ending) | 1;
	/* Most stacks are those of the fault before. */
	if (record->head.id == slot->sent_stack ||
	    bpf_map_lookup_elem(&sent_stacks, &record->head.id))
		return record->head.id;
	bytes = sizeof(record->head) + (walk.frames + 2 * record->head.python_frames) * 8;
	if (bytes > sizeof(*record))
		return 0;
	if (bpf_ringbuf_output(&stacks, record, bytes, BPF_RB_NO_WAKEUP))
		return 0;
	bpf_map_update_elem(&sent_stacks, &record->head.id, &one, BPF_ANY);
	slot->sent_stack = record->head.id;
	return record->head.id;
}

#endif
