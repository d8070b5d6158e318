/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How records reach user space. */
#ifndef FAULTREC_RING_BPF_H
#define FAULTREC_RING_BPF_H

#include "costs.bpf.h"
#include "stacks.bpf.h"
#include "walk.bpf.h"

/*
 * The fault rings: `config.ring_slots` records a CPU, in memory that user space maps. One writer a
 * CPU (completion runs with preemption off, or, on a rung that uses one
 * program for it, never twice at once on a CPU: __bpf_prog_enter_recur), one reader: no lock, no
 * system call, no wake-up. Sized by user space before load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	/* and struct fault_details behind it when config.has_details: user space sets the size */
	__uint(value_size, sizeof(struct fault_record));
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

/*
 * The hash tables of the headers after this one get their size from user space when they are used.
 * They are preallocated: their elements would else be allocated in the faults that are looked at.
 */

/* The whole of .bss. */
struct probe_totals totals;

static __always_inline void send_event_of(__u64 stack, __u32 type, const struct task_slot *slot,
					  __u64 time_ns, __u64 a0, __u64 a1, __u64 a2, __u64 a3,
					  __u64 a4, __u64 a5)
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
	event->a[5] = a5;
	event->stack = stack;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void send_event(__u32 type, const struct task_slot *slot, __u64 time_ns,
				       __u64 a0, __u64 a1, __u64 a2, __u64 a3, __u64 a4, __u64 a5)
{
	send_event_of(0, type, slot, time_ns, a0, a1, a2, a3, a4, a5);
}

/* User space drains now. Not inline: the record would lie in the stack of who walks stacks. */
static __noinline void ring_bell(void)
{
	struct event_record bell = { .type = EVENT_DOORBELL };

	bpf_ringbuf_output(&events, &bell, sizeof(bell), BPF_RB_FORCE_WAKEUP);
}

static __always_inline struct ring_control *my_control(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&ring_controls, &cpu);
}

/*
 * A recording of what runs already begins when user space knows all mappings and names, and ends
 * before the probes are detached one after the other: outside of that no fault is remembered at its
 * entry, and none counted that was not.
 */
static __always_inline bool is_on(struct ring_control *control)
{
	return *(volatile __u32 *)&control->every != 0;
}

static __always_inline void bump(__u64 *counter)
{
	/* Each counter has one writer: its CPU, with preemption off. */
	*(volatile __u64 *)counter += 1;
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

static __always_inline void begin_fault(struct task_slot *slot, struct ring_control *control,
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
	if (slot->state == SLOT_CHOSEN && slot->has_completed)
		bump(&control->without_outcome);
	slot->address = address;
	slot->ip = ip;
	slot->code = code;
	slot->bits = bits;
	slot->handler = 0;
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
		walk_before(slot, address);
	if (config.code_maps)
		slot->stack = is_remote ? STACK_NOT_TAKEN
					: take_stack(slot, WALK_FAULT, bits & FAULT_KERNEL_IP);
	slot->start_ns = exception_ns ?: bpf_ktime_get_ns();
}

/* Hands the record over that was written last. */
static __always_inline void publish(struct ring_control *control)
{
	/* x86 stores are not reordered with stores; the barrier keeps the compiler from it. */
	barrier();
	*(volatile __u64 *)&control->head = control->head + 1;

	if (control->head - *(volatile __u64 *)&control->tail == config.ring_slots / 2)
		ring_bell();
}

static __always_inline void count_sampled_out(struct ring_control *control, __u8 bits)
{
	bump(&control->sampled_out);
	if (bits & FAULT_MAJOR)
		bump(&control->sampled_out_major);
}

/* The part of a record that only some options ask for; returns what it says, as enum fault_bits. */
static __always_inline __u8 add_details(struct task_slot *slot, bool has_costs,
					struct fault_details *details, __u64 now_ns)
{
	if (config.has_costs)
		end_costs(slot, has_costs, details, now_ns);
	else
		details->has_costs = 0;
	details->stack = slot->stack;
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
static __always_inline void complete_fault(struct task_slot *slot, struct ring_control *control,
					   __u32 cpu, __u64 now_ns, __u8 bits, __u32 result)
{
	struct fault_record *record;
	__u64 start_ns = slot->start_ns;
	bool has_costs = false;

	slot->state = SLOT_IDLE;
	slot->has_completed = 1;
	if (config.has_costs) {
		has_costs = slot->costs.is_under_way;
		slot->costs.is_under_way = 0;
	}
	if (bits & FAULT_NO_ENTRY) {
		start_ns = now_ns;
		slot->weight = choose(control);
		slot->handler = 0;
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
	record->duration_ns = now_ns - start_ns;
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

		bits |= FAULT_HAS_WALK;
		record->levels =
			level_of(slot->walk_shift) | slot->walk_merged | level_of(after.shift) << 4;
		record->pte_before = slot->pte_before;
		record->pte_after = after.entry;
	}
	if (config.has_details)
		bits |= add_details(slot, has_costs, (struct fault_details *)(record + 1), now_ns);
	record->bits = bits;
	publish(control);
}

#endif
