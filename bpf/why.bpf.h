/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * --why: what the time of a fault went to, from the kernel's own tracepoints, and from probes on
 * the functions that fill huge pages with zeros. Outside of a fault each costs one look-up in the
 * task's storage, a context switch two. Which cause a moment has: costs.bpf.h.
 */
#ifndef FAULTREC_WHY_BPF_H
#define FAULTREC_WHY_BPF_H

#include "costs.bpf.h"
#include "tlb.bpf.h"

static __always_inline int cause_begin(enum fault_cause cause)
{
	struct task_slot *slot = my_fault();

	if (!slot || slot->costs.cause)
		return 0;
	slot->costs.cause = cause + 1;
	slot->costs.since_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int cause_end(enum fault_cause cause)
{
	struct task_slot *slot = my_fault();

	if (!slot || slot->costs.cause != cause + 1)
		return 0;
	charge(&slot->costs, cause + 1, bpf_ktime_get_ns());
	slot->costs.cause = 0;
	return 0;
}

#define CAUSE_TRACEPOINTS(name, cause, first, last)                                                \
	SEC("tp_btf/" #first) int name##_begin(void *ctx)                                          \
	{                                                                                          \
		return cause_begin(cause);                                                         \
	}                                                                                          \
	SEC("tp_btf/" #last) int name##_end(void *ctx)                                             \
	{                                                                                          \
		return cause_end(cause);                                                           \
	}

CAUSE_TRACEPOINTS(reclaim, CAUSE_RECLAIM, mm_vmscan_direct_reclaim_begin,
		  mm_vmscan_direct_reclaim_end)
CAUSE_TRACEPOINTS(memcg_reclaim, CAUSE_RECLAIM, mm_vmscan_memcg_reclaim_begin,
		  mm_vmscan_memcg_reclaim_end)
CAUSE_TRACEPOINTS(compaction, CAUSE_COMPACTION, mm_compaction_begin, mm_compaction_end)

#define CAUSE_FUNCTION(cause, function)                                                            \
	SEC("fentry/" #function) int fentry_##function(void *ctx)                                  \
	{                                                                                          \
		return cause_begin(cause);                                                         \
	}                                                                                          \
	SEC("fexit/" #function) int fexit_##function(void *ctx)                                    \
	{                                                                                          \
		return cause_end(cause);                                                           \
	}                                                                                          \
	SEC("kprobe/" #function) int kprobe_##function(void *ctx)                                  \
	{                                                                                          \
		return cause_begin(cause);                                                         \
	}                                                                                          \
	SEC("kretprobe/" #function) int kretprobe_##function(void *ctx)                            \
	{                                                                                          \
		return cause_end(cause);                                                           \
	}

CAUSE_FUNCTION(CAUSE_ZEROING, folio_zero_user) /* since 6.11 */
CAUSE_FUNCTION(CAUSE_ZEROING, clear_huge_page) /* until 6.10 */

/* The thread in `slot` leaves its CPU, which `preempt` means it did not want to. */
static __always_inline void switched_out(struct task_slot *slot, bool preempt, bool is_io_wait,
					 __u64 now_ns)
{
	struct fault_costs *costs = &slot->costs;

	if (costs->cause && !preempt)
		return;
	if (costs->cause)
		charge(costs, costs->cause, now_ns);
	costs->away = 1 + (!preempt && is_io_wait ? CAUSE_IO_WAIT : CAUSE_OFF_CPU);
	costs->since_ns = now_ns;
}

static __always_inline void switched_in(struct task_slot *slot, __u64 now_ns)
{
	struct fault_costs *costs = &slot->costs;

	charge(costs, costs->away, now_ns);
	costs->away = 0;
	costs->since_ns = now_ns;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(thread_switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct task_slot *from = bpf_task_storage_get(&slots, prev, 0, 0);
	struct task_slot *to = bpf_task_storage_get(&slots, next, 0, 0);
	bool leaves = from && from->costs.is_under_way;
	bool comes = to && to->costs.away;
	__u64 now_ns;

	thread_comes(to);
	if (!leaves && !comes)
		return 0;
	now_ns = bpf_ktime_get_ns();
	if (leaves)
		switched_out(from, preempt, BPF_CORE_READ_BITFIELD(prev, in_iowait), now_ns);
	if (comes)
		switched_in(to, now_ns);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct lock_wait_key);
	__type(value, struct lock_wait_count);
} lock_waits SEC(".maps");

#define OWNER_READERS 1UL /* kernel/locking/rwsem.c: RWSEM_READER_OWNED */
#define OWNER_FLAGS   7UL /* and the other bits that are no part of the pointer */

#define COUNT_WRITER 7UL /* RWSEM_WRITER_LOCKED, RWSEM_FLAG_WAITERS, RWSEM_FLAG_HANDOFF */

/* Will a reader have to wait? */
static __always_inline bool is_contended(struct mm_struct *mm)
{
	return !bpf_core_field_exists(mm->mmap_lock.count) ||
	       BPF_CORE_READ(mm, mmap_lock.count.counter) & COUNT_WRITER;
}

/*
 * Who has mmap_lock for writing. The semaphore says so itself, so that nobody else has to be
 * followed; it is asked twice, because a task is sure to exist only as long as it has the lock.
 */
static __always_inline void find_holder(struct fault_costs *costs, struct mm_struct *mm)
{
	struct task_struct *task;
	unsigned long owner;
	__u32 pid, tid;

	costs->holder_pid = 0;
	costs->holder_tid = 0;
	if (!bpf_core_field_exists(mm->mmap_lock.owner))
		return;
	owner = BPF_CORE_READ(mm, mmap_lock.owner.counter);
	task = (struct task_struct *)(owner & ~OWNER_FLAGS);
	if (!task || owner & OWNER_READERS)
		return;
	tid = id_in_recorder_ns(task);
	pid = id_in_recorder_ns(BPF_CORE_READ(task, group_leader));
	if ((BPF_CORE_READ(mm, mmap_lock.owner.counter) & ~OWNER_FLAGS) != (unsigned long)task)
		return;
	costs->holder_pid = pid;
	costs->holder_tid = tid;
}

/* Until 6.13 the cgroup's path stands between mm and write. As in read_context, the store keeps the
 * compiler from one load at a computed place. */
static __always_inline bool lock_is_for_writing(const __u64 *ctx)
{
	volatile __u64 write = 0;

	if (config.arg_lock_write == 1)
		write = ctx[1];
	if (config.arg_lock_write == 2)
		write = ctx[2];
	return write & 0xff;
}

/* A VMA's own lock is never waited for: a fault that cannot have it asks for mmap_lock. The
 * tracepoint is passed without contention, too. */
SEC("tp_btf/mmap_lock_start_locking")
int lock_wait_begin(__u64 *ctx)
{
	struct task_slot *slot = my_fault();
	bool write = lock_is_for_writing(ctx);

	if (!slot || write || slot->costs.cause || !is_contended((struct mm_struct *)ctx[0]))
		return 0;
	find_holder(&slot->costs, (struct mm_struct *)ctx[0]);
	slot->costs.lock_before_ns = slot->costs.cause_ns[CAUSE_LOCK_WAIT];
	slot->costs.cause = CAUSE_LOCK_WAIT + 1;
	slot->costs.since_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/mmap_lock_acquire_returned")
int lock_wait_end(__u64 *ctx)
{
	struct task_slot *slot = my_fault();
	struct lock_wait_key key = {};
	struct lock_wait_count *wait, none = {};
	__u64 waited_ns;

	if (!slot || slot->costs.cause != CAUSE_LOCK_WAIT + 1)
		return 0;
	charge(&slot->costs, CAUSE_LOCK_WAIT + 1, bpf_ktime_get_ns());
	slot->costs.cause = 0;
	key.pid = slot->pid;
	key.tid = slot->tid;
	key.holder_pid = slot->costs.holder_pid;
	key.holder_tid = slot->costs.holder_tid;
	wait = bpf_map_lookup_elem(&lock_waits, &key);
	if (!wait) {
		bpf_map_update_elem(&lock_waits, &key, &none, BPF_NOEXIST);
		wait = bpf_map_lookup_elem(&lock_waits, &key);
	}
	if (!wait) {
		__sync_fetch_and_add(&totals.counts_lost, 1);
		return 0;
	}
	/* The key has the thread in it: nobody else writes here. */
	waited_ns = slot->costs.cause_ns[CAUSE_LOCK_WAIT] - slot->costs.lock_before_ns;
	wait->waits += 1;
	wait->total_ns += waited_ns;
	if (waited_ns > wait->max_ns)
		wait->max_ns = waited_ns;
	return 0;
}

/* For handle_mm_fault's rungs: where a fault begins, so that the wait for mmap_lock before
 * handle_mm_fault is part of it. */
static __always_inline int exception_enter(__u64 address)
{
	struct task_slot *slot = my_slot();

	if (!slot || !is_target(slot))
		return 0;
	if (slot->is_retried && slot->state != SLOT_IDLE && slot->address == address)
		return 0; /* a signal came between two tries: still the same fault */
	start_costs(&slot->costs);
	slot->costs.exception_address = address;
	slot->costs.exception_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(exception_user, unsigned long address)
{
	return exception_enter(address);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(exception_kernel, unsigned long address)
{
	return bpf_get_current_task_btf()->pagefault_disabled ? 0 : exception_enter(address);
}

#endif
