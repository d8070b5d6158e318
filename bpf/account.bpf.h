/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel's own counters of a task beside the faults whose end a probe sees.
 *
 * mm_account_fault (mm/memory.c) adds to min_flt or maj_flt of the running task first, and raises
 * the software event afterwards; for get_user_pages, which has no registers, it raises none. So at
 * the end of a fault the counters have gained this one. What else they have gained since they were
 * looked at last are faults by get_user_pages, told where the system call ends, or one whose end no
 * probe saw although its entry was seen: the kernel leaves our program out while another one runs
 * on its CPU. That one is told by nobody, and is missing from user space's sum.
 */
#ifndef FAULTREC_ACCOUNT_BPF_H
#define FAULTREC_ACCOUNT_BPF_H

#include "events.bpf.h"

enum account_state {
	ACCOUNT_OFF = 0,
	ACCOUNT_FOUND = 1, /* user space has begun it, whoever's task it is */
	ACCOUNT_OPEN = 2,  /* the task has looked itself, as a target */
};

#define NO_CALL			-1		      /* in place of a system call's number */
#define CALL_BITS(bits)		((__u64)(bits) << 32) /* enum call_bits, above the number */
#define IORING_REGISTER_BUFFERS 0

struct gain {
	__u32 minor;
	__u32 major;
};

static __always_inline void open_account(struct task_slot *slot, struct task_struct *task)
{
	slot->seen_minor = task->min_flt;
	slot->seen_major = task->maj_flt;
	slot->account = ACCOUNT_OPEN;
}

static __always_inline void close_account(struct task_slot *slot)
{
	slot->account = ACCOUNT_OFF;
	slot->unseen_minor = 0;
	slot->unseen_major = 0;
}

/* What the counters have gained since the last look. */
static __always_inline struct gain take_gain(struct task_slot *slot, struct task_struct *task)
{
	__u32 minor = task->min_flt, major = task->maj_flt;
	struct gain gain = { minor - slot->seen_minor, major - slot->seen_major };

	slot->seen_minor = minor;
	slot->seen_major = major;
	return gain;
}

/* Likewise, anywhere but at the end of a fault. */
static __always_inline struct gain take_gain_aside(struct task_slot *slot, struct task_struct *task)
{
	struct gain gain = take_gain(slot, task);

	if (gain.minor)
		__sync_fetch_and_add(&totals.kernel_minor, gain.minor);
	if (gain.major)
		__sync_fetch_and_add(&totals.kernel_major, gain.major);
	return gain;
}

/* Takes the fault out of `gain` that the slot holds as under way, and that has ended unseen. */
static __always_inline void drop_unended(struct task_slot *slot, struct ring_control *control,
					 struct gain *gain)
{
	if (slot->state == SLOT_IDLE)
		return;
	if (gain->minor)
		gain->minor--;
	else if (gain->major)
		gain->major--;
	else if (slot->state == SLOT_CHOSEN && slot->has_completed)
		bump(&control->without_outcome);
	slot->state = SLOT_IDLE;
}

/* The faults inside a call become an event. */
static __always_inline void send_unseen(struct task_slot *slot, __u64 stack, __u64 call,
					__u64 value, __u64 first, __u64 second, __u64 third)
{
	__sync_fetch_and_add(&totals.in_calls_minor, slot->unseen_minor);
	__sync_fetch_and_add(&totals.in_calls_major, slot->unseen_major);
	send_event_of(stack, EVENT_CALL_FAULTS, slot, bpf_ktime_get_ns(), call,
		      (__u64)slot->unseen_major << 32 | slot->unseen_minor, value, first, second,
		      third);
	slot->unseen_minor = 0;
	slot->unseen_major = 0;
}

static __noinline int served_among_others(struct task_slot *slot, struct gain *others, bool is_user)
{
	slot->unseen_minor += others->minor;
	slot->unseen_major += others->major;
	/* Every call ends with a look: what user mode finds is of none (work on the way out of the
	 * kernel, as io_uring has). */
	if (is_user && !slot->costs.waits_for_exec)
		send_unseen(slot, STACK_NOT_TAKEN, (__u32)NO_CALL, 0, 0, 0, 0);
	return 0;
}

/* At the end of a fault of `task`, which runs. */
static __always_inline void account_served(struct task_slot *slot, struct task_struct *task,
					   struct ring_control *control, __u8 bits)
{
	__u32 is_major = bits & FAULT_MAJOR ? 1 : 0;
	struct gain gain = take_gain(slot, task);

	/* It may have been counted before anybody looked. */
	if (slot->account == ACCOUNT_OFF || !(gain.minor | gain.major)) {
		gain.minor = !is_major;
		gain.major = is_major;
	}
	slot->account = ACCOUNT_OPEN;
	*(volatile __u64 *)&control->kernel_minor += gain.minor;
	*(volatile __u64 *)&control->kernel_major += gain.major;
	if (gain.minor + gain.major == 1 || config.sees_only_mapped)
		return;
	if (is_major && gain.major)
		gain.major--;
	else
		gain.minor--;
	served_among_others(slot, &gain, !(bits & FAULT_KERNEL_IP));
}

/* A fault begins, in its own task, while the last one is held to be under way. */
static __noinline int account_unended(struct task_slot *slot, struct ring_control *control)
{
	struct gain gain = take_gain_aside(slot, bpf_get_current_task_btf());

	/* Before the execve of a command no fault's end is seen. */
	if (!slot->costs.waits_for_exec)
		drop_unended(slot, control, &gain);
	slot->unseen_minor += gain.minor;
	slot->unseen_major += gain.major;
	return 0;
}

static __always_inline bool has_gained(const struct task_slot *slot, struct task_struct *task)
{
	return slot->seen_minor != (__u32)task->min_flt ||
	       slot->seen_major != (__u32)task->maj_flt ||
	       (slot->unseen_minor | slot->unseen_major);
}

struct buffer {
	__u64 start;
	__u64 length;
};

/* A system call ends, or the task does in one. Has it faults to tell? */
static __noinline int account_call(struct task_slot *slot, struct task_struct *task)
{
	struct ring_control *control = my_control();
	struct gain gain;

	if (!control || slot->costs.waits_for_exec)
		return 0;
	if (!is_target(slot) || (config.sees_only_mapped && !is_on(control))) {
		close_account(slot);
		return 0;
	}
	gain = take_gain_aside(slot, task);
	if (config.sees_only_mapped)
		return 0; /* what has no record here was missed */
	drop_unended(slot, control, &gain);
	slot->unseen_minor += gain.minor;
	slot->unseen_major += gain.major;
	if (!is_on(control))
		slot->account = ACCOUNT_OFF;
	return (slot->unseen_minor | slot->unseen_major) != 0;
}

/* Not in account_call: beneath it the stack would be too deep for take_stack (512 bytes). */
static __noinline int tell_call(struct task_slot *slot, const struct pt_regs *regs, __u64 value,
				__u64 stack)
{
	__u64 call = (__u32)regs->orig_ax;
	struct buffer buffer = { regs->si, regs->dx };

	if (regs->cs == USER32_CS)
		call |= CALL_BITS(CALL_IS_32_BIT);
	else if (call == __NR_io_uring_register && (__u32)regs->si == IORING_REGISTER_BUFFERS &&
		 (__u32)regs->r10 == 1 &&
		 !bpf_probe_read_user(&buffer, sizeof(buffer), (void *)regs->dx))
		call |= CALL_BITS(CALL_HAS_BUFFER);
	send_unseen(slot, stack, call, value, regs->di, buffer.start, buffer.length);
	return 0;
}

/* What execve itself has faulted in, for the program that begins. */
static __always_inline void account_exec(struct task_slot *slot, struct task_struct *task)
{
	struct ring_control *control = my_control();
	struct gain gain;

	if (!control || !is_on(control))
		return;
	if (!is_target(slot)) {
		close_account(slot);
		return;
	}
	if (slot->account == ACCOUNT_OFF) {
		open_account(slot, task); /* it has just been given the name that is looked for */
		return;
	}
	gain = take_gain_aside(slot, task);
	slot->account = ACCOUNT_OPEN;
	if (config.sees_only_mapped)
		return;
	if (!slot->costs.waits_for_exec)
		drop_unended(slot, control, &gain);
	__sync_fetch_and_add(&totals.exec_faults,
			     gain.minor + gain.major + slot->unseen_minor + slot->unseen_major);
	slot->unseen_minor = 0;
	slot->unseen_major = 0;
}

/* Run by reading the iterator, when a recording of what runs already has begun. */
SEC("iter/task")
int open_accounts(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_slot *slot;

	if (!task || !task->mm)
		return 0;
	slot = bpf_task_storage_get(&slots, task, 0, 0);
	if (!slot && config.scope != SCOPE_TREE)
		slot = give_slot(task, task->group_leader);
	if (!slot || slot->account != ACCOUNT_OFF)
		return 0;
	open_account(slot, task);
	slot->account = ACCOUNT_FOUND;
	return 0;
}

/*
 * Run by reading the iterator, when no new fault is taken any more: system calls that go on. A task
 * that has faulted since is not looked at; its account is closed.
 */
SEC("iter/task")
int close_accounts(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_slot *slot = task ? bpf_task_storage_get(&slots, task, 0, 0) : 0;
	struct pt_regs *regs;
	struct gain gain;
	bool is_missed;

	if (!slot || slot->account == ACCOUNT_OFF || slot->costs.waits_for_exec)
		return 0;
	if (slot->account == ACCOUNT_FOUND && config.scope != SCOPE_TREE &&
	    config.scope != SCOPE_ALL)
		return 0; /* perhaps no target */
	if (slot->pid == config.self_tgid || !has_gained(slot, task))
		return 0;
	is_missed = slot->state != SLOT_IDLE;
	gain = take_gain_aside(slot, task);
	slot->state = SLOT_IDLE;
	if (is_missed) {
		if (gain.minor)
			gain.minor--;
		else if (gain.major)
			gain.major--;
	}
	slot->unseen_minor += gain.minor;
	slot->unseen_major += gain.major;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (slot->unseen_minor | slot->unseen_major)
		send_unseen(slot, STACK_NOT_TAKEN,
			    (__u32)regs->orig_ax | CALL_BITS(CALL_GOES_ON) |
				    (regs->cs == USER32_CS ? CALL_BITS(CALL_IS_32_BIT) : 0),
			    0, regs->di, regs->si, regs->dx);
	close_account(slot);
	return 0;
}

#endif
