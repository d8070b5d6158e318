/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Huge pages that khugepaged makes of anonymous memory, in which pages become resident that nobody
 * has touched. The kernel's tracepoints name the address space and a count, never the address: that
 * follows from the folios that are put together, and is checked in the page table.
 */
#ifndef FAULTREC_COLLAPSE_BPF_H
#define FAULTREC_COLLAPSE_BPF_H

#include "events.bpf.h"
#include "walk.bpf.h"

#define SCAN_SUCCEED 1 /* enum scan_result, mm/khugepaged.c */

/* What khugepaged, which is one thread, has taken out of the page table last. */
struct {
	__u64 index;   /* the folio's in its mapping: of memory that was never moved its page number
			*/
	__u32 missing; /* pages of the 2 MiB that were not there, or the zero page */
} isolated SEC(".data.collapse");

/* Not a process that asks for it: MADV_COLLAPSE is told as a call. */
static __always_inline bool is_khugepaged(void)
{
	return !bpf_get_current_task_btf()->mm;
}

/* (folio or page, none_or_zero, …); a page is the first of its folio here, or small. */
SEC("tp_btf/mm_collapse_huge_page_isolate")
int pages_isolated(__u64 *ctx)
{
	struct folio *folio = (struct folio *)ctx[0];

	/* Null where all pages were missing, which is not what follows. */
	if (!folio || !is_khugepaged())
		return 0;
	isolated.index = BPF_CORE_READ(folio, index);
	isolated.missing = ctx[1];
	return 0;
}

/* Is there a huge page now? */
static __always_inline bool is_huge(struct mm_struct *mm, __u64 address)
{
	struct walk_end end;

	if (!walk.direct_map)
		return false;
	end = walk_from((__u64)BPF_CORE_READ(mm, pgd), address, walk.direct_map, walk.top_shift);
	return end.shift == PMD_SHIFT && end.entry & ENTRY_PRESENT && end.entry & ENTRY_HUGE;
}

/* (mm, isolated, status) */
SEC("tp_btf/mm_collapse_huge_page")
int huge_page_made(__u64 *ctx)
{
	struct mm_struct *mm = (struct mm_struct *)ctx[0];
	__u64 address = isolated.index << PAGE_SHIFT >> PMD_SHIFT << PMD_SHIFT;
	struct event_record event = { .type = EVENT_COLLAPSED };
	struct task_struct *owner;

	if (!is_khugepaged() || (__u32)ctx[2] != SCAN_SUCCEED || !isolated.missing ||
	    !bpf_core_field_exists(mm->owner))
		return 0;
	owner = BPF_CORE_READ(mm, owner);
	event.pid = owner ? id_in_recorder_ns(BPF_CORE_READ(owner, group_leader)) : 0;
	event.tid = event.pid;
	event.time_ns = bpf_ktime_get_ns();
	event.cpu = bpf_get_smp_processor_id();
	event.a0 = is_huge(mm, address) ? address : 0;
	event.a1 = isolated.missing;
	isolated.missing = 0;
	if (event.pid && bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&totals.events_lost, 1);
	return 0;
}

#endif
