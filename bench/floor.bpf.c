// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Empty programs where the tracepoint backend has its own: what is left when the probes do nothing.
 * `bpftool link` lists the tracepoints while a recording runs.
 */
#include "../bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool read_clock;
__u64 last_ns;

static __always_inline int nothing(void)
{
	if (read_clock)
		*(volatile __u64 *)&last_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/page_fault_user")
int enter_user(void *ctx)
{
	return nothing();
}

SEC("tp_btf/page_fault_kernel")
int enter_kernel(void *ctx)
{
	return nothing();
}

SEC("perf_event")
int complete(void *ctx)
{
	return nothing();
}

#define EMPTY_AT(tracepoint)                                                                       \
	SEC("tp_btf/" #tracepoint)                                                                 \
	int at_##tracepoint(void *ctx)                                                             \
	{                                                                                          \
		return 0;                                                                          \
	}

EMPTY_AT(signal_generate)
EMPTY_AT(sys_exit)
EMPTY_AT(task_newtask)
EMPTY_AT(sched_process_exec)
EMPTY_AT(sched_process_exit)
EMPTY_AT(sched_switch)
EMPTY_AT(tlb_flush)
