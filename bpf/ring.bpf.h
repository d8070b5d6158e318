/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How the records of faults reach user space. */
#ifndef FAULTREC_RING_BPF_H
#define FAULTREC_RING_BPF_H

#include "events.bpf.h"

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
	/* and what of struct fault_details is behind it: user space sets the size */
	__uint(value_size, sizeof(struct fault_record));
} rings SEC(".maps");

/* The record after the ring's last; null: the ring is full. */
static __always_inline struct fault_record *next_record(struct ring_control *control, __u32 cpu)
{
	__u64 used = control->head - *(volatile __u64 *)&control->tail;
	__u32 index = cpu * config.ring_slots + ((__u32)control->head & (config.ring_slots - 1));

	if (used >= config.ring_slots)
		return 0;
	return bpf_map_lookup_elem(&rings, &index);
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

#endif
