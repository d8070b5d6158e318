/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a fault cost, from its entry to its end: time by cause (why.bpf.h) and allocations
 * (slab.bpf.h), kept in the thread's slot.
 *
 * A moment has one cause at most: that of the outermost of what is under way. So reclaim,
 * compaction, lock waits and zeroing contain the sleeps that they lead to, and io_wait and off_cpu
 * are what the fault slept for otherwise. Only a thread that could run and lost its CPU (preempted)
 * is off_cpu wherever that happened: nothing in the fault is the reason.
 */
#ifndef FAULTREC_COSTS_BPF_H
#define FAULTREC_COSTS_BPF_H

#include "target.bpf.h"

/*
 * The slot of the running thread while it is in a fault that is recorded, or left out by sampling;
 * else null.
 */
static __always_inline struct task_slot *my_fault(void)
{
	struct task_slot *slot = bpf_task_storage_get(&slots, bpf_get_current_task_btf(), 0, 0);

	return slot && slot->costs.is_under_way ? slot : 0;
}

static __always_inline void start_costs(struct fault_costs *costs)
{
	costs->is_under_way = !costs->waits_for_exec;
	for (int i = 0; i < CAUSES; i++)
		costs->cause_ns[i] = 0;
	for (int i = 0; i < SLAB_STAGES; i++)
		costs->objects[i] = 0;
	costs->buddy_pages = 0;
	for (int i = 0; i < SLABS_PENDING; i++)
		costs->slab_stage[i] = 0;
	costs->cause = 0;
	costs->away = 0;
}

/* Returns when the fault's exception began, where that is known and earlier than now; else 0. */
static __always_inline __u64 begin_costs(struct task_slot *slot, __u64 address)
{
	struct fault_costs *costs = &slot->costs;
	__u64 exception_ns = costs->exception_ns;

	if (!config.has_costs)
		return 0;
	costs->exception_ns = 0;
	if (config.starts_at_exception && exception_ns && costs->exception_address == address)
		return exception_ns;
	start_costs(costs);
	return 0;
}

/* `cause` is 1 + enum fault_cause. */
static __always_inline void charge(struct fault_costs *costs, __u8 cause, __u64 now_ns)
{
	__u32 index = cause - 1u;

	if (index < CAUSES)
		costs->cause_ns[index] += now_ns - costs->since_ns;
}

static __always_inline void end_costs(struct task_slot *slot, bool has_costs,
				      struct fault_details *details, __u64 now_ns)
{
	struct fault_costs *costs = &slot->costs;

	if (costs->cause) {
		charge(costs, costs->cause, now_ns);
		costs->cause = 0;
	}
	for (int i = 0; i < CAUSES; i++)
		details->cause_ns[i] = costs->cause_ns[i];
	for (int i = 0; i < SLAB_STAGES; i++)
		details->objects[i] = costs->objects[i];
	details->buddy_pages = costs->buddy_pages;
	details->has_costs = has_costs;
}

/* Not every fault that begins is served: the thread may be seen next in a signal handler, or behind
 * a system call that got EFAULT. */
SEC("tp_btf/sys_enter")
int costs_end_before_syscall(void *ctx)
{
	struct task_slot *slot = my_fault();

	if (slot)
		slot->costs.is_under_way = 0;
	return 0;
}

#endif
