/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The fexit and kprobe rungs: both ends of handle_mm_fault, and on demand the function below it
 * that served the fault. A fault counts as in mm_account_fault (mm/memory.c): VM_FAULT_RETRY is
 * none yet, an error is none, major is VM_FAULT_MAJOR or FAULT_FLAG_TRIED. A duration
 * reaches from the first entry to the last return, over the wait between two tries.
 */
#ifndef FAULTREC_HANDLE_MM_FAULT_BPF_H
#define FAULTREC_HANDLE_MM_FAULT_BPF_H

#include "fault.bpf.h"

#define MAX_ARGUMENTS 5

/*
 * Does a fault that is under way go on, after handle_mm_fault has asked for another try? Not known
 * by FAULT_FLAG_TRIED alone: since 6.4 the first try is under the VMA's own lock, and the second,
 * which may be the first with mmap_lock, does not have the flag. Where the return was missed the
 * flags are all there is.
 */
static __always_inline bool is_next_try(const struct task_slot *slot, __u64 address, __u32 flags)
{
	if (slot->state == SLOT_IDLE || slot->address != address)
		return false;
	if (slot->is_retried)
		return true;
	return return_is_due(slot) &&
	       ((flags & config.flag_tried) || (slot->code & ~flags & config.flag_vma_lock));
}

static __always_inline int mm_fault_enter(__u64 address, __u32 flags, struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_slot *slot = slot_of(task);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);
	__u8 bits = FAULT_HAS_FLAGS;
	__u64 ip = 0;

	if (!slot || !control || !is_on(control) || !is_target(slot))
		return 0;
	if (is_next_try(slot, address, flags)) {
		slot->code = flags;
		slot->handler = 0;
		slot->is_retried = 0;
		return 0;
	}
	if (return_is_due(slot)) {
		bump(&control->unreturned);
		slot->state = SLOT_IDLE;
	}
	slot->is_retried = 0;
	if (regs)
		ip = BPF_CORE_READ(regs, ip);
	else
		bits |= FAULT_GUP;
	if (!regs || (BPF_CORE_READ(regs, cs) & 3) == 0)
		bits |= FAULT_KERNEL_IP;
	slot->result = 0;
	/* Memory of another process, or of the program that execve prepares: not in our page table.
	 */
	begin_fault(slot, task, (struct pt_regs *)bpf_task_pt_regs(task), control, cpu, address, ip,
		    flags, bits, flags & config.flag_remote);
	return 0;
}

/* `address` and `flags` are for a fault whose entry was not seen; 0 where the rung cannot know. */
static __always_inline int mm_fault_leave(__u32 result, __u64 address, __u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_slot *slot = slot_of(task);
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);
	__u8 bits = 0;

	if (!control)
		return 0;
	if (!slot || !is_target(slot)) {
		if (slot) {
			close_account(slot);
			slot->state = SLOT_IDLE; /* renamed or moved in the middle */
		}
		if (config.machine_wide && is_on(control) &&
		    !(result & (config.result_retry | config.result_error)))
			bump(&control->excluded);
		return 0;
	}
	if (slot->state == SLOT_IDLE && !is_on(control))
		return 0;
	if (result & config.result_retry) {
		slot->is_retried = 1;
		return 0;
	}
	if (result & config.result_error) {
		slot->result = result;
		slot->costs.is_under_way = 0;
		return 0; /* signal_raised tells it, or nobody: the caller gets EFAULT */
	}
	if (slot->state == SLOT_IDLE) {
		if (!address) {
			/* It began before the recording, or the probe at its entry did not run. */
			bump(slot->has_completed ? &control->lost : &control->excluded);
			if (!slot->has_completed)
				take_gain(slot, task);
			slot->has_completed = 1;
			return 0;
		}
		slot->address = address;
		slot->ip = 0;
		slot->bits = FAULT_HAS_FLAGS;
		slot->code = flags;
		bits |= FAULT_NO_ENTRY;
	}
	if ((result & config.result_major) || (slot->code & config.flag_tried))
		bits |= FAULT_MAJOR;
	complete_fault(slot, task, control, cpu, bpf_ktime_get_ns(), bits, result);
	return 0;
}

/*
 * The order of the programs is that of their attaching: the end before the entry, see
 * return_is_due.
 *
 * Which argument is where is known when the program is loaded: config is constant then, so the
 * verifier sees one of these loads. The array keeps the compiler from turning them into one load
 * from a computed place, which the verifier refuses.
 */
static __always_inline void read_context(const __u64 *ctx, __u64 *values, __u32 count)
{
	values[0] = ctx[0];
	values[1] = ctx[1];
	values[2] = ctx[2];
	if (count > 3)
		values[3] = ctx[3];
	if (count > 4)
		values[4] = ctx[4];
}

static __always_inline struct pt_regs *regs_of(const __u64 *arguments)
{
	if (config.arg_regs >= MAX_ARGUMENTS)
		return 0;
	return (struct pt_regs *)arguments[config.arg_regs];
}

SEC("fexit/handle_mm_fault")
int mm_fault_fexit(__u64 *ctx)
{
	__u64 arguments[MAX_ARGUMENTS] = {};

	read_context(ctx, arguments, config.arg_count + 1);
	/* The result comes behind them. */
	return mm_fault_leave(arguments[config.arg_count], arguments[config.arg_address],
			      arguments[config.arg_flags]);
}

SEC("fentry/handle_mm_fault")
int mm_fault_fentry(__u64 *ctx)
{
	__u64 arguments[MAX_ARGUMENTS] = {};

	read_context(ctx, arguments, config.arg_count);
	return mm_fault_enter(arguments[config.arg_address], arguments[config.arg_flags],
			      regs_of(arguments));
}

SEC("kretprobe/handle_mm_fault")
int mm_fault_kretprobe(struct bpf_user_pt_regs *ctx)
{
	return mm_fault_leave(ctx->ax, 0, 0);
}

SEC("kprobe/handle_mm_fault")
int mm_fault_kprobe(struct bpf_user_pt_regs *ctx)
{
	__u64 arguments[MAX_ARGUMENTS] = { ctx->di, ctx->si, ctx->dx, ctx->cx, ctx->r8 };

	return mm_fault_enter(arguments[config.arg_address], arguments[config.arg_flags],
			      regs_of(arguments));
}

/* The first of them in a fault served it: do_swap_page itself may end in do_wp_page. */
static __always_inline int handler_enter(__u8 handler, struct vm_fault *vmf)
{
	struct task_slot *slot = my_slot();

	if (!slot || slot->state != SLOT_CHOSEN)
		return 0;
	if (slot->handler && slot->handler != HANDLER_PTE_FAULT)
		return 0;
	slot->handler = handler;
	slot->vmf_address = BPF_CORE_READ(vmf, address);
	slot->vmf_pgoff = BPF_CORE_READ(vmf, pgoff);
	return 0;
}

#define HANDLER(number, function)                                                                  \
	SEC("fentry/" #function)                                                                   \
	int BPF_PROG(fentry_##function, struct vm_fault *vmf)                                      \
	{                                                                                          \
		return handler_enter(number, vmf);                                                 \
	}                                                                                          \
	SEC("kprobe/" #function)                                                                   \
	int kprobe_##function(struct bpf_user_pt_regs *ctx)                                        \
	{                                                                                          \
		return handler_enter(number, (struct vm_fault *)ctx->di);                          \
	}

HANDLER(HANDLER_PTE_FAULT, handle_pte_fault)
HANDLER(HANDLER_ANONYMOUS, do_anonymous_page)
HANDLER(HANDLER_FILE, do_fault)
HANDLER(HANDLER_SWAP, do_swap_page)
HANDLER(HANDLER_WP, do_wp_page)
HANDLER(HANDLER_NUMA, do_numa_page)
HANDLER(HANDLER_HUGE_ANONYMOUS, do_huge_pmd_anonymous_page)

#endif
