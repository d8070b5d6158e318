/*
 * Nanoseconds per fault of 4 KiB first touches from stacks of a known shape, timed by the loop
 * itself. Compiled without frame pointers, as distributions compile.
 *
 * usage: stack_loop same|leaves|depths|halves [DEPTH [PAGES [ROUNDS [CPU]]]]
 *   same    every fault from one place, DEPTH calls below main
 *   leaves  the same callers, and in turn eight functions that touch
 *   depths  in turn from 1 to DEPTH calls below main, so that no fault has the stack before
 *   halves  a recursion that halves the pages until one is left, whatever DEPTH is
 */
#define _GNU_SOURCE
#include <string.h>

#include "loop.h"

#define LEAVES 8

static long pages = 8192;
static char *start;

#define LEAF(n)                                                                                    \
	static __attribute__((noinline)) void leaf_##n(long page)                                  \
	{                                                                                          \
		*(volatile char *)(start + page * PAGE_BYTES) = n + 1;                             \
	}
LEAF(0)
LEAF(1)
LEAF(2)
LEAF(3)
LEAF(4)
LEAF(5)
LEAF(6)
LEAF(7)

static void (*const leaves[LEAVES])(long) = { leaf_0, leaf_1, leaf_2, leaf_3,
					      leaf_4, leaf_5, leaf_6, leaf_7 };

static void touch_all(int leaf_count)
{
	for (long page = 0; page < pages; page++)
		leaves[page % leaf_count](page);
}

/* depth calls further down; `held` is what a frame usually has. */
static __attribute__((noinline)) int descend(long depth, int leaf_count, long page)
{
	volatile char held[48];

	held[0] = 1;
	if (depth > 1)
		return descend(depth - 1, leaf_count, page) + held[0];
	if (page < 0)
		touch_all(leaf_count);
	else
		leaf_0(page);
	return held[0];
}

/* Two places call it, so that the stacks of neighbours differ. */
static __attribute__((noinline)) int halve(long first, long count)
{
	volatile char held[48];

	held[0] = 1;
	if (count > 1)
		return halve(first, count / 2) + halve(first + count / 2, count - count / 2) +
		       held[0];
	leaf_0(first);
	return held[0];
}

int main(int argc, char **argv)
{
	const char *shape = argc > 1 ? argv[1] : "same";
	long depth = argc > 2 ? atol(argv[2]) : 20, rounds = argc > 4 ? atol(argv[4]) : 32;
	int leaf_count = strcmp(shape, "leaves") == 0 ? LEAVES : 1;
	double *costs;

	if (argc > 3)
		pages = atol(argv[3]);
	costs = calloc(rounds, sizeof(*costs));
	start = map_on(argc > 5 ? atoi(argv[5]) : 0, pages);
	for (long round = 0; round < rounds; round++) {
		double begun = now_ns();

		if (strcmp(shape, "depths") == 0) {
			for (long page = 0; page < pages; page++)
				descend(1 + page * 7 % depth, 1, page);
		} else if (strcmp(shape, "halves") == 0) {
			halve(0, pages);
		} else {
			descend(depth, leaf_count, -1);
		}
		costs[round] = (now_ns() - begun) / pages;
		if (madvise(start, pages * PAGE_BYTES, MADV_DONTNEED) != 0)
			die("madvise");
	}
	qsort(costs, rounds, sizeof(*costs), by_value);
	printf("{\"faults\":%ld,\"min_ns\":%.1f,\"median_ns\":%.1f}\n", pages * rounds, costs[0],
	       costs[rounds / 2]);
	return 0;
}
