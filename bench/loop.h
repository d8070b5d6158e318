/* What loops that time their own first touches have in common. */
#ifndef FAULTREC_BENCH_LOOP_H
#define FAULTREC_BENCH_LOOP_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE_BYTES 4096L

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* For qsort(3) of doubles. */
static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Stays on that CPU, and maps memory in which every first touch is a fault of one small page. */
static char *map_on(int cpu, long pages)
{
	cpu_set_t one_cpu;
	char *start;

	CPU_ZERO(&one_cpu);
	CPU_SET(cpu, &one_cpu);
	if (sched_setaffinity(0, sizeof(one_cpu), &one_cpu) != 0)
		die("sched_setaffinity");
	start = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (start == MAP_FAILED || madvise(start, pages * PAGE_BYTES, MADV_NOHUGEPAGE) != 0)
		die("mmap");
	return start;
}

#endif
