/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The ends of system calls. Those that change an address space, or tell the kernel how to serve its
 * faults, and listen are told where perf's side-band does not: all rungs need them. The tracepoint
 * rung also looks at the end of every call whether the kernel served faults inside it that no probe
 * has seen, so it sits on sys_exit, which every call of the machine passes. The fexit and kprobe
 * rungs see those faults, and sit on the few functions instead.
 */
#ifndef FAULTREC_CALLS_BPF_H
#define FAULTREC_CALLS_BPF_H

#include "code_maps.bpf.h"
#include "own_counters.bpf.h"

#define PROT_WRITE	  2
#define PROT_EXEC	  4
#define MAP_FIXED	  0x10
#define MAP_ANONYMOUS	  0x20
#define EAGAIN		  11
#define ENOMEM		  12
#define UFFDIO_REGISTER	  0xc020aa00 /* include/uapi/linux/userfaultfd.h */
#define UFFDIO_UNREGISTER 0x8010aa01

/* ioctls of a userfaultfd whatever their argument's size: the number and the type. */
#define UFFDIO_NUMBER(command) ((command)&0xff)
#define IS_UFFDIO(command)     (((command)&0xff00) == 0xaa00)
#define UFFDIO_FILLS	       (1u << UFFD_COPY | 1u << UFFD_ZEROPAGE | 1u << UFFD_MOVE | 1u << UFFD_CONTINUE)

/* struct uffdio_copy and uffdio_move; of uffdio_zeropage and uffdio_continue the second word is the
 * length, and the last one is missing. */
struct uffd_fill_request {
	__u64 start;
	__u64 from;
	__u64 len;
	__s64 done_or_mode; /* the bytes that were filled, or an error */
	__s64 done;
};

/* The head of struct uffdio_register; struct uffdio_range ends before mode. */
struct uffd_register {
	__u64 start;
	__u64 len;
	__u64 mode;
};

enum madvise_advice {
	MADV_RANDOM = 1,
	MADV_DONTNEED = 4,
	MADV_FREE = 8,
	MADV_REMOVE = 9,
	MADV_MERGEABLE = 12,
	MADV_HUGEPAGE = 14,
	MADV_NOHUGEPAGE = 15,
	MADV_PAGEOUT = 21,
	MADV_DONTNEED_LOCKED = 24,
	MADV_COLLAPSE = 25,
};

/* Huge pages or none, readahead, KSM; the others give memory back. */
#define TOLD_ADVICE                                                                                \
	(1u << MADV_RANDOM | 1u << MADV_DONTNEED | 1u << MADV_FREE | 1u << MADV_REMOVE |           \
	 1u << MADV_MERGEABLE | 1u << MADV_HUGEPAGE | 1u << MADV_NOHUGEPAGE | 1u << MADV_PAGEOUT | \
	 1u << MADV_DONTNEED_LOCKED | 1u << MADV_COLLAPSE)

static __always_inline __u32 event_of_ioctl(__u32 command)
{
	if (command == UFFDIO_REGISTER || command == UFFDIO_UNREGISTER)
		return EVENT_USERFAULTFD;
	return IS_UFFDIO(command) && UFFDIO_NUMBER(command) < 32 &&
			       (UFFDIO_FILLS >> UFFDIO_NUMBER(command) & 1)
		       ? EVENT_USERFAULT_FILLED
		       : 0;
}

/* Which event a call becomes; 0: none. Arguments are still in the registers. */
static __always_inline __u32 event_of_call(const struct pt_regs *regs, __u64 number)
{
	switch (number) {
	case __NR_mmap:
		/* At a fixed address it gives back what was there. */
		return config.code_maps || (regs->r10 & MAP_FIXED) ? EVENT_MAPPED : 0;
	case __NR_shmat:
		return config.code_maps ? EVENT_MAPPED : 0;
	case __NR_mprotect:
		/* What was reserved without access comes into use; code that is written and
		 * executed in turns does not matter. */
		return config.code_maps && (regs->dx & (PROT_WRITE | PROT_EXEC)) == PROT_WRITE
			       ? EVENT_ACCESSIBLE
			       : 0;
	case __NR_munmap:
		return EVENT_UNMAP;
	case __NR_brk:
		return EVENT_BRK;
	case __NR_ioctl:
		return event_of_ioctl(regs->si);
	case __NR_mremap:
		return EVENT_REMAP;
	case __NR_madvise:
		return (__u32)regs->dx < 32 && (TOLD_ADVICE >> (__u32)regs->dx & 1) ? EVENT_ADVISE
										    : 0;
	case __NR_shmdt:
		return EVENT_SHMDT;
	case __NR_listen:
		return EVENT_LISTENING;
	default:
		return 0;
	}
}

/* madvise fails so where a part of the range is not mapped, and has served all other parts; what
 * fills pages for a userfaultfd, where it was interrupted by a change of the mappings. */
static __always_inline bool has_failed(__u64 number, long ret)
{
	return ret < 0 && ret > -4096 && !(number == __NR_madvise && ret == -ENOMEM) &&
	       !(number == __NR_ioctl && ret == -EAGAIN);
}

/* The event of a call that has succeeded; 0: none. */
static __always_inline __u32 change_by(const struct pt_regs *regs, __u64 number, long ret)
{
	return has_failed(number, ret) || regs->cs == USER32_CS ? 0 : event_of_call(regs, number);
}

static __always_inline bool has_stack(__u32 type)
{
	return config.code_maps && type && type != EVENT_USERFAULTFD && type != EVENT_LISTENING;
}

/* The memory need not be the caller's: a userfaultfd belongs to the process that made it. Before
 * 6.8 UFFDIO_MOVE is unknown, and fails. */
static __noinline int tell_fill(struct task_slot *slot, const struct pt_regs *regs, __u64 stack)
{
	__u32 fill = UFFDIO_NUMBER((__u32)regs->si);
	bool has_source = fill == UFFD_COPY || fill == UFFD_MOVE;
	struct uffd_fill_request request = {};
	struct userfaultfd_ctx *ctx;
	struct task_struct *owner;
	struct mm_struct *mm;
	struct file *file;
	__u32 pid = slot->pid;
	__s64 bytes;

	if (bpf_probe_read_user(&request, has_source ? sizeof(request) : sizeof(request) - 8,
				(void *)regs->dx))
		return 0;
	bytes = has_source ? request.done : request.done_or_mode;
	file = open_file(regs->di);
	if (bytes <= 0 || !file)
		return 0;
	ctx = BPF_CORE_READ(file, private_data);
	mm = BPF_CORE_READ(ctx, mm);
	if (mm != bpf_get_current_task_btf()->mm) {
		if (!bpf_core_field_exists(mm->owner))
			return 0;
		owner = BPF_CORE_READ(mm, owner);
		pid = id_in_recorder_ns(BPF_CORE_READ(owner, group_leader));
	}
	send_event_of(stack, EVENT_USERFAULT_FILLED, slot, bpf_ktime_get_ns(), request.start, bytes,
		      request.from, fill, pid, 0);
	return 0;
}

static __always_inline void tell_change(struct task_slot *slot, const struct pt_regs *regs,
					__u32 type, long ret, __u64 stack)
{
	__u64 number = *(const volatile unsigned long *)&regs->orig_ax;
	struct uffd_register range;

	if (type == EVENT_USERFAULTFD) {
		if (bpf_probe_read_user(&range, sizeof(range), (void *)regs->dx))
			return;
		send_event(type, slot, bpf_ktime_get_ns(), range.start, range.len,
			   regs->si == UFFDIO_REGISTER ? range.mode : 0, 0, 0, 0);
		return;
	}
	if (type == EVENT_USERFAULT_FILLED) {
		tell_fill(slot, regs, has_stack(type) ? stack : 0);
		return;
	}
	if (config.code_maps && number == __NR_mmap && type == EVENT_MAPPED &&
	    (regs->dx & PROT_EXEC) && !(regs->r10 & MAP_ANONYMOUS))
		code_mapped(slot, regs, ret);
	send_event_of(has_stack(type) ? stack : 0, type, slot, bpf_ktime_get_ns(), regs->di,
		      regs->si, regs->dx, regs->r10, ret, number);
}

static __always_inline int account_settled_call(struct task_slot *slot, struct task_struct *task)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);

	if (control)
		settle(slot, task, control, cpu);
	return account_call(slot, task);
}

static __always_inline void keep_call_end(struct task_slot *slot, __u32 type, bool has_faults)
{
	slot->call_end.type = type;
	slot->call_end.has_faults = has_faults;
	slot->call_end.has_stack = has_faults || has_stack(type);
}

/*
 * What is to be told is kept in the slot, by a function of its own: with every value that it can
 * have, and every way to it, known to the verifier, the walk of the stack would be verified once
 * more. Returns whether there is something.
 */
static __noinline bool look_at_call(struct task_slot *slot, struct task_struct *task, __u32 type)
{
	bool has_faults = slot->account != ACCOUNT_OFF &&
			  (slot->state != SLOT_IDLE || has_gained(slot, task)) &&
			  account_settled_call(slot, task);

	if (type && !is_target(slot))
		type = 0;
	keep_call_end(slot, type, has_faults);
	return type || has_faults;
}

static __always_inline int call_ended(struct task_slot *slot, struct task_struct *task,
				      const struct pt_regs *regs, long ret)
{
	volatile struct call_end *end = &slot->call_end;
	__u64 stack = STACK_NOT_TAKEN;

	if (config.code_maps && end->has_stack)
		stack = take_stack(slot, task, regs, WALK_CALL, false);
	if (end->has_faults)
		tell_call(slot, regs, ret, stack);
	if (end->type)
		tell_change(slot, regs, end->type, ret, stack);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(system_call_ended, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_slot *slot;
	__u32 type;

	if (is_nobodys(task))
		return 0;
	type = change_by(regs, regs->orig_ax, ret);
	slot = type ? slot_of(task) : bpf_task_storage_get(&slots, task, 0, 0);
	if (!slot || !look_at_call(slot, task, type))
		return 0;
	return call_ended(slot, task, regs, ret);
}

static __always_inline int change_ended(struct task_slot *slot, struct task_struct *task,
					const struct pt_regs *regs, __u64 number, long ret)
{
	__u32 type = change_by(regs, number, ret);

	if (type && !slot)
		slot = slot_of(task);
	if (!type || !slot || !is_target(slot))
		return 0;
	keep_call_end(slot, type, false);
	return call_ended(slot, task, regs, ret);
}

#define CALL_FEXIT(function, number)                                                               \
	SEC("fexit/" #function)                                                                    \
	int BPF_PROG(fexit_##function, struct pt_regs *regs, long ret)                             \
	{                                                                                          \
		struct task_struct *task = bpf_get_current_task_btf();                             \
                                                                                                   \
		return change_ended(0, task, regs, number, ret);                                   \
	}

CALL_FEXIT(__x64_sys_mmap, __NR_mmap)
CALL_FEXIT(__x64_sys_mprotect, __NR_mprotect)
CALL_FEXIT(__x64_sys_munmap, __NR_munmap)
CALL_FEXIT(__x64_sys_brk, __NR_brk)
CALL_FEXIT(__x64_sys_mremap, __NR_mremap)
CALL_FEXIT(__x64_sys_madvise, __NR_madvise)
CALL_FEXIT(__x64_sys_shmat, __NR_shmat)
CALL_FEXIT(__x64_sys_shmdt, __NR_shmdt)
CALL_FEXIT(__x64_sys_listen, __NR_listen)

SEC("fexit/userfaultfd_ioctl")
int BPF_PROG(fexit_userfaultfd_ioctl, struct file *file, unsigned int command, unsigned long arg,
	     long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return change_ended(0, task, (struct pt_regs *)bpf_task_pt_regs(task), __NR_ioctl, ret);
}

/*
 * These two are attached to all of these functions. A kretprobe has few instances, each taken for
 * as long as a call sleeps: where there was none left, the return is not seen.
 */
SEC("kretprobe")
int call_kretprobe(struct bpf_user_pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_slot *slot = slot_of(task);
	struct pt_regs *regs;

	if (!slot)
		return 0;
	slot->is_in_call = 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	return change_ended(slot, task, regs, regs->orig_ax, ctx->ax);
}

SEC("kprobe")
int call_kprobe(struct bpf_user_pt_regs *ctx)
{
	struct ring_control *control = my_control();
	struct task_slot *slot = my_slot();

	/* While the probes are attached one after the other, returns go unseen. */
	if (!slot || !control || !is_on(control) || !is_target(slot))
		return 0;
	if (slot->is_in_call)
		__sync_fetch_and_add(&totals.events_lost, 1);
	slot->is_in_call = 1;
	return 0;
}

#endif
