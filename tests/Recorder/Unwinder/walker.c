/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The probes' own walk of a stack (bpf/stacks.bpf.h), as a library of user space: it reads the
 * memory of another process, and its maps are arrays of the caller's. The include guards of
 * libbpf's headers keep those out; what the walk uses of them is here.
 */
#define _GNU_SOURCE
#define BPF_NO_PRESERVE_ACCESS_INDEX
#define __BPF_HELPERS__
#define __BPF_CORE_READ_H__
#define __BPF_TRACING_H__

#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "vmlinux_min.h"

#define SEC(name)	__attribute__((section(name), used))
#define __noinline	__attribute__((noinline))
#define __uint(name, n) int(*name)[n]
#define __type(name, t) typeof(t) *name
#define barrier()	__asm__ volatile("" ::: "memory")
#define barrier_var(v)	__asm__ volatile("" : "+r"(v))

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#define READ_1(from, a)			 ((from)->a)
#define READ_2(from, a, b)		 ((from)->a->b)
#define READ_OF(from, a, b, which, ...)	 which
#define BPF_CORE_READ(...)		 READ_OF(__VA_ARGS__, READ_2, READ_1)(__VA_ARGS__)
#define bpf_core_read(to, bytes, from)	 memcpy(to, from, bytes)
#define bpf_loop(count, body, ctx, flag) loop(count, (long (*)(__u32, void *))(body), ctx)

static struct mm_struct mm = { .end_code = 1 };
static struct task_struct task = { .mm = &mm };
static struct pt_regs registers;
static int pid;

static struct task_struct *bpf_get_current_task_btf(void)
{
	return &task;
}

static long bpf_get_task_stack(struct task_struct *of, void *to, __u32 bytes, __u64 flags)
{
	return -1; /* no kernel's frames */
}

static long bpf_probe_read_user(void *to, __u32 bytes, const void *place)
{
	struct iovec here = { to, bytes }, there = { (void *)place, bytes };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (long)bytes ? 0 : -1;
}

static void loop(__u32 count, long (*body)(__u32, void *), void *ctx)
{
	for (__u32 i = 0; i < count; i++) {
		if (body(i, ctx))
			break;
	}
}

/* Of functions in target.bpf.h that no walk calls. */
void *bpf_task_storage_get(void *map, struct task_struct *of, void *value, __u64 flags);
__u64 bpf_get_current_ancestor_cgroup_id(int level);

static void *bpf_map_lookup_elem(void *map, const void *key);
static long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
static long bpf_ringbuf_output(void *map, void *record, __u64 bytes, __u64 flags);

#include "stacks.bpf.h"

#define ELEMENT	   1 /* of the process and its Python, in maps */
#define SENT_BYTES (1 << 20)

/* What the caller has of the process. */
struct process {
	/* struct user_regs_struct */
	struct bpf_user_pt_regs regs;
	__u64 fs_base;
	__u64 other_regs[5];
	const struct unwind_row *rows;
	const struct code_maps *maps;
	const struct python_layout *python;
	__u32 row_count;
	__u32 thread;
};

static const struct process *process;

/* What was sent: each record behind its length. */
static __u8 sent[SENT_BYTES];
static __u32 sent_bytes;

static struct walker_memory memory;
static struct known_stack known[WALKERS << KNOWN_BITS];

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	static struct cached_row cache[1 << ROW_CACHE_BITS];
	static struct python_scratch scratch;
	static __u32 element = ELEMENT;
	__u32 index = *(const __u32 *)key;

	if (map == &unwind_rows)
		return index < process->row_count ? (void *)&process->rows[index] : 0;
	if (map == &code_maps)
		return index == ELEMENT ? (void *)process->maps : 0;
	if (map == &python_layouts)
		return index == ELEMENT ? (void *)process->python : 0;
	if (map == &row_cache)
		return &cache[index];
	if (map == &walkers)
		return &memory;
	if (map == &known_stacks)
		return &known[index];
	if (map == &python_scratches)
		return &scratch;
	if (map == &process_maps)
		return &element;
	return 0; /* nothing was sent before */
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	return 0;
}

static long bpf_ringbuf_output(void *map, void *record, __u64 bytes, __u64 flags)
{
	__u32 length = bytes;

	if (sent_bytes + sizeof(length) + bytes > SENT_BYTES)
		return -1;
	memcpy(sent + sent_bytes, &length, sizeof(length));
	memcpy(sent + sent_bytes + sizeof(length), record, bytes);
	sent_bytes += sizeof(length) + bytes;
	return 0;
}

/* Returns how many bytes were sent, from *records on: at last the stack. 0: there is none. */
__u32 walk_stack(const struct process *of, const __u8 **records)
{
	struct task_slot slot = {};

	process = of;
	pid = of->thread;
	task.thread.fsbase = of->fs_base;
	registers.ip = of->regs.ip;
	registers.sp = of->regs.sp;
	registers.bp = of->regs.bp;
	registers.bx = of->regs.bx;
	registers.cs = of->regs.cs;
	sent_bytes = 0;
	*records = sent;
	return take_stack(&slot, &task, &registers, WALK_FAULT, false) ? sent_bytes : 0;
}

/* The next walk has none before it. */
void forget_walks(void)
{
	memset(&memory, 0, sizeof(memory));
	memset(known, 0, sizeof(known));
}

/* Of how many stacks there are all words that were read. */
__u32 count_known(void)
{
	__u32 count = 0;

	for (__u32 i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		count += known[i].bytes != 0;
	return count;
}
