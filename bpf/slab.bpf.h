/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * --slab: kernel objects and pages that a fault allocates. The kmem tracepoints tell each object
 * and its cache; which stage of SLUB served it is told by probes on the slow path, where the kernel
 * lets us place them: none was passed: the CPU's free list, or its sheaf in a cache that has them;
 * else by what ___slab_alloc (mm/slub.c) found at its entry; and whatever made a new slab is the
 * buddy allocator's.
 */
#ifndef FAULTREC_SLAB_BPF_H
#define FAULTREC_SLAB_BPF_H

#include "costs.bpf.h"
#include "events.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __s64);
} interrupts SEC(".maps");

/*
 * An interrupt borrows the thread that it came upon; what it allocates is not the fault's. The
 * preemption count would tell, but without CONFIG_KALLSYMS_ALL BPF does not find it. The probes at
 * the ends come first, and are attached first: an end without its beginning is ignored.
 */
static __always_inline int interrupt(__s64 step)
{
	__u32 zero = 0;
	__s64 *depth = bpf_map_lookup_elem(&interrupts, &zero);

	if (depth && *depth + step >= 0)
		*depth += step;
	return 0;
}

#define INTERRUPT(name, tracepoint, step)                                                          \
	SEC("tp_btf/" #tracepoint) int name(void *ctx)                                             \
	{                                                                                          \
		return interrupt(step);                                                            \
	}

INTERRUPT(softirq_ends, softirq_exit, -1)
INTERRUPT(irq_ends, irq_handler_exit, -1)
INTERRUPT(softirq_begins, softirq_entry, 1)
INTERRUPT(irq_begins, irq_handler_entry, 1)

static __always_inline bool in_interrupt(void)
{
	__u32 zero = 0;
	__s64 *depth = bpf_map_lookup_elem(&interrupts, &zero);

	return depth && *depth > 0;
}

static __always_inline struct task_slot *my_allocation(void)
{
	struct task_slot *slot = my_fault();

	return slot && !in_interrupt() ? slot : 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct slab_key);
	__type(value, struct slab_objects);
} slab_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct buddy_key);
	__type(value, __u64);
} buddy_counts SEC(".maps");

/* The slow path of `cache` is at `stage` at least. More caches than nest in each other: one of
 * them, entered without an object, is forgotten. */
static __always_inline void reach_stage(struct fault_costs *costs, __u64 cache, __u8 stage)
{
	__u32 place = 0;

	for (__u32 i = 0; i < SLABS_PENDING; i++) {
		if (!costs->slab_stage[i]) {
			place = i;
		} else if (costs->slab[i] == cache) {
			if (stage > costs->slab_stage[i])
				costs->slab_stage[i] = stage;
			return;
		}
	}
	place &= SLABS_PENDING - 1;
	costs->slab[place] = cache;
	costs->slab_stage[place] = stage;
}

static __always_inline __u64 object_size(__u64 cache)
{
	return BPF_CORE_READ((struct kmem_cache *)cache, size);
}

/* The stage that the object just allocated comes from; SLAB_FAST when the slow path was not
 * entered. A kmalloc tells its object's size only. */
static __always_inline __u8 take_stage(struct fault_costs *costs, __u64 cache, bool is_kmalloc)
{
	for (__u32 i = 0; i < SLABS_PENDING; i++) {
		__u8 stage = costs->slab_stage[i];

		if (!stage || (is_kmalloc ? object_size(costs->slab[i]) : costs->slab[i]) != cache)
			continue;
		costs->slab_stage[i] = 0;
		return stage;
	}
	return SLAB_FAST;
}

static __always_inline void count_object(struct task_slot *slot, __u64 cache, const char *name,
					 __u8 stage)
{
	struct slab_key key = { .cache = cache, .pid = slot->pid, .stage = stage };
	struct slab_objects *count = bpf_map_lookup_elem(&slab_counts, &key);

	if (stage < SLAB_STAGES && slot->costs.objects[stage] < 0xffff)
		slot->costs.objects[stage]++;
	if (!count) {
		struct slab_objects first = {};

		if (name)
			bpf_probe_read_kernel_str(first.name, sizeof(first.name), name);
		bpf_map_update_elem(&slab_counts, &key, &first, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&slab_counts, &key);
	}
	if (count)
		__sync_fetch_and_add(&count->objects, 1);
	else
		__sync_fetch_and_add(&totals.counts_lost, 1);
}

/* What is known of the stage where not all of the slow path can be probed. */
static __always_inline __u8 known_stage(__u8 stage)
{
	if (!config.sees_slow_slab || (stage == SLAB_REMOTE && !config.sees_new_slab))
		return SLAB_UNKNOWN;
	return stage;
}

/* Before 6.16 the verifier refuses to load an argument of type const void *; a helper may read it.
 */
static __always_inline bool is_allocated(const __u64 *ctx)
{
	__u64 object = 0;

	bpf_probe_read_kernel(&object, sizeof(object), &ctx[1]);
	return object != 0;
}

SEC("tp_btf/kmem_cache_alloc")
int BPF_PROG(slab_object, unsigned long call_site, const void *object, struct kmem_cache *cache)
{
	struct task_slot *slot = my_allocation();
	__u8 stage;

	if (!slot || !is_allocated((const __u64 *)ctx))
		return 0;
	stage = take_stage(&slot->costs, (__u64)cache, false);
	if (stage == SLAB_FAST && bpf_core_field_exists(cache->cpu_sheaves) &&
	    BPF_CORE_READ(cache, cpu_sheaves))
		stage = SLAB_SHEAF;
	count_object(slot, (__u64)cache, BPF_CORE_READ(cache, name), known_stage(stage));
	return 0;
}

SEC("tp_btf/kmalloc")
int BPF_PROG(slab_kmalloc, unsigned long call_site, const void *object, unsigned long asked,
	     unsigned long size)
{
	struct task_slot *slot = my_allocation();
	__u8 stage;

	if (!slot || !is_allocated((const __u64 *)ctx))
		return 0;
	/* Larger ones are pages, without a slab. */
	if (size > LARGEST_KMALLOC_SLAB)
		stage = SLAB_BUDDY;
	else
		stage = known_stage(take_stage(&slot->costs, size, true));
	count_object(slot, size, 0, stage);
	return 0;
}

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(buddy_pages, struct page *page, unsigned int order)
{
	struct task_slot *slot = my_allocation();
	struct buddy_key key = { .order = order };
	__u64 *count, none = 0;
	__u32 pages;

	if (!slot || !page)
		return 0;
	pages = slot->costs.buddy_pages + (1u << (order & 31));
	slot->costs.buddy_pages = pages > 0xffff ? 0xffff : pages;
	key.pid = slot->pid;
	count = bpf_map_lookup_elem(&buddy_counts, &key);
	if (!count) {
		bpf_map_update_elem(&buddy_counts, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&buddy_counts, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		__sync_fetch_and_add(&totals.counts_lost, 1);
	return 0;
}

/*
 * ___slab_alloc takes the list of the CPU's slab over, if there is something on it; then the CPU's
 * partial slabs; then a node's; then it makes a new one.
 */
static __always_inline int slow_path(__u64 cache, struct kmem_cache_cpu *cpu)
{
	struct task_slot *slot = my_allocation();
	struct slab *slab;
	__u8 stage = SLAB_REMOTE;

	if (!slot)
		return 0;
	slab = BPF_CORE_READ(cpu, slab);
	if (slab && BPF_CORE_READ(slab, freelist))
		stage = SLAB_LOCAL;
	else if (bpf_core_field_exists(cpu->partial) && BPF_CORE_READ(cpu, partial))
		stage = SLAB_PARTIAL;
	reach_stage(&slot->costs, cache, stage);
	return 0;
}

static __always_inline int new_slab_made(__u64 cache)
{
	struct task_slot *slot = my_allocation();

	if (slot)
		reach_stage(&slot->costs, cache, SLAB_BUDDY);
	return 0;
}

SEC("fentry/___slab_alloc")
int fentry____slab_alloc(__u64 *ctx)
{
	return slow_path(ctx[0], (struct kmem_cache_cpu *)ctx[4]);
}

SEC("kprobe/___slab_alloc")
int kprobe____slab_alloc(struct bpf_user_pt_regs *ctx)
{
	return slow_path(ctx->di, (struct kmem_cache_cpu *)ctx->r8);
}

#define NEW_SLAB(function)                                                                         \
	SEC("fentry/" #function) int fentry_##function(__u64 *ctx)                                 \
	{                                                                                          \
		return new_slab_made(ctx[0]);                                                      \
	}                                                                                          \
	SEC("kprobe/" #function) int kprobe_##function(struct bpf_user_pt_regs *ctx)               \
	{                                                                                          \
		return new_slab_made(ctx->di);                                                     \
	}

NEW_SLAB(allocate_slab)
NEW_SLAB(new_slab)

#endif
