// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the doctor attaches to find out whether the kernel lets it. The target is set at run time
 * (bpf_program__set_attach_target), so the sections name none. The programs do nothing and read no
 * argument: a refusal is then about the target, never about what a program does there.
 */
#include "vmlinux_min.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("fentry")
int at_function(void *ctx)
{
	return 0;
}

SEC("tp_btf")
int at_tracepoint(void *ctx)
{
	return 0;
}
