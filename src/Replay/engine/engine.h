/*
 * What the engine and the planner (src/Replay/Native/EngineLayout.cs) share: one arena of memory,
 * mapped by both. A slot is a thread under way: a stack, and a ring of operations that the planner
 * fills and the thread consumes in order; results are written back into the operations, where the
 * planner finds them before it uses their places again.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <linux/types.h>

typedef __u64 u64;
typedef __s64 s64;
typedef __u32 u32;
typedef __s32 s32;
typedef __u8 u8;

/* Of every name from here on: one image, so no table of addresses. */
#pragma GCC visibility push(hidden)

#define PAGE_BYTES 4096UL

/* The engine's image lies at 0x2a0000000000 (Replay.csproj) and its arena here: far from where
 * programs have their memory. */
#define ARENA_BASE  0x2a1000000000UL
#define STACK_BYTES (32 * 1024UL)

enum op_kind {
	OP_TOUCH = 1,
	OP_MAP,
	OP_UNMAP,
	OP_PROTECT,
	OP_ADVISE,  /* prot holds the advice */
	OP_WARM,    /* bring pages of the stand-in file into the page cache */
	OP_EVICT,   /* and out of it */
	OP_PREPARE, /* a touch that is in no figure */
	OP_WAIT,    /* until another slot has done `offset` operations */
	OP_SPAWN,   /* a thread on another slot */
	OP_FORK,    /* a process on another slot */
	OP_EXIT,    /* of the thread */
	OP_EXIT_PROCESS,
	OP_FILL, /* map pages ahead of their faults; prot holds the advice */
};

enum op_flags {
	OP_WRITE = 1,
	OP_BY_KERNEL = 2, /* a system call touches */
	OP_SMALL = 4,	  /* of a mapping: no huge pages */
	OP_EXEC = 8,	  /* of a mapping: was executable, so not one with its neighbours */
	OP_HUGE = 16,	  /* of a mapping: huge pages */
	OP_HUGETLB = 32,  /* of a mapping: from the pool of huge pages */
};

enum op_results {
	OP_FAILED = 1,
	OP_CLOSES_RUN = 2, /* minor and major are those of the touches before, back to the last
			      change of bucket */
};

enum op_source {
	SOURCE_ANONYMOUS,
	SOURCE_SHARED, /* anonymous, MAP_SHARED */
	SOURCE_FILE,   /* the stand-in on a disk */
	SOURCE_FILE_SHARED,
	SOURCE_MEMORY_FILE, /* the stand-in in memory */
	SOURCE_MEMORY_FILE_SHARED,
};

struct op {
	u64 address;
	u64 length;
	u64 offset; /* in the stand-in file; of a wait: operations */
	s64 due_ns; /* of a touch: since the replay began */
	/* Of a touch: faults are counted by it; of wait, spawn, fork: the slot; of what needs a
	 * file: its descriptor and 1, or 0 for the stand-in. */
	u32 bucket;
	u8 kind;
	u8 flags;
	u8 prot;
	u8 source;

	/* results */
	s64 start_ns;	 /* of the end of a process: the most memory it had, KiB */
	u32 duration_ns; /* at most 2^32 - 1 */
	u32 minor;
	u32 major;
	u32 result;
};

/* Each member of the pair has a writer of its own, and so a cache line. */
struct slot {
	u64 head; /* operations put in, ever */
	u64 padding1[7];
	u64 tail; /* operations done, ever */
	s32 tid;
	u32 padding2;
	u64 padding3[6];
	char name[16];
	u64 padding4[6];
};

struct arena {
	u32 slots;
	u32 ring_ops; /* a power of two */
	s32 tool_pid;
	s32 file;
	s32 memory_file; /* its first page is nobody's: for touches by system calls */
	u32 is_paced;
	u32 go;
	u32 stop;
	u32 ready;
	u32 crashed;
	u32 errors; /* operations that the kernel refused */
	s32 first_errno;
	u32 first_error_kind;
	u32 numa_nodes; /* to use, a bit each; 0: any */
	u64 origin_cycles;
	u64 ns_per_cycle; /* times 2^32 */
};

_Static_assert(sizeof(struct op) == 64, "planner's layout");
_Static_assert(sizeof(struct slot) == 192, "planner's layout");
_Static_assert(sizeof(struct arena) == 72, "planner's layout");

static inline struct arena *arena(void)
{
	return (struct arena *)ARENA_BASE;
}

static inline struct slot *slot_at(u32 index)
{
	return (struct slot *)(ARENA_BASE + PAGE_BYTES) + index;
}

/* Stacks and rings, a slot's together, begin behind the table of slots. */
static inline u64 room_of(u32 index)
{
	u64 table = (arena()->slots * sizeof(struct slot) + PAGE_BYTES - 1) & -PAGE_BYTES;
	u64 room = STACK_BYTES + arena()->ring_ops * sizeof(struct op);

	return ARENA_BASE + PAGE_BYTES + table + index * room;
}

static inline struct op *ring_of(u32 index)
{
	return (struct op *)(room_of(index) + STACK_BYTES);
}

/* clock.c */
void calibrate_clock(void);
s64 now_ns(void);
u64 cycles_now(void);
s64 cycles_to_ns(u64 cycles);

/* wait.c */
void check_end(void);
void wait_for_count(const u64 *counter, u64 count);
void wait_until(s64 due_ns);

/* touch.c */
void catch_signals(void);
int touch(const struct op *op);

/* layout.c */
void change_layout(const struct op *op);

/* run.c */
_Noreturn void run_slot(u32 index);

/* start.c */
void start_task(u32 index, int is_process);

#endif
