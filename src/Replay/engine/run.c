/*
 * A thread's loop over its ring. The kernel's count of the thread's faults is read where the bucket
 * changes, not at every touch: a reading costs a tenth of a fault.
 */
#include "engine.h"
#include "sys.h"
#include <linux/resource.h>
#include <linux/sched.h>

#define AHEAD 4

struct run {
	u32 bucket;
	int is_open;
	long minor; /* of the thread when the run began */
	long major;
};

static void read_faults(long *minor, long *major)
{
	struct rusage usage;

	sys2(__NR_getrusage, RUSAGE_THREAD, (long)&usage);
	*minor = usage.ru_minflt;
	*major = usage.ru_majflt;
}

/* Writes what the run counted into the operation that ends it. */
static void close_run(struct run *run, struct op *op)
{
	long minor, major;

	if (!run->is_open)
		return;
	read_faults(&minor, &major);
	op->minor = minor - run->minor;
	op->major = major - run->major;
	op->result |= OP_CLOSES_RUN;
	run->minor = minor;
	run->major = major;
	run->is_open = 0;
}

static void note_times(struct op *op, u64 begun)
{
	s64 duration = cycles_to_ns(cycles_now() - begun);

	op->start_ns = cycles_to_ns(begun - arena()->origin_cycles);
	op->duration_ns = duration < 0xffffffffL ? duration : 0xffffffffL;
}

static void touch_measured(struct run *run, struct op *op)
{
	u64 begun;

	if (!run->is_open || run->bucket != op->bucket) {
		if (run->is_open)
			close_run(run, op);
		else
			read_faults(&run->minor, &run->major);
		run->bucket = op->bucket;
		run->is_open = 1;
	}
	if (arena()->is_paced)
		wait_until(op->due_ns);
	begun = cycles_now();
	if (touch(op))
		op->result |= OP_FAILED;
	note_times(op, begun);
}

/* Nothing may stand between the last operation's end and that of the thread: the planner gives the
 * slot's stack away. */
static _Noreturn void leave(struct slot *slot, u64 done, int is_process)
{
	__asm__ volatile("movq %1, (%0)\n"
			 "xorl %%edi, %%edi\n"
			 "syscall\n"
			 :
			 : "r"(&slot->tail), "r"(done),
			   "a"((long)(is_process ? __NR_exit_group : __NR_exit))
			 : "rdi", "rcx", "r11", "memory");
	__builtin_unreachable();
}

/* The first process ends when all others have, whoever started them. */
static void wait_for_all(void)
{
	while (sys4(__NR_wait4, -1, 0, 0, 0) > 0)
		;
}

static long most_resident_kib(void)
{
	struct rusage usage;

	sys2(__NR_getrusage, RUSAGE_SELF, (long)&usage);
	return usage.ru_maxrss;
}

static void do_other(struct op *op, u32 index)
{
	u64 begun;

	switch (op->kind) {
	case OP_PREPARE:
		touch(op);
		break;
	case OP_WAIT:
		wait_for_count(&slot_at(op->bucket)->tail, op->offset);
		break;
	case OP_SPAWN:
	case OP_FORK:
		start_task(op->bucket, op->kind == OP_FORK);
		break;
	case OP_FILL:
		begun = cycles_now();
		change_layout(op);
		note_times(op, begun);
		break;
	case OP_EXIT_PROCESS:
		op->start_ns = most_resident_kib();
		if (index == 0)
			wait_for_all();
		break;
	case OP_EXIT:
		break;
	default:
		change_layout(op);
	}
}

static int is_end(const struct op *op)
{
	return op->kind == OP_EXIT || op->kind == OP_EXIT_PROCESS;
}

/* Operations that touch memory, or make the pages around them look untouched, are in no run. */
static int breaks_run(const struct op *op)
{
	return op->kind == OP_PREPARE || op->kind == OP_FILL || op->kind == OP_FORK || is_end(op);
}

_Noreturn void run_slot(u32 index)
{
	struct slot *slot = slot_at(index);
	struct op *ring = ring_of(index);
	u64 mask = arena()->ring_ops - 1, done = slot->tail, available = done;
	struct run run = { 0 };

	for (;;) {
		struct op *op = &ring[done & mask];

		if (done == available) {
			wait_for_count(&slot->head, done + 1);
			available = __atomic_load_n(&slot->head, __ATOMIC_ACQUIRE);
		}
		/* The planner's processor has it; it will be read and written. */
		__builtin_prefetch(&ring[(done + AHEAD) & mask], 1);
		if (op->kind == OP_TOUCH) {
			touch_measured(&run, op);
		} else {
			if (breaks_run(op))
				close_run(&run, op);
			do_other(op, index);
			if (is_end(op))
				leave(slot, done + 1, op->kind == OP_EXIT_PROCESS);
		}
		__atomic_store_n(&slot->tail, ++done, __ATOMIC_RELEASE);
	}
}
