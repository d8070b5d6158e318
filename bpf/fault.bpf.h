/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The beginning and the end of a fault, as all rungs see them: what is noted, and what becomes a
 * record. */
#ifndef FAULTREC_FAULT_BPF_H
#define FAULTREC_FAULT_BPF_H

#include "account.bpf.h"
#include "costs.bpf.h"
#include "ring.bpf.h"
#include "stacks.bpf.h"
#include "walk.bpf.h"

/* The weight of a fault that begins now: the faults that it will stand for, 0 to leave it out. The
 * distance between two is random, so that no rhythm of the program is met; its mean is `every`. */
static __always_inline __u16 choose(struct ring_control *control)
{
	__u32 every = *(volatile __u32 *)&control->every;

	if (every <= 1)
		return 1;
	if (control->gap) {
		control->gap--;
		return 0;
	}
	control->gap = bpf_get_prandom_u32() % (2 * every - 1);
	return every;
}

/* `user` has the registers of user mode. */
static __always_inline void begin_fault(struct task_slot *slot, struct task_struct *task,
					const struct pt_regs *user, struct ring_control *control,
					__u32 cpu, __u64 address, __u64 ip, __u32 code, __u8 bits,
					bool is_remote)
{
	struct fault_record *record;
	__u64 exception_ns;

	/* User space drops what is told of others. */
	if ((config.scope == SCOPE_COMM || config.scope == SCOPE_CGROUP) && !slot->is_told) {
		slot->is_told = 1;
		send_event(EVENT_TARGET_FOUND, slot, bpf_ktime_get_ns(), 0, 0, 0, 0, 0, 0);
		ring_bell();
	}
	if (slot->state != SLOT_IDLE) {
		if (!config.sees_only_mapped)
			account_unended(slot, control);
		else if (slot->state == SLOT_CHOSEN && slot->has_completed)
			bump(&control->without_outcome);
	}
	if (slot->account == ACCOUNT_OFF)
		open_account(slot, task);
	slot->address = address;
	slot->ip = ip;
	slot->code = code;
	slot->bits = bits;
	slot->handler = HANDLER_NONE;
	slot->weight = choose(control);
	exception_ns = begin_costs(slot, address);
	if (!slot->weight) {
		slot->start_ns = 0;
		slot->state = SLOT_LEFT_OUT;
		return;
	}
	/*
	 * Completion will most likely write this record, whose memory the reader had last: writing
	 * to it now fetches it while the kernel serves the fault.
	 */
	record = next_record(control, cpu);
	if (record)
		*(volatile __u64 *)&record->start_ns = 0;
	slot->state = SLOT_CHOSEN;
	if (is_remote)
		slot->walk_shift = 0;
	else
		walk_before(slot, task, address);
	if (config.code_maps)
		slot->stack = is_remote ? STACK_NOT_TAKEN
					: take_stack(slot, task, user, WALK_FAULT,
						     bits & FAULT_KERNEL_IP);
	slot->start_ns = exception_ns ?: bpf_ktime_get_ns();
}

static __always_inline void count_sampled_out(struct ring_control *control, __u8 bits)
{
	bump(&control->sampled_out);
	if (bits & FAULT_MAJOR)
		bump(&control->sampled_out_major);
}

/* What only some options ask for; returns what it says, as enum fault_bits. */
static __always_inline __u8 add_details(struct task_slot *slot, bool has_costs,
					struct fault_details *details, __u64 now_ns)
{
	if (config.has_costs)
		end_costs(slot, has_costs, details, now_ns);
	else
		details->has_costs = 0;
	if (!slot->handler)
		return 0;
	details->vmf_address = slot->vmf_address;
	details->vmf_pgoff = slot->vmf_pgoff;
	return FAULT_HAS_VMF;
}

/*
 * The fault in `slot` is served. `bits` are those that its end tells; without FAULT_NO_ENTRY its
 * beginning is known, and the slot's own bits are added.
 */
static __always_inline void complete_fault(struct task_slot *slot, struct task_struct *task,
					   struct ring_control *control, __u32 cpu, __u64 now_ns,
					   __u8 bits, __u32 result)
{
	struct fault_details *details;
	struct fault_record *record;
	__u64 start_ns = slot->start_ns;
	bool has_costs = false;

	account_served(slot, task, control, bits | slot->bits);
	slot->state = SLOT_IDLE;
	slot->has_completed = 1;
	if (config.has_costs) {
		has_costs = slot->costs.is_under_way;
		slot->costs.is_under_way = 0;
	}
	if (bits & FAULT_NO_ENTRY) {
		start_ns = now_ns;
		slot->weight = choose(control);
		slot->handler = HANDLER_NONE;
		slot->stack = STACK_NOT_TAKEN;
	}
	if (!slot->weight) {
		count_sampled_out(control, bits);
		return;
	}
	record = next_record(control, cpu);
	if (!record) {
		bump(&control->lost);
		return;
	}
	bits |= slot->bits;
	record->start_ns = start_ns;
	record->address = slot->address;
	record->ip = slot->ip;
	record->duration_low = now_ns - start_ns;
	record->duration_high = (now_ns - start_ns) >> 32;
	record->pid = slot->pid;
	record->tid = slot->tid;
	record->error_code = slot->code;
	record->fault_flags = slot->code;
	record->fault_result = result;
	record->weight = slot->weight;
	record->handler = slot->handler;
	if (slot->walk_shift && !(bits & FAULT_NO_ENTRY)) {
		struct walk_end after = walk_after(slot);
		__u64 around = mapped_around(slot, &after);

		bits |= FAULT_HAS_WALK;
		record->levels = level_of(slot->walk_shift) | slot->walk_merged |
				 level_of(after.shift) << LEVEL_AFTER_SHIFT |
				 (around ? WALK_AROUND : 0);
		record->pte_before = around ?: slot->pte_before;
		record->pte_after = after.entry;
	}
	details = (struct fault_details *)(record + 1);
	if (config.has_details || config.code_maps)
		details->stack = slot->stack;
	if (config.has_details)
		bits |= add_details(slot, has_costs, details, now_ns);
	record->bits = bits;
	publish(control);
}

#endif
