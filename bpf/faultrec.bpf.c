// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The probes. Rungs differ in how they see a fault's beginning and end (fault_tracepoint.bpf.h,
 * handle_mm_fault.bpf.h); user space loads the programs of one rung. What follows here all rungs
 * share: failed faults and the life of tasks. Changes of mappings: calls.bpf.h.
 *
 * Which tasks: see target.bpf.h. mark_target gives a slot to the target's threads, task_new to
 * every child.
 */
#include "calls.bpf.h"
#include "collapse.bpf.h"
#include "fault_tracepoint.bpf.h"
#include "handle_mm_fault.bpf.h"
#include "memory.bpf.h"
#include "slab.bpf.h"
#include "tlb.bpf.h"
#include "why.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGHUP		  1
#define SIGINT		  2
#define SIGQUIT		  3
#define SIGBUS		  7
#define SIGSEGV		  11
#define SIGTERM		  15
#define LAST_ADDRESS_CODE 2 /* SEGV_MAPERR, SEGV_ACCERR; BUS_ADRALN, BUS_ADRERR */

static long read_file_bytes(struct task_struct *task, struct vm_area_struct *vma, __s64 *bytes)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);

	if (file)
		*bytes = BPF_CORE_READ(file, f_inode, i_size);
	return 0;
}

/* Why a page could not be had: the file may end before it. */
static __noinline void tell_bus_error(struct task_struct *task, const struct task_slot *slot,
				      const struct siginfo_head *head)
{
	__s64 bytes = -1;

	bpf_find_vma(task, head->si_addr, read_file_bytes, &bytes, 0);
	send_event(EVENT_BUS_ERROR, slot, bpf_ktime_get_ns(), head->si_code, bytes, 0, 0, 0, 0);
}

/*
 * A fault that the kernel could not serve ends in a signal raised by force_sig_fault() in the
 * faulting thread itself. And user space must know whether the terminal's Ctrl-C reached the
 * recorded command too, so as not to send it a second one.
 */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_raised, int sig, void *info, struct task_struct *task)
{
	struct ring_control *control;
	struct siginfo_head head;
	struct task_struct *current = bpf_get_current_task_btf();
	struct task_slot *slot;
	struct pt_regs *regs;
	__u64 now_ns;
	__u32 bits, level = 0;

	if ((sig == SIGINT || sig == SIGQUIT || sig == SIGTERM || sig == SIGHUP) &&
	    config.target_tgid) {
		struct task_slot *target = bpf_task_storage_get(&slots, task, 0, 0);

		if (target && target->tid == config.target_tgid)
			send_event(EVENT_SIGNAL, target, bpf_ktime_get_ns(), sig, 0, 0, 0, 0, 0);
		return 0;
	}
	if (sig != SIGSEGV && sig != SIGBUS)
		return 0;
	slot = slot_of(current);
	control = my_control();
	if (!slot || !control || !is_on(control) || !is_target(slot) || task->pid != current->pid)
		return 0;
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are not pointers: the read fails. A user's own kill()
	 * has si_code <= 0. */
	if (bpf_probe_read_kernel(&head, sizeof(head), info) || head.si_code <= 0)
		return 0;
	now_ns = bpf_ktime_get_ns();
	slot->costs.exception_ns = 0;
	slot->costs.is_under_way = 0;
	if (slot->state != SLOT_IDLE && head.si_addr == slot->address) {
		bits = slot->bits | (slot->start_ns ? 0 : FAULT_NO_ENTRY);
		if (slot->start_ns && slot->walk_shift) {
			bits |= FAULT_HAS_WALK;
			level = level_of(slot->walk_shift);
		}
		send_event_of(slot->start_ns ? slot->stack : STACK_NOT_TAKEN, EVENT_FAULT_FAILED,
			      slot, now_ns, slot->start_ns ?: now_ns, slot->address, slot->ip,
			      ((__u64)slot->code << 32) | (__u32)sig,
			      ((__u64)slot->result << 32) | level << 8 | bits, slot->pte_before);
		slot->state = SLOT_IDLE;
	} else if (config.sees_only_mapped && head.si_code <= LAST_ADDRESS_CODE) {
		/* Where nothing is mapped handle_mm_fault is not called. */
		regs = (struct pt_regs *)bpf_task_pt_regs(current);
		send_event_of(config.code_maps ? take_stack(slot, current, regs, WALK_CALL, false)
					       : 0,
			      EVENT_FAULT_FAILED, slot, now_ns, now_ns, head.si_addr,
			      BPF_CORE_READ(regs, ip), (__u32)sig, FAULT_NO_ENTRY, 0);
	}
	if (sig == SIGBUS)
		tell_bus_error(current, slot, &head);
	return 0;
}

#define CLONE_VM 0x100 /* include/uapi/linux/sched.h */

/*
 * At the end of copy_process, which everything passes that becomes a task. sched_process_fork comes
 * later, and not for the threads that the kernel makes in a process for itself: io_uring's workers
 * (create_io_thread), vhost's (vhost_task_create).
 */
SEC("tp_btf/task_newtask")
int BPF_PROG(task_new, struct task_struct *child, __u64 clone_flags)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct task_slot *parent_slot = bpf_task_storage_get(&slots, parent, 0, 0);
	struct ring_control *control = my_control();
	struct task_slot *slot;
	bool is_uncounted;

	if (config.code_maps && config.scope != SCOPE_TREE && child->group_leader == child)
		code_inherited(id_in_recorder_ns(child), id_in_recorder_ns(parent->group_leader));
	if (!parent_slot && config.scope == SCOPE_TREE)
		return 0;
	slot = give_slot(child, child->group_leader);
	if (!slot)
		return 0; /* its faults will be without entry, and counted as such */
	if (control && is_on(control))
		open_account(slot, child);
	if (config.scope != SCOPE_TREE)
		return 0;
	if (config.code_maps && slot->pid == slot->tid)
		code_inherited(slot->pid, parent_slot->pid);
	is_uncounted = !parent_slot->counted_by && !parent_slot->costs.waits_for_exec &&
		       lost_its_events(slot, child);
	send_event(EVENT_TASK_NEW, slot, bpf_ktime_get_ns(), parent_slot->pid, parent_slot->tid, 0,
		   0, 0,
		   (is_uncounted ? TASK_UNCOUNTED : 0) |
			   (clone_flags & CLONE_VM ? TASK_SHARES_MEMORY : 0));
	if (is_uncounted)
		ring_bell();
	return 0;
}

/*
 * When the new image is in place and its first instruction has not run. a0 is ru_maxrss, in pages,
 * of what the process was before; a2 is the old tid.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task)
{
	struct task_slot *slot =
		config.code_maps ? my_slot() : bpf_task_storage_get(&slots, task, 0, 0);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);
	bool is_uncounted;
	__u32 old_tid;

	if (!slot)
		return 0;
	if (control)
		settle(slot, task, control, cpu);
	is_uncounted = config.scope == SCOPE_TREE && lost_its_events(slot, task);
	if (is_uncounted)
		slot->state = SLOT_IDLE;
	old_tid = slot->tid;
	account_exec(slot, task);
	slot->costs.waits_for_exec = 0;
	/* A thread that is not the leader takes the leader's id over in execve. */
	slot->tid = id_in_recorder_ns(task);
	slot->pid = slot->tid;
	if (config.code_maps)
		code_executed(slot, task);
	if (!is_target(slot))
		return 0;
	send_event(EVENT_TASK_EXEC, slot, bpf_ktime_get_ns(), BPF_CORE_READ(task, signal, maxrss),
		   0, old_tid, 0, 0, is_uncounted ? TASK_UNCOUNTED : 0);
	if (is_uncounted)
		ring_bell();
	return 0;
}

/*
 * a2 is the exit code, which has the signal that ended the process in its low bits. Since 6.16
 * the tracepoint comes before the address space is gone, so a few more faults can follow.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct task_slot *slot = bpf_task_storage_get(&slots, task, 0, 0);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);

	if (config.code_maps && !BPF_CORE_READ(task, signal, live.counter))
		code_left(slot ? slot->pid : id_in_recorder_ns(task->group_leader));
	if (!slot)
		return 0;
	if (control)
		settle(slot, task, control, cpu);
	if (return_is_due(slot)) {
		if (control)
			bump(&control->unreturned);
		slot->state = SLOT_IDLE;
	}
	if (slot->account != ACCOUNT_OFF && account_call(slot, task))
		tell_call(slot, (struct pt_regs *)bpf_task_pt_regs(task), 0, STACK_NOT_TAKEN);
	if (!is_target(slot))
		return 0;
	send_event(EVENT_TASK_EXIT, slot, bpf_ktime_get_ns(), 0, 0, task->exit_code, 0, 0, 0);
	if (!BPF_CORE_READ(task, signal, live.counter))
		send_memory(slot, task);
	return 0;
}

/* Run by reading the iterator: makes every thread of the target process a target. */
SEC("iter/task")
int mark_target(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_slot *slot;

	if (!task || id_in_recorder_ns(task->group_leader) != config.target_tgid)
		return 0;
	if (config.leader_only && task != task->group_leader)
		return 0;
	if (bpf_task_storage_get(&slots, task, 0, 0))
		return 0;
	slot = give_slot(task, task->group_leader);
	if (!slot)
		return 0;
	if (config.leader_only)
		open_account(slot, task); /* the command, which is recorded from here on */
	slot->costs.waits_for_exec = config.leader_only;
	__sync_fetch_and_add(&totals.tasks_marked, 1);
	send_event(EVENT_TASK_NEW, slot, bpf_ktime_get_ns(), 0, 0, 0, 0, 1, 0);
	return 0;
}

/* Run by reading the iterator. */
SEC("iter/task")
int count_returns_due(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_slot *slot = task ? bpf_task_storage_get(&slots, task, 0, 0) : 0;

	if (slot && return_is_due(slot))
		__sync_fetch_and_add(&totals.returns_due, 1);
	return 0;
}
