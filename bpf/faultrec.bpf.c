// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The tracepoint backend. A fault is seen twice: at entry by the x86 page_fault tracepoints, which
 * know address, error code and time; at completion by the kernel's own minor-/major-fault software
 * events, which are counted after the page is mapped and never for a retry (mm_account_fault,
 * mm/memory.c). The two meet in the task's local storage.
 *
 * Which tasks: those that have a slot in `slots`. mark_target gives one to the target's threads,
 * task_new to every child.
 */
#include "vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "faultrec.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MAX_PIDNS_LEVEL 32 /* include/linux/pid_namespace.h */
#define SIGHUP		1
#define SIGINT		2
#define SIGBUS		7
#define SIGSEGV		11
#define SIGTERM		15
#define USER32_CS	0x23 /* arch/x86/include/asm/segment.h: __USER32_CS */

/* The whole of .rodata, so that user space needs no symbol table to fill it. */
const volatile struct probe_config config;

struct task_slot {
	__u64 start_ns; /* 0: no fault under way */
	__u64 address;
	__u64 ip;
	__u32 error_code;
	__u32 pid;
	__u32 tid;
	__u32 has_completed; /* its completions are seen: from now on one that is missing counts */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_slot);
} slots SEC(".maps");

/*
 * The fault rings: `config.ring_slots` records a CPU, in memory that user space maps. One writer a
 * CPU (completion runs with preemption off), one reader: no lock, no system call, no wake-up. Sized
 * by user space before load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fault_record);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_control);
} ring_controls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* The whole of .bss. */
struct probe_totals totals;

/* The ids of `task` in the recorder's pid namespace; 0 when it is not visible there. */
static __always_inline __u32 id_in_recorder_ns(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i < MAX_PIDNS_LEVEL; i++) {
		struct upid upid;

		if (i > level)
			break;
		bpf_core_read(&upid, sizeof(upid), &pid->numbers[i]);
		if (BPF_CORE_READ(upid.ns, ns.inum) == config.pidns_inum)
			return upid.nr;
	}
	return 0;
}

static __always_inline void send_event(__u32 type, const struct task_slot *slot, __u64 time_ns,
				       __u64 a0, __u64 a1, __u64 a2, __u64 a3, __u64 a4)
{
	struct event_record *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		__sync_fetch_and_add(&totals.events_lost, 1);
		return;
	}
	event->time_ns = time_ns;
	event->type = type;
	event->pid = slot->pid;
	event->tid = slot->tid;
	event->cpu = bpf_get_smp_processor_id();
	event->a[0] = a0;
	event->a[1] = a1;
	event->a[2] = a2;
	event->a[3] = a3;
	event->a[4] = a4;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void bump(__u64 *counter)
{
	/* Each counter has one writer: its CPU, with preemption off. */
	*(volatile __u64 *)counter += 1;
}

/* The slot of the running task; null: not a target. */
static __always_inline struct task_slot *my_slot(void)
{
	return bpf_task_storage_get(&slots, bpf_get_current_task_btf(), 0, 0);
}

/* The record after the ring's last; null: the ring is full. */
static __always_inline struct fault_record *next_record(struct ring_control *control, __u32 cpu)
{
	__u64 used = control->head - *(volatile __u64 *)&control->tail;
	__u32 index = cpu * config.ring_slots + ((__u32)control->head & (config.ring_slots - 1));

	if (used >= config.ring_slots)
		return 0;
	return bpf_map_lookup_elem(&rings, &index);
}

static __always_inline int fault_enter(unsigned long address, struct pt_regs *regs,
				       unsigned long error_code)
{
	struct task_slot *slot = my_slot();
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);
	struct fault_record *record;

	if (!slot || !control)
		return 0;
	if (slot->start_ns && slot->has_completed)
		bump(&control->without_outcome);
	slot->address = address;
	slot->ip = regs->ip;
	slot->error_code = error_code;
	/*
	 * Completion will most likely write this record, whose memory the reader had last: writing
	 * to it now fetches it while the kernel serves the fault.
	 */
	record = next_record(control, cpu);
	if (record) {
		*(volatile __u64 *)&record->start_ns = 0;
		*(volatile __u8 *)&record->duration_high = 0;
	}
	slot->start_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(fault_enter_user, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	return fault_enter(address, regs, error_code);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(fault_enter_kernel, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	/*
	 * Other people's probes read user memory with page faults disabled; that never completes,
	 * and must not overwrite the fault that it interrupted.
	 */
	if (bpf_get_current_task_btf()->pagefault_disabled)
		return 0;
	return fault_enter(address, regs, error_code);
}

static __always_inline int fault_complete(struct bpf_perf_event_data *ctx, __u8 bits)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct task_slot *slot = my_slot();
	__u32 cpu = bpf_get_smp_processor_id();
	struct ring_control *control = bpf_map_lookup_elem(&ring_controls, &cpu);
	struct fault_record *record;

	if (!control)
		return 0;
	record = next_record(control, cpu);
	if (!record) {
		bump(&control->lost);
		if (slot)
			slot->start_ns = 0; /* its outcome is known: lost */
		return 0;
	}

	record->address = ctx->addr;
	record->ip = ctx->regs.ip;
	if ((ctx->regs.cs & 3) == 0)
		bits |= FAULT_KERNEL_IP;
	if (slot && slot->start_ns && slot->address == ctx->addr) {
		__u64 duration_ns = now_ns - slot->start_ns;

		record->start_ns = slot->start_ns;
		record->duration_ns = duration_ns;
		record->duration_high = duration_ns >> 32;
		record->error_code = slot->error_code;
		bits |= FAULT_HAS_ERROR_CODE;
		slot->start_ns = 0;
	} else {
		record->start_ns = now_ns;
		record->duration_ns = 0;
		record->duration_high = 0;
		record->error_code = 0;
		bits |= FAULT_NO_ENTRY;
	}
	if (slot) {
		slot->has_completed = 1;
		record->pid = slot->pid;
		record->tid = slot->tid;
	} else {
		/* No storage could be had: the ids in the initial namespace are the best there is.
		 */
		__u64 id = bpf_get_current_pid_tgid();

		record->pid = id >> 32;
		record->tid = id;
	}
	record->bits = bits;
	record->weight = 1;

	/* x86 stores are not reordered with stores; the barrier keeps the compiler from it. */
	barrier();
	*(volatile __u64 *)&control->head = control->head + 1;

	if (control->head - *(volatile __u64 *)&control->tail == config.ring_slots / 2) {
		struct event_record bell = { .type = EVENT_DOORBELL };

		bpf_ringbuf_output(&events, &bell, sizeof(bell), BPF_RB_FORCE_WAKEUP);
	}
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

/*
 * A fault that the kernel could not serve ends in a signal raised by force_sig_fault() in the
 * faulting thread itself. And user space must know whether the terminal's Ctrl-C reached the
 * recorded command too, so as not to send it a second one.
 */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_raised, int sig, void *info, struct task_struct *task)
{
	struct siginfo_head head;
	struct task_slot *slot;
	__u64 now_ns;

	if ((sig == SIGINT || sig == SIGTERM || sig == SIGHUP) && config.target_tgid) {
		struct task_slot *target = bpf_task_storage_get(&slots, task, 0, 0);

		if (target && target->tid == config.target_tgid)
			send_event(EVENT_SIGNAL, target, bpf_ktime_get_ns(), sig, 0, 0, 0, 0);
		return 0;
	}
	if (sig != SIGSEGV && sig != SIGBUS)
		return 0;
	slot = my_slot();
	if (!slot || !slot->start_ns || task->pid != bpf_get_current_task_btf()->pid)
		return 0;
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are not pointers: the read fails. A user's own kill()
	 * has si_code <= 0. */
	if (bpf_probe_read_kernel(&head, sizeof(head), info) || head.si_code <= 0 ||
	    head.si_addr != slot->address)
		return 0;
	now_ns = bpf_ktime_get_ns();
	send_event(EVENT_FAULT_FAILED, slot, now_ns, slot->start_ns, slot->address, slot->ip,
		   ((__u64)slot->error_code << 32) | (__u32)sig, head.si_code);
	slot->start_ns = 0;
	return 0;
}

/* Address-space changes that perf's side-band does not tell. Arguments are still in the registers
 * when the call returns. */
SEC("tp_btf/sys_exit")
int BPF_PROG(address_space_changed, struct pt_regs *regs, long ret)
{
	struct task_slot *slot;
	__u32 type;

	switch (regs->orig_ax) { /* arch/x86/entry/syscalls/syscall_64.tbl */
	case 11:
		type = EVENT_UNMAP;
		break;
	case 12:
		type = EVENT_BRK;
		break;
	case 25:
		type = EVENT_REMAP;
		break;
	case 67:
		type = EVENT_SHMDT;
		break;
	default:
		return 0;
	}
	if (ret < 0 && ret > -4096)
		return 0;
	slot = my_slot();
	if (!slot || regs->cs == USER32_CS)
		return 0;
	send_event(type, slot, bpf_ktime_get_ns(), regs->di, regs->si, regs->dx, regs->r10, ret);
	return 0;
}

static __always_inline struct task_slot *give_slot(struct task_struct *task,
						   struct task_struct *leader)
{
	struct task_slot *slot =
		bpf_task_storage_get(&slots, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!slot)
		return 0;
	slot->tid = id_in_recorder_ns(task);
	slot->pid = id_in_recorder_ns(leader);
	return slot;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(task_new, struct task_struct *parent, struct task_struct *child)
{
	struct task_slot *parent_slot = bpf_task_storage_get(&slots, parent, 0, 0);
	struct task_slot *slot;

	if (!parent_slot)
		return 0;
	slot = give_slot(child, child->group_leader);
	if (!slot)
		return 0; /* its faults will be without entry, and counted as such */
	send_event(EVENT_TASK_NEW, slot, bpf_ktime_get_ns(), parent_slot->pid, parent_slot->tid, 0,
		   0, 0);
	return 0;
}

/* a = { min_flt, maj_flt, old tid }: when the new image is in place and its first instruction has
 * not run. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task)
{
	struct task_slot *slot = bpf_task_storage_get(&slots, task, 0, 0);
	__u32 old_tid;

	if (!slot)
		return 0;
	old_tid = slot->tid;
	/* A thread that is not the leader takes the leader's id over in execve. */
	slot->tid = id_in_recorder_ns(task);
	slot->pid = slot->tid;
	send_event(EVENT_TASK_EXEC, slot, bpf_ktime_get_ns(), task->min_flt, task->maj_flt, old_tid,
		   0, 0);
	return 0;
}

/*
 * a = { min_flt, maj_flt }: the kernel's own count of this thread's faults, as getrusage adds them
 * up. Since 6.16 the tracepoint comes before the address space is gone, so a few more faults can
 * follow.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct task_slot *slot = bpf_task_storage_get(&slots, task, 0, 0);

	if (!slot)
		return 0;
	send_event(EVENT_TASK_EXIT, slot, bpf_ktime_get_ns(), task->min_flt, task->maj_flt, 0, 0,
		   0);
	return 0;
}

/* Run by reading the iterator: makes every thread of the target process a target, and tells its
 * counters so far. */
SEC("iter/task")
int mark_target(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_slot *slot;

	if (!task || id_in_recorder_ns(task->group_leader) != config.target_tgid)
		return 0;
	if (bpf_task_storage_get(&slots, task, 0, 0))
		return 0;
	slot = give_slot(task, task->group_leader);
	if (!slot)
		return 0;
	__sync_fetch_and_add(&totals.tasks_marked, 1);
	send_event(EVENT_TASK_NEW, slot, bpf_ktime_get_ns(), 0, 0, task->min_flt, task->maj_flt, 1);
	return 0;
}
