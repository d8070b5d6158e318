/*
 * What a program pays that nobody records: loops that time themselves, in nanoseconds per
 * operation.
 *
 * usage: bystander getppid|touch|switch|fork|mmap [ROUNDS [CPU]]
 *   getppid  a system call that does nothing
 *   touch    the first touch of a page: a minor fault
 *   switch   a byte to another process on the same CPU: write, context switch, read
 *   fork     fork, exit and wait
 *   mmap     mmap and munmap of a page that is not touched
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

#define PAGES 4096

static char *start;
static int to_other[2], to_us[2];

static void call(long count)
{
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
}

static void touch(long count)
{
	for (long page = 0; page < count; page++)
		*(volatile char *)(start + page * PAGE_BYTES) = 1;
}

static void pass(int from, int to)
{
	char byte = 0;

	if ((from >= 0 && read(from, &byte, 1) != 1) || (to >= 0 && write(to, &byte, 1) != 1))
		exit(0); /* the other one has ended */
}

/* Two switches each time, so half as many times. */
static void switch_to_other(long count)
{
	for (long i = 0; i < count / 2; i++) {
		pass(-1, to_other[1]);
		pass(to_us[0], -1);
	}
}

static void start_other(void)
{
	pid_t child;

	if (pipe(to_other) != 0 || pipe(to_us) != 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		close(to_other[1]);
		for (;;)
			pass(to_other[0], to_us[1]);
	}
	close(to_other[0]);
}

static void fork_and_wait(long count)
{
	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			die("fork");
	}
}

static void map_and_unmap(long count)
{
	for (long i = 0; i < count; i++) {
		void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, PAGE_BYTES) != 0)
			die("mmap");
	}
}

static const struct {
	const char *name;
	void (*run)(long count);
	long count; /* operations a round: about a millisecond, fork five */
} loops[] = {
	{ "getppid", call, 10000 },	     { "touch", touch, PAGES },
	{ "switch", switch_to_other, 2000 }, { "fork", fork_and_wait, 50 },
	{ "mmap", map_and_unmap, 2000 },
};

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 100;
	double *costs = calloc(rounds, sizeof(*costs));
	size_t loop = 0;

	while (loop < sizeof(loops) / sizeof(*loops) &&
	       (argc < 2 || strcmp(argv[1], loops[loop].name) != 0))
		loop++;
	if (loop == sizeof(loops) / sizeof(*loops)) {
		fprintf(stderr, "usage: bystander getppid|touch|switch|fork|mmap [ROUNDS [CPU]]\n");
		return 2;
	}
	start = map_on(argc > 3 ? atoi(argv[3]) : 0, PAGES);
	if (loops[loop].run == switch_to_other)
		start_other();
	for (long round = 0; round < rounds; round++) {
		double begun = now_ns();

		loops[loop].run(loops[loop].count);
		costs[round] = (now_ns() - begun) / loops[loop].count;
		if (madvise(start, PAGES * PAGE_BYTES, MADV_DONTNEED) != 0)
			die("madvise");
	}
	qsort(costs, rounds, sizeof(*costs), by_value);
	printf("{\"min_ns\":%.1f,\"median_ns\":%.1f}\n", costs[0], costs[rounds / 2]);
	return 0;
}
