// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Empty programs where the tracepoint backend has its own: what is left when the probes do nothing.
 */
#include "../bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/page_fault_user")
int enter_user(void *ctx)
{
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int enter_kernel(void *ctx)
{
	return 0;
}

SEC("perf_event")
int complete(void *ctx)
{
	return 0;
}
