/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TLB flushes of the targets by reason (arch/x86/mm/tlb.c). A CPU tells of its own flush; the
 * thread it runs belongs to the address space that is flushed. The exception is the flush of a task
 * switch, made for the thread that comes while the one that goes is still current.
 */
#ifndef FAULTREC_TLB_BPF_H
#define FAULTREC_TLB_BPF_H

#include "events.bpf.h"

#define FLUSH_ALL	     (~0UL) /* arch/x86/include/asm/tlbflush.h: TLB_FLUSH_ALL */
#define FLUSH_ON_TASK_SWITCH 0

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flush_key);
	__type(value, struct flush_count);
} flush_counts SEC(".maps");

/* The process of the thread that this CPU switched to last; 0: no target's. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} coming SEC(".maps");

/* What is_target asks is asked of the running thread, so of one that comes it is not known before
 * it has had a fault. */
static __always_inline void thread_comes(const struct task_slot *slot)
{
	__u32 zero = 0;
	__u32 *pid = bpf_map_lookup_elem(&coming, &zero);

	if (pid)
		*pid = slot && (config.scope == SCOPE_TREE || slot->has_completed) ? slot->pid : 0;
}

/* Where why.bpf.h does not look at every switch anyway. */
SEC("tp_btf/sched_switch")
int BPF_PROG(tlb_switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	thread_comes(bpf_task_storage_get(&slots, next, 0, 0));
	return 0;
}

static __always_inline __u32 flushed_pid(int reason)
{
	__u32 zero = 0;
	__u32 *pid;
	struct task_slot *slot;

	if (reason == FLUSH_ON_TASK_SWITCH) {
		pid = bpf_map_lookup_elem(&coming, &zero);
		return pid ? *pid : 0;
	}
	slot = bpf_task_storage_get(&slots, bpf_get_current_task_btf(), 0, 0);
	return slot && is_target(slot) ? slot->pid : 0;
}

SEC("tp_btf/tlb_flush")
int BPF_PROG(tlb_flushed, int reason, unsigned long pages)
{
	struct flush_key key = { .pid = flushed_pid(reason), .reason = reason };
	struct flush_count *count, none = {};

	/* Also passed when a switch finds the coming address space's entries up to date. */
	if (!pages || !key.pid)
		return 0;
	count = bpf_map_lookup_elem(&flush_counts, &key);
	if (!count) {
		bpf_map_update_elem(&flush_counts, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&flush_counts, &key);
	}
	if (!count) {
		__sync_fetch_and_add(&totals.counts_lost, 1);
		return 0;
	}
	__sync_fetch_and_add(&count->flushes, 1);
	if (pages == FLUSH_ALL)
		__sync_fetch_and_add(&count->full, 1);
	else
		__sync_fetch_and_add(&count->pages, pages);
	return 0;
}

#endif
