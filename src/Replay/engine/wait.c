/* Waiting, for work, for another thread, for a moment: never for longer than a tenth of a second
 * without asking whether to end. */
#include "engine.h"
#include "sys.h"
#include <asm/errno.h>
#include <linux/time.h>

#define SPINS	     200
#define YIELDS	     50
#define NAP_NS	     30000
#define NAPS_A_CHECK 1000
#define LONGEST_NS   50000000
#define SPIN_NS	     60000 /* a sleep ends up to so much late */

static void nap(long ns)
{
	struct timespec pause = { .tv_nsec = ns };

	sys2(__NR_nanosleep, (long)&pause, 0);
}

/* Ends the process when the tool says so, or is gone. */
void check_end(void)
{
	if (__atomic_load_n(&arena()->stop, __ATOMIC_RELAXED) ||
	    sys2(__NR_kill, arena()->tool_pid, 0) == -ESRCH)
		sys1(__NR_exit_group, 0);
}

void wait_for_count(const u64 *counter, u64 count)
{
	for (u64 round = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < count; round++) {
		if (round < SPINS) {
			__builtin_ia32_pause();
		} else if (round < SPINS + YIELDS) {
			sys1(__NR_sched_yield, 0);
		} else {
			nap(NAP_NS);
			if (round % NAPS_A_CHECK == 0)
				check_end();
		}
	}
}

void wait_until(s64 due_ns)
{
	s64 left;

	while ((left = due_ns - now_ns()) > 0) {
		if (left < SPIN_NS) {
			__builtin_ia32_pause();
			continue;
		}
		left -= SPIN_NS;
		nap(left < LONGEST_NS ? left : LONGEST_NS);
		check_end();
	}
}
