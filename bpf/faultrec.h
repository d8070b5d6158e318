/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the probes hand to user space. Recorder/Native/ProbeLayout.cs mirrors it; a test pins size
 * and every offset. All times are CLOCK_MONOTONIC ns; pids are those of the recorder's pid
 * namespace.
 */
#ifndef FAULTREC_H
#define FAULTREC_H

/* Set by user space between open and load. */
struct probe_config {
	__u32 pidns_inum;  /* pid namespace in which ids are reported */
	__u32 target_tgid; /* the process that mark_target looks for */
	__u32 ring_slots;  /* records of one CPU's ring, a power of two */
};

/* Read by user space while the probes run. Bumped so rarely that all CPUs share them. */
struct probe_totals {
	__u64 events_lost;  /* rare events that found their ring full: regions may be wrong after it
			     */
	__u64 tasks_marked; /* threads that mark_target made targets; user space repeats it until
			       this stands still */
};

enum fault_bits {
	FAULT_MAJOR = 1 << 0,
	FAULT_KERNEL_IP = 1 << 1, /* kernel mode touched user memory */
	FAULT_NO_ENTRY =
		1 << 2, /* start_ns is the completion, duration and error_code are unknown */
};

/* One completed fault, in the per-CPU fault ring. */
struct fault_record {
	__u64 start_ns;
	__u64 address;
	__u64 ip;
	__u32 duration_ns; /* saturates at 4.29 s; see DURATION_LONG */
	__u32 pid;
	__u32 tid;
	__u16 error_code;
	__u8 bits;	    /* enum fault_bits */
	__u8 duration_high; /* bits 32..39 of the duration: 18 minutes */
};

/* One CPU's ring: head is written by the probe only, tail by user space only. Positions count
 * records and never wrap. */
struct ring_control {
	__u64 head;
	__u64 lost; /* records that found the ring full */
	__u64 without_outcome;
	__u64 _pad0[5];
	__u64 tail;
	__u64 _pad1[7];
};

enum event_type {
	EVENT_UNMAP = 1,
	EVENT_REMAP = 2,
	EVENT_BRK = 3,
	EVENT_SHMDT = 4,
	EVENT_TASK_NEW = 5,
	EVENT_TASK_EXEC = 6,
	EVENT_TASK_EXIT = 7,
	EVENT_FAULT_FAILED = 8,
	EVENT_DOORBELL = 9, /* a fault ring is half full: drain now */
	EVENT_SIGNAL = 10,  /* the target process was sent an ending signal */
};

/* The rare events, in one BPF ring buffer. Meaning of a[] by type, see the probe that sends it. */
struct event_record {
	__u64 time_ns;
	__u32 type;
	__u32 pid;
	__u32 tid;
	__u32 cpu;
	__u64 a[5];
};

_Static_assert(sizeof(struct fault_record) == 40, "fault_record");
_Static_assert(sizeof(struct ring_control) == 128, "ring_control");
_Static_assert(sizeof(struct event_record) == 64, "event_record");

#endif
