/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Calls itself in a known chain, and says its id, where each call will return to, from outside
 * inwards, and which instruction was interrupted. Then it waits for a byte; on the way from there
 * to its end it passes through code of many kinds, and never returns into the chain.
 *
 *   usage: chain direct|callback|signal
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOT_INLINED __attribute__((noinline, noclone))
#define CALLED	    (calls[count++] = (unsigned long)__builtin_return_address(0))

/* Where a call returns to; one that was interrupted goes on at its place itself. */
static unsigned long calls[32];
static int count;
static unsigned long interrupted_at;
static volatile int sink;
static const char *volatile number = "12.5e3";

NOT_INLINED static void innermost(void)
{
	char text[64], byte;

	CALLED;
	dprintf(STDOUT_FILENO, "%d\n", getpid());
	for (int i = 0; i < count; i++)
		dprintf(STDOUT_FILENO, "%lx\n", calls[i]);
	dprintf(STDOUT_FILENO, "%lx\n\n", interrupted_at);
	if (read(STDIN_FILENO, &byte, 1) == 1) {
		/* Bound when it is called first, if the program is linked so; the vDSO's clock. */
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		snprintf(text, sizeof(text), "%.3f %ld", strtod(number, NULL), (long)now.tv_nsec);
		sink = strlen(text) + memcmp(text, number, 2);
		free(malloc(1000));
	}
	_exit(0);
}

NOT_INLINED static void fifth(volatile char *place)
{
	CALLED;
	sink = place[0];
	innermost();
	sink = place[1];
}

/* A frame that is both realigned and of a size that only the call knows. */
NOT_INLINED static void realigned(int size)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *dynamic = alloca(size);

	CALLED;
	aligned[size % 64] = 1;
	dynamic[size - 1] = aligned[size % 64];
	fifth(dynamic);
	sink = aligned[0] + dynamic[0];
}

NOT_INLINED static int compare(const void *one, const void *other)
{
	CALLED;
	realigned(100 + (one == other));
	return sink;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	CALLED;
	interrupted_at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	realigned(100);
	sink = 0;
}

NOT_INLINED static void interrupted(volatile int *nowhere, long a, long b)
{
	long saved[8];

	CALLED;
	for (int i = 0; i < 8; i++)
		saved[i] = a * i + b;
	*nowhere = saved[a & 7] + saved[b & 7];
	sink = saved[sink & 7];
}

NOT_INLINED static void second(const char *how)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };
	static const int values[3] = { 1, 2, 3 };
	size_t elements = 3;

	CALLED;
	if (strcmp(how, "signal") == 0) {
		sigaction(SIGSEGV, &action, NULL);
		interrupted(NULL, sink, count);
	} else if (strcmp(how, "callback") == 0) {
		sink = lfind(values + 1, values, &elements, sizeof(values[0]), compare) == values;
	} else {
		compare(values, values + 1);
	}
	sink = 1;
}

int main(int argc, char **argv)
{
	CALLED;
	second(argc > 1 ? argv[1] : "direct");
	sink = 2;
	return 0;
}
