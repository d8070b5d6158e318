/*
 * Nanoseconds per fault of a 4 KiB first-touch loop, timed by the loop itself so that no start-up
 * counts: on one CPU, one mapping, ROUNDS times MADV_DONTNEED (not timed) and a write to each of
 * PAGES pages (timed).
 *
 * usage: fault_loop [PAGES [ROUNDS [CPU]]]
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "loop.h"

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* One round: every page once; returns nanoseconds a page. */
static double touch_ns(char *start, long pages)
{
	double begun = now_ns();

	for (long page = 0; page < pages; page++)
		*(volatile char *)(start + page * PAGE_BYTES) = 1;
	return (now_ns() - begun) / pages;
}

int main(int argc, char **argv)
{
	long pages = argc > 1 ? atol(argv[1]) : 16384;
	long rounds = argc > 2 ? atol(argv[2]) : 16;
	int cpu = argc > 3 ? atoi(argv[3]) : 0;
	double *costs = calloc(rounds, sizeof(*costs));
	long faults;
	char *start;

	start = map_on(cpu, pages);

	faults = minor_faults();
	for (long round = 0; round < rounds; round++) {
		costs[round] = touch_ns(start, pages);
		if (madvise(start, pages * PAGE_BYTES, MADV_DONTNEED) != 0)
			die("madvise");
	}
	faults = minor_faults() - faults;
	qsort(costs, rounds, sizeof(*costs), by_value);
	printf("{\"faults\":%ld,\"rounds\":%ld,\"min_ns\":%.1f,\"median_ns\":%.1f}\n", faults,
	       rounds, costs[0], costs[rounds / 2]);
	return 0;
}
