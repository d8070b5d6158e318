/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A command's perf events are on its tasks, and the kernel takes them away from a task that
 * executes a program with other rights or one that it may not read (begin_new_exec, fs/exec.c:
 * perf_event_exit_task). User space opens new ones at once; what the task faults until then, and
 * what it creates, is told by the task's own counters: when they have gone on by the next fault,
 * the one before was served. Its end was not seen, so it has no duration and no frame.
 */
#ifndef FAULTREC_OWN_COUNTERS_BPF_H
#define FAULTREC_OWN_COUNTERS_BPF_H

#include "fault.bpf.h"

enum {
	EVENTS_OF_ALL_CPUS = 1, /* is no address */
};

/*
 * Which perf events tell of the task's faults: the address of their context; 0: none. Events that
 * come back after the kernel has taken the task's away are in another context.
 */
static __always_inline __u64 perf_events_of(struct task_struct *task)
{
	struct task_struct___two_contexts *old = (void *)task;

	if (config.machine_wide)
		return EVENTS_OF_ALL_CPUS;
	if (bpf_core_field_exists(old->perf_event_ctxp))
		return (__u64)BPF_CORE_READ(old, perf_event_ctxp[1]);
	return (__u64)BPF_CORE_READ(task, perf_event_ctxp);
}

/* The command's task has lost its events, or was created by one that had none. */
static __always_inline bool lost_its_events(struct task_slot *slot, struct task_struct *task)
{
	if (perf_events_of(task))
		return false;
	slot->counted_by = 0;
	return true;
}

/* Not inline: Linux 6.1 gives a program and what it calls 512 bytes of stack. */
static __noinline void settle_fault(struct task_slot *slot, struct task_struct *task,
				    struct ring_control *control, __u32 cpu)
{
	__u8 bits = (__u32)task->maj_flt != slot->seen_major ? FAULT_MAJOR : 0;

	if (!bits && (__u32)task->min_flt == slot->seen_minor)
		return;
	slot->walk_shift = 0;
	slot->costs.is_under_way = 0;
	/* A duration of 0 says that the end is not known. */
	complete_fault(slot, task, control, cpu, slot->start_ns, bits, 0);
	__sync_fetch_and_add(&totals.told_by_task, 1);
}

/*
 * Of the running task, before its next fault begins, or a system call or itself ends. Events can be
 * gone before task_exec knows: execve takes them away, and faults on until its program begins. And
 * they can be there for nothing: those that a task inherits while its creator's are being opened
 * have no program, or are never switched on, and new ones are not switched on yet. So what counts
 * is that those which are there have told of a fault.
 */
static __always_inline void settle(struct task_slot *slot, struct task_struct *task,
				   struct ring_control *control, __u32 cpu)
{
	if (slot->state == SLOT_IDLE || slot->account == ACCOUNT_OFF || config.sees_only_mapped ||
	    slot->costs.waits_for_exec)
		return;
	if (!slot->counted_by || slot->counted_by != perf_events_of(task))
		settle_fault(slot, task, control, cpu);
}

#endif
