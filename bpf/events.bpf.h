/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What reaches user space besides the faults: rare events, and counters. */
#ifndef FAULTREC_EVENTS_BPF_H
#define FAULTREC_EVENTS_BPF_H

#include "target.bpf.h"

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
	event->a0 = a0;
	event->a1 = a1;
	event->a2 = a2;
	event->a3 = a3;
	event->a4 = a4;
	event->a5 = a5;
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

#endif
