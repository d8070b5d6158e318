/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The page table of the faulting address: where the walk ends before the fault, and what is there
 * after it. Tables are read through the kernel's direct map, without a lock: another thread can
 * change or free them meanwhile, as it can for the processor's own walk; every read is one that may
 * fail.
 */
#ifndef FAULTREC_WALK_BPF_H
#define FAULTREC_WALK_BPF_H

#include "target.bpf.h"

#define ENTRY_BYTES   8
#define TABLE_INDEX   0x1ff
#define TABLE_BYTES   4096
#define PAGE_SHIFT    12
#define PMD_SHIFT     21
#define PUD_SHIFT     30
#define P4D_SHIFT     39
#define PGD5_SHIFT    48
#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_WRITE   (1ULL << 1)
#define ENTRY_HUGE    (1ULL << 7) /* _PAGE_PSE, at pmd and pud */
#define ENTRY_PFN     0x000ffffffffff000ULL

struct walk_state walk SEC(".data.walk");

/* Since 6.2: a pointer that may be read without a helper; a bad address reads as 0. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

static __always_inline __u64 read_entry(__u64 place)
{
	__u64 entry = 0;

	if (bpf_rdonly_cast) {
		struct pt_regs *words =
			bpf_rdonly_cast((void *)place, bpf_core_type_id_kernel(struct pt_regs));

		return words->r15;
	}
	bpf_probe_read_kernel(&entry, sizeof(entry), (void *)place);
	return entry;
}

static __always_inline bool is_last(__u64 entry, __u32 shift)
{
	return shift == PAGE_SHIFT || !(entry & ENTRY_PRESENT) ||
	       (entry & ENTRY_HUGE && shift <= PUD_SHIFT);
}

static __always_inline __u64 place_in(__u64 table, __u64 address, __u32 shift)
{
	return table + ((address >> shift) & TABLE_INDEX) * ENTRY_BYTES;
}

struct walk_end {
	__u64 place; /* of the entry, in the direct map */
	__u64 entry;
	__u32 shift;
};

#define WALK_STEP(at)                                                                              \
	end.shift = at;                                                                            \
	end.place = place_in(table, address, at);                                                  \
	end.entry = read_entry(end.place);                                                         \
	if (is_last(end.entry, at))                                                                \
		return end;                                                                        \
	table = (end.entry & ENTRY_PFN) + direct_map;

/* From the pgd to the entry that maps `address`, or should. */
static __always_inline struct walk_end walk_from(__u64 table, __u64 address, __u64 direct_map,
						 __u64 top_shift)
{
	struct walk_end end;

	if (top_shift == PGD5_SHIFT) {
		WALK_STEP(PGD5_SHIFT)
	}
	WALK_STEP(P4D_SHIFT)
	WALK_STEP(PUD_SHIFT)
	WALK_STEP(PMD_SHIFT)
	WALK_STEP(PAGE_SHIFT)
	return end;
}

/* include/linux/page-flags.h: the low bits of struct page.mapping */
#define PAGE_MAPPING_FLAGS 3
#define PAGE_MAPPING_KSM   3

/*
 * WALK_MERGED, or 0. A write-protected page of anonymous memory that a fork has shared and one that
 * KSM has merged look the same in the page table; the struct page tells.
 */
static __always_inline __u8 merged(const struct walk_end *end)
{
	__u64 frames = walk.frames;
	__u64 page;

	if (!frames || end->shift != PAGE_SHIFT ||
	    (end->entry & (ENTRY_PRESENT | ENTRY_WRITE)) != ENTRY_PRESENT)
		return 0;
	page = frames + ((end->entry & ENTRY_PFN) >> PAGE_SHIFT) * bpf_core_type_size(struct page);
	if (read_entry(page + bpf_core_field_offset(struct page, compound_head)) & 1)
		return 0;
	return (read_entry(page + bpf_core_field_offset(struct page, mapping)) &
		PAGE_MAPPING_FLAGS) == PAGE_MAPPING_KSM
		       ? WALK_MERGED
		       : 0;
}

#define FAULT_CODE_WRITE 2 /* X86_PF_WRITE, arch/x86/include/asm/trap_pf.h */
#define FAULT_FLAG_WRITE 1 /* include/linux/mm_types.h */

/* Bit i: entry i is there; present, or of any kind, such as a swap entry. */
static __always_inline __u32 entries_from(__u64 place, bool only_present)
{
	__u32 found = 0;

	for (int i = 0; i < AROUND_ALIGN; i++) {
		__u64 entry = read_entry(place + i * ENTRY_BYTES);
		__u64 negative = -entry;

		/* Without a branch, into which the compiler would turn what it sees: the verifier
		 * would follow each way. */
		barrier_var(negative);
		found |= (only_present ? entry & ENTRY_PRESENT : (entry | negative) >> 63) << i;
	}
	return found;
}

/* Of the window's pages; `place` is of one of the entries in its first half. The window ends with
 * the page table. */
static __always_inline __u32 entries_in_window(__u64 place, bool only_present)
{
	__u64 first = place & ~(__u64)(AROUND_ALIGN * ENTRY_BYTES - 1);
	__u64 second = first + AROUND_ALIGN * ENTRY_BYTES;
	__u32 found = entries_from(first, only_present);

	if (second & (TABLE_BYTES - 1))
		found |= entries_from(second, only_present) << AROUND_ALIGN;
	return found;
}

static __noinline __u32 mapped_in_window(__u64 place)
{
	return entries_in_window(place, true);
}

static __noinline __u32 used_in_window(__u64 place)
{
	return entries_in_window(place, false);
}

static __always_inline bool is_write(const struct task_slot *slot)
{
	return slot->code &
	       (slot->bits & FAULT_HAS_ERROR_CODE ? FAULT_CODE_WRITE : FAULT_FLAG_WRITE);
}

/*
 * A read where nothing is mapped may map the pages around that are in the page cache as well, and
 * a write a large folio where the kernel makes such. do_fault_around (mm/memory.c) begins at a
 * multiple of AROUND_ALIGN pages, or at the mapping's first page behind it, and goes over as many.
 */
static __always_inline bool may_map_more(const struct task_slot *slot, const struct walk_end *end)
{
	return !end->entry && (!is_write(slot) || config.has_large_folios);
}

#define BESIDE 3 /* both bits of: */

/* Of the entries before and behind `place` in its table: which are present, or which are empty. */
static __always_inline __u8 beside(__u64 place, bool only_present)
{
	__u64 index = place / ENTRY_BYTES & TABLE_INDEX;
	__u64 before = read_entry(place - (index ? ENTRY_BYTES : 0));
	__u64 behind = read_entry(place + (index < TABLE_INDEX ? ENTRY_BYTES : 0));

	return only_present ? (before & ENTRY_PRESENT) | (behind & ENTRY_PRESENT) << 1
			    : !before | !behind << 1;
}

/*
 * finish_fault (mm/memory.c) maps the whole folio of a file where nothing of it was mapped: of
 * tmpfs since 6.11, of every file since 6.18. Reads of the window would make each write dearer; the
 * entries beside its own are in the same cache line, and empty where there is no table yet.
 */
static __always_inline __u8 empty_beside(const struct task_slot *slot, const struct walk_end *end)
{
	if (!bpf_rdonly_cast || slot->looks_around || end->entry)
		return 0;
	return end->shift == PAGE_SHIFT ? beside(end->place, false) : BESIDE;
}

/* Where a fault that begins now finds the page table of its task. Not inlined: the kprobe rung's
 * program, which walks the stack next, has no room for its values on 6.1.
 */
static __noinline void walk_before(struct task_slot *slot, const struct task_struct *task,
				   __u64 address)
{
	struct mm_struct *mm = task->mm;
	__u64 direct_map = walk.direct_map;
	struct walk_end end;

	slot->walk_shift = 0;
	if (!direct_map || !mm)
		return;
	end = walk_from((__u64)mm->pgd, address, direct_map, walk.top_shift);
	slot->walk_place = end.place;
	slot->walk_shift = end.shift;
	slot->pte_before = end.entry;
	slot->walk_merged = merged(&end);
	slot->looks_around = may_map_more(slot, &end);
	slot->around_before =
		slot->looks_around && end.shift == PAGE_SHIFT ? used_in_window(end.place) : 0;
	slot->empty_beside = empty_beside(slot, &end);
}

/*
 * What the fault left there. The walk goes on where it ended before: in most faults that is one
 * word.
 */
static __always_inline struct walk_end walk_after(const struct task_slot *slot)
{
	struct walk_end end = { .place = slot->walk_place, .shift = slot->walk_shift };
	__u64 direct_map = walk.direct_map;

	end.entry = read_entry(end.place);
	for (int i = 0; i < 4; i++) {
		if (is_last(end.entry, end.shift))
			break;
		end.shift -= 9;
		end.place =
			place_in((end.entry & ENTRY_PFN) + direct_map, slot->address, end.shift);
		end.entry = read_entry(end.place);
	}
	return end;
}

/* log2 of the pages of the folio that the entry maps a part of; 0: it has one page, or is not
 * known. */
static __always_inline __u32 folio_order(__u64 entry)
{
	__u64 page, head;

	if (!walk.frames || !bpf_core_field_exists(struct folio, _flags_1) ||
	    !bpf_core_field_exists(((struct page *)0)->compound_head))
		return 0;
	page = walk.frames + ((entry & ENTRY_PFN) >> PAGE_SHIFT) * bpf_core_type_size(struct page);
	head = read_entry(page + bpf_core_field_offset(struct page, compound_head));
	if (head & 1)
		page = head - 1;
	else if (!(read_entry(page + bpf_core_type_size(struct page) +
			      bpf_core_field_offset(struct page, compound_head)) &
		   1))
		return 0;
	return read_entry(page + bpf_core_field_offset(struct folio, _flags_1)) & 0xff;
}

/*
 * Like mapped_around, of a write that has mapped entries beside its own: if one of them is in the
 * same folio, all of it was mapped, also what lies before the window.
 */
static __noinline __u64 mapped_folio(const struct walk_end *after, __u8 mapped_beside)
{
	__u32 order = folio_order(after->entry);
	__u64 last, in_folio, in_window, first, end;

	if (!order || order > PMD_SHIFT - PAGE_SHIFT)
		return 0;
	last = (1 << order) - 1;
	in_folio = (after->entry & ENTRY_PFN) >> PAGE_SHIFT & last;
	if (!(mapped_beside & ((in_folio ? 1 : 0) | (in_folio < last ? 2 : 0))))
		return 0;
	in_window = after->place / ENTRY_BYTES & (AROUND_ALIGN - 1);
	first = in_folio < in_window ? in_window - in_folio : 0;
	end = in_window - in_folio + last + 1;
	return (end < AROUND_PAGES ? (1ULL << end) - 1 : (__u32)-1) >> first << first |
	       (__u64)order << AROUND_ORDER_SHIFT;
}

/* What the fault mapped beside its own page, where it looked, as pte_before has it under
 * WALK_AROUND. */
static __always_inline __u64 mapped_around(const struct task_slot *slot,
					   const struct walk_end *after)
{
	__u32 order = 0, before = slot->around_before, pages;

	if (after->shift != PAGE_SHIFT || !(after->entry & ENTRY_PRESENT))
		return 0;
	if (slot->empty_beside) {
		__u8 mapped_beside = slot->empty_beside & beside(after->place, true);

		return mapped_beside ? mapped_folio(after, mapped_beside) : 0;
	}
	if (!slot->looks_around)
		return 0;
	pages = mapped_in_window(after->place) & ~before;
	if (is_write(slot) && pages & (pages - 1))
		order = folio_order(after->entry);
	return pages | (__u64)order << AROUND_ORDER_SHIFT |
	       (__u64)(before & ((1u << AROUND_ALIGN) - 1)) << AROUND_USED_SHIFT;
}

static __always_inline __u8 level_of(__u32 shift)
{
	return (shift - PAGE_SHIFT) / 9;
}

struct direct_map_search {
	__u64 pgd;
	__u64 first;
};

static long try_direct_map(__u32 index, struct direct_map_search *search)
{
	__u64 direct_map = search->first - ((__u64)index << PUD_SHIFT);

	for (int levels = 0; levels < 2; levels++) {
		__u64 top_shift = levels ? PGD5_SHIFT : P4D_SHIFT;
		__u32 right = 0;

		for (int i = 0; i < WALK_PROBES; i++) {
			struct walk_end end =
				walk_from(search->pgd, walk.addresses[i], direct_map, top_shift);

			if (end.shift != PAGE_SHIFT || !(end.entry & ENTRY_PRESENT) ||
			    (end.entry & ENTRY_PFN) >> PAGE_SHIFT != walk.pfns[i])
				break;
			right++;
		}
		if (right == WALK_PROBES) {
			walk.direct_map = direct_map;
			walk.top_shift = top_shift;
			return 1;
		}
	}
	return 0;
}

/* A page of the task's kernel stack: its struct page is known by a pointer, its frame by a walk. */
static __always_inline __u64 frames_by(struct task_struct *task, struct page **pages, __u64 pgd,
				       __u32 index)
{
	__u64 stack = (__u64)BPF_CORE_READ(task, stack) + ((__u64)index << PAGE_SHIFT);
	struct walk_end end = walk_from(pgd, stack, walk.direct_map, walk.top_shift);
	__u64 page = 0;

	if (bpf_probe_read_kernel(&page, sizeof(page), pages + index) || !page ||
	    end.shift != PAGE_SHIFT || !(end.entry & ENTRY_PRESENT))
		return 0;
	return page - ((end.entry & ENTRY_PFN) >> PAGE_SHIFT) * bpf_core_type_size(struct page);
}

/* Where the array of all struct pages begins; two pages must say the same. */
static __always_inline void find_frames(struct task_struct *task, __u64 pgd)
{
	struct page **pages;
	__u64 frames;

	if (!bpf_core_field_exists(task->stack_vm_area) ||
	    !bpf_core_field_exists(((struct page *)0)->compound_head))
		return;
	pages = BPF_CORE_READ(task, stack_vm_area, pages);
	frames = frames_by(task, pages, pgd, 0);
	if (frames && frames_by(task, pages, pgd, 1) == frames)
		walk.frames = frames;
}

/*
 * Run by reading the iterator. A page table is a page of the direct map itself, whose base lies on
 * a multiple of 1 GiB (arch/x86/mm/kaslr.c), so it is one of those at or below it; the right one is
 * the one with which walks come to the frames that /proc/PID/pagemap tells.
 */
SEC("iter/task")
int find_direct_map(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct direct_map_search search;

	if (!task || walk.direct_map || id_in_recorder_ns(task) != walk.tgid)
		return 0;
	search.pgd = (__u64)BPF_CORE_READ(task, mm, pgd);
	search.first = search.pgd >> PUD_SHIFT << PUD_SHIFT;
	if (search.pgd)
		bpf_loop(walk.max_candidates, try_direct_map, &search, 0);
	if (walk.direct_map)
		find_frames(task, search.pgd);
	return 0;
}

#endif
