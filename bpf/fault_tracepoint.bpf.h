/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tracepoint rung. A fault is seen twice: at entry by the x86 page_fault tracepoints, which
 * know address, error code and time; at completion by the kernel's own minor-/major-fault software
 * events, which are counted after the page is mapped and never for a retry (mm_account_fault,
 * mm/memory.c). The two meet in the task's local storage.
 */
#ifndef FAULTREC_FAULT_TRACEPOINT_BPF_H
#define FAULTREC_FAULT_TRACEPOINT_BPF_H

#include "own_counters.bpf.h"

/* `user` has the registers of user mode. */
static __always_inline int fault_enter(struct task_struct *task, unsigned long address,
				       const struct pt_regs *regs, const struct pt_regs *user,
				       unsigned long error_code, __u8 bits)
{
	struct task_slot *slot = slot_of(task);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);

	if (!slot || !control || !is_on(control) || !is_target(slot))
		return 0;
	settle(slot, task, control, cpu);
	begin_fault(slot, task, user, control, cpu, address, regs->ip, error_code, bits, false);
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(fault_enter_user, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	return fault_enter(bpf_get_current_task_btf(), address, regs, regs, error_code,
			   FAULT_HAS_ERROR_CODE);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(fault_enter_kernel, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	struct task_struct *task = bpf_get_current_task_btf();

	/*
	 * Other people's probes read user memory with page faults disabled; that never completes,
	 * and must not overwrite the fault that it interrupted.
	 */
	if (task->pagefault_disabled)
		return 0;
	return fault_enter(task, address, regs, (struct pt_regs *)bpf_task_pt_regs(task),
			   error_code, FAULT_HAS_ERROR_CODE | FAULT_KERNEL_IP);
}

static __always_inline int fault_complete(struct bpf_perf_event_data *ctx, __u8 bits)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_slot *slot = slot_of(task);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);

	if (!control)
		return 0;
	if (!slot) {
		/* Nobody's target, or one that the kernel had no memory to remember. */
		if (config.scope == SCOPE_TREE && config.machine_wide)
			bump(&control->excluded);
		else
			bump(&control->lost);
		return 0;
	}
	if (!is_target(slot)) {
		close_account(slot);
		bump(&control->excluded);
		return 0;
	}
	if (slot->state == SLOT_IDLE && !is_on(control)) {
		/* It began after the end of the recording. */
		close_account(slot);
		bump(bits & FAULT_MAJOR ? &control->ended_major : &control->ended_minor);
		return 0;
	}
	slot->counted_by = perf_events_of(task);
	/* The execve of the command has switched the event on. */
	if (config.has_costs)
		slot->costs.waits_for_exec = 0;
	if ((ctx->regs.cs & 3) == 0)
		bits |= FAULT_KERNEL_IP;
	if (slot->state == SLOT_IDLE || slot->address != ctx->addr) {
		slot->address = ctx->addr;
		slot->ip = ctx->regs.ip;
		slot->bits = 0;
		bits |= FAULT_NO_ENTRY;
	}
	complete_fault(slot, task, control, cpu, now_ns, bits, 0);
	return 0;
}

SEC("perf_event")
int fault_minor(struct bpf_perf_event_data *ctx)
{
	return fault_complete(ctx, 0);
}

SEC("perf_event")
int fault_major(struct bpf_perf_event_data *ctx)
{
	return fault_complete(ctx, FAULT_MAJOR);
}

#endif
