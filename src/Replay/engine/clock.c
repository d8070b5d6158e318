/* Time in cycles of the processor, whose reading costs a fiftieth of a fault, as nanoseconds of
 * CLOCK_MONOTONIC. */
#include "engine.h"
#include "sys.h"
#include <linux/time.h>

#define CALIBRATION_NS 20000000

u64 cycles_now(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static s64 monotonic_ns(void)
{
	struct timespec now;

	sys2(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

void calibrate_clock(void)
{
	struct timespec pause = { .tv_nsec = CALIBRATION_NS };
	s64 begun_ns, elapsed_ns;
	u64 begun;

	monotonic_ns();
	begun_ns = monotonic_ns();
	begun = cycles_now();
	sys2(__NR_nanosleep, (long)&pause, 0);
	elapsed_ns = monotonic_ns() - begun_ns;
	arena()->ns_per_cycle = ((u64)elapsed_ns << 32) / (cycles_now() - begun);
}

s64 cycles_to_ns(u64 cycles)
{
	return (s64)(((unsigned __int128)cycles * arena()->ns_per_cycle) >> 32);
}

/* Since the replay began; negative before. */
s64 now_ns(void)
{
	u64 now = cycles_now(), origin = arena()->origin_cycles;

	return now >= origin ? cycles_to_ns(now - origin) : -cycles_to_ns(origin - now);
}
