/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel counts as memory of a process that ends. While it lives, user space reads the
 * same counters in /proc.
 */
#ifndef FAULTREC_MEMORY_BPF_H
#define FAULTREC_MEMORY_BPF_H

#include "events.bpf.h"

/*
 * Tells how far a CPU's copy of per-CPU data is from where a per-CPU pointer points to: its element
 * less the pointer that the map has. The kernel's own table of these distances has a name only in
 * kernels with CONFIG_KALLSYMS_ALL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cpu_places SEC(".maps");

struct counter_sum {
	__u64 counters;
	__u64 first_place;
	__s64 sum;
};

/* The address as a number. Through memory: the verifier forbids arithmetic with pointers to maps.
 */
#define NUMBER_OF(pointer)                                                                         \
	({                                                                                         \
		__u64 number = 0;                                                                  \
		bpf_probe_read_kernel(&number, sizeof(number), &(pointer));                        \
		number;                                                                            \
	})

static long add_cpu_part(__u32 cpu, struct counter_sum *counter)
{
	__u32 zero = 0;
	void *place = bpf_map_lookup_percpu_elem(&cpu_places, &zero, cpu);
	__u64 distance;
	__s32 part;

	if (!place)
		return 1; /* there are no more CPUs */
	distance = NUMBER_OF(place) - counter->first_place;
	if (!bpf_probe_read_kernel(&part, sizeof(part), (void *)(counter->counters + distance)))
		counter->sum += part;
	return 0;
}

/* As percpu_counter_sum_positive(). The count alone lacks what each CPU keeps to itself. */
static __noinline __u64 sum_of(struct percpu_counter *counter)
{
	const __u32 most_cpus = 8192; /* MAXSMP */
	void *map = &cpu_places;
	struct bpf_array *places = (struct bpf_array *)NUMBER_OF(map);
	struct counter_sum sum = {
		.counters = (__u64)BPF_CORE_READ(counter, counters),
		.first_place = (__u64)BPF_CORE_READ(places, pptrs[0]),
		.sum = BPF_CORE_READ(counter, count),
	};

	bpf_loop(most_cpus, add_cpu_part, &sum, 0);
	return sum.sum > 0 ? sum.sum : 0;
}

/*
 * At the end of the last thread; of several that end at the same time each may be taken for it. a0
 * to a3: pages of files, anonymous, swapped out, shared; a4: the most that were resident since the
 * last execve; a5: ru_maxrss, in pages, of all programs that the process was. Before 6.16 the
 * address space is gone by now: a0 to a4 are 0.
 */
static __always_inline void send_memory(const struct task_slot *slot, struct task_struct *task)
{
	__u64 pages[NR_MM_COUNTERS] = {}, highest = 0;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	if (mm && bpf_core_field_exists(mm->rss_stat[MM_FILEPAGES].count)) {
		pages[MM_FILEPAGES] = sum_of(&mm->rss_stat[MM_FILEPAGES]);
		pages[MM_ANONPAGES] = sum_of(&mm->rss_stat[MM_ANONPAGES]);
		pages[MM_SWAPENTS] = sum_of(&mm->rss_stat[MM_SWAPENTS]);
		pages[MM_SHMEMPAGES] = sum_of(&mm->rss_stat[MM_SHMEMPAGES]);
		highest = BPF_CORE_READ(mm, hiwater_rss);
	}
	send_event(EVENT_PROCESS_END, slot, bpf_ktime_get_ns(), pages[MM_FILEPAGES],
		   pages[MM_ANONPAGES], pages[MM_SWAPENTS], pages[MM_SHMEMPAGES], highest,
		   BPF_CORE_READ(task, signal, maxrss));
}

#endif
