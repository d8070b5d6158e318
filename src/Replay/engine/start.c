/* The first process, and how threads and processes begin. */
#include "engine.h"
#include "sys.h"
#include <asm/prctl.h>
#include <linux/fadvise.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <asm/signal.h>

#define LOWEST_ADDRESS 0x10000UL
#define USER_END       0x7ffffffff000UL
#define LEAD_NS                                                                                    \
	20000000 /* from go to the first touch of a paced replay: time to start processes          \
		  */

extern const char __ehdr_start[];
extern const char _end[];

static void fail(const char *text, long length)
{
	sys3(__NR_write, 2, (long)text, length);
	sys1(__NR_exit_group, 70);
}

/* After a fork nothing of the arena is mapped in the child: what its loop uses is touched before
 * anything is counted. */
static void touch_own_room(u32 index)
{
	u64 end = room_of(index) + STACK_BYTES + arena()->ring_ops * sizeof(struct op);

	for (const volatile char *at = __ehdr_start; at < _end; at += PAGE_BYTES)
		(void)*at;
	for (u64 at = ARENA_BASE; at < room_of(0); at += PAGE_BYTES)
		(void)*(volatile char *)at;
	for (u64 at = room_of(index); at < end; at += PAGE_BYTES)
		(void)*(volatile char *)at;
}

static _Noreturn void task_main(u32 index)
{
	touch_own_room(index);
	slot_at(index)->tid = sys1(__NR_gettid, 0);
	sys2(__NR_prctl, PR_SET_NAME, (long)slot_at(index)->name);
	run_slot(index);
}

void start_task(u32 index, int is_process)
{
	long flags = is_process ? SIGCHLD
				: CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
					  CLONE_SYSVSEM;
	u64 stack = room_of(index) + STACK_BYTES;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	long result;

	/* The child is on a stack of its own, where nothing of this function is. */
	__asm__ volatile("syscall\n"
			 "testq %%rax, %%rax\n"
			 "jnz 1f\n"
			 "xorl %%ebp, %%ebp\n"
			 "movl %6, %%edi\n"
			 "call *%7\n"
			 "1:\n"
			 : "=a"(result)
			 : "a"((long)__NR_clone), "D"(flags), "S"(stack), "d"(0L), "r"(r10),
			   "r"(index), "r"(task_main), "r"(r8)
			 : "rcx", "r11", "memory");
	if (result >= 0)
		return;
	/* Its operations will never be done, and others wait for them. */
	arena()->errors++;
	arena()->first_errno = -result;
	arena()->first_error_kind = is_process ? OP_FORK : OP_SPAWN;
	arena()->stop = 1;
	sys1(__NR_exit_group, 70);
}

/* Stack, vdso and whatever else the kernel put there: from here on the engine is alone with its
 * arena. */
static void empty_address_space(u64 arena_bytes)
{
	u64 image = (u64)__ehdr_start & -PAGE_BYTES;
	u64 image_end = ((u64)_end + PAGE_BYTES - 1) & -PAGE_BYTES;

	sys2(__NR_munmap, LOWEST_ADDRESS, image - LOWEST_ADDRESS);
	sys2(__NR_munmap, image_end, ARENA_BASE - image_end);
	sys2(__NR_munmap, ARENA_BASE + arena_bytes, USER_END - ARENA_BASE - arena_bytes);
}

static _Noreturn void first_process(u64 arena_bytes)
{
	static const u32 started = 1;

	u64 nodes = arena()->numa_nodes;

	if (nodes && sys3(__NR_set_mempolicy, MPOL_BIND, (long)&nodes, 8 * sizeof(nodes)) < 0)
		fail("engine: the NUMA node's memory is not for this process\n", 55);
	empty_address_space(arena_bytes);
	catch_signals();
	sys2(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1);
	sys4(__NR_fadvise64, arena()->file, 0, 0, POSIX_FADV_RANDOM);
	calibrate_clock();
	__atomic_store_n(&arena()->ready, started, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&arena()->go, __ATOMIC_ACQUIRE)) {
		sys1(__NR_sched_yield, 0);
		check_end();
	}
	arena()->origin_cycles =
		cycles_now() +
		(arena()->is_paced ? ((u64)LEAD_NS << 32) / arena()->ns_per_cycle : 0);
	task_main(0);
}

/* usage: engine ARENA_FD ARENA_BYTES, both decimal */
static u64 number(const char *text)
{
	u64 value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return value;
}

__attribute__((used)) static void start(long *words)
{
	char **argv = (char **)(words + 1);
	u64 bytes;
	long mapped;

	if (words[0] != 3)
		fail("engine: two arguments\n", 22);
	bytes = number(argv[2]);
	mapped = sys6(__NR_mmap, ARENA_BASE, bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, number(argv[1]), 0);
	if (mapped != (long)ARENA_BASE)
		fail("engine: no room for its arena\n", 30);
	/* Best effort: most users may lock little. */
	sys2(__NR_mlock, ARENA_BASE, bytes);
	__asm__ volatile("movq %0, %%rsp\n"
			 "xorl %%ebp, %%ebp\n"
			 "movq %1, %%rdi\n"
			 "call *%2\n"
			 :
			 : "r"(room_of(0) + STACK_BYTES), "r"(bytes), "r"(first_process)
			 : "memory", "rdi");
	__builtin_unreachable();
}

__asm__(".globl _start\n"
	"_start:\n"
	"	movq %rsp, %rdi\n"
	"	andq $-16, %rsp\n"
	"	call start\n"
	"	hlt\n");
