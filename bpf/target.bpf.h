/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whose faults are recorded, and what is remembered of each task between a
 * fault's entry and end.
 */
#ifndef FAULTREC_TARGET_BPF_H
#define FAULTREC_TARGET_BPF_H

#include "vmlinux_min.h"

#include <asm/unistd.h> /* __NR_*: of the machine that the probes are compiled for */
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "faultrec.h"

#define MAX_PIDNS_LEVEL	 32 /* include/linux/pid_namespace.h */
#define MAX_CGROUP_LEVEL 16
#define TASK_COMM_LEN	 16   /* include/linux/sched.h */
#define USER32_CS	 0x23 /* arch/x86/include/asm/segment.h: __USER32_CS */

/* The whole of .rodata, so that user space needs no symbol table to fill it. */
const volatile struct probe_config config;

enum slot_state {
	SLOT_IDLE = 0,
	SLOT_CHOSEN = 1,   /* a fault is under way, and will be a record */
	SLOT_LEFT_OUT = 2, /* a fault is under way, and sampling leaves it out */
};

#define SLABS_PENDING 4

/* What a fault's time went to so far, and what it allocated; see why.bpf.h and
 * slab.bpf.h. */
struct fault_costs {
	__u64 cause_ns[CAUSES];
	__u64 since_ns;	    /* when `cause`, or `away`, began to run */
	__u64 exception_ns; /* an exception is under way, handle_mm_fault not reached */
	__u64 exception_address;
	__u64 lock_before_ns; /* cause_ns[CAUSE_LOCK_WAIT] before this wait */
	__u32 holder_pid;     /* who has the lock that is waited for */
	__u32 holder_tid;
	__u64 slab[SLABS_PENDING];	/* caches whose slow path was entered since their
					   last object */
	__u8 slab_stage[SLABS_PENDING]; /* how far it went; 0: none */
	__u8 is_under_way;		/* the thread is in a fault whose costs are counted */
	__u8 waits_for_exec;		/* what it does is not the recorded command's yet */
	__u8 cause;			/* 1 + enum fault_cause of what is under way; 0: nothing */
	__u8 away;			/* likewise, why the thread is off its CPU */
	__u16 objects[SLAB_STAGES];
	__u16 buddy_pages;
};

/* What the end of a system call has to tell; see calls.bpf.h. */
struct call_end {
	__u32 type; /* enum event_type; 0: nothing has changed */
	__u8 has_faults;
	__u8 has_stack;
};

struct task_slot {
	__u64 start_ns;
	__u64 address;
	__u64 ip;
	__u64 vmf_address;
	__u64 vmf_pgoff;
	__u64 walk_place; /* of the page-table entry at which the walk at entry ended */
	__u64 pte_before; /* that entry */
	__u32 walk_shift; /* its level; 0: not walked */
	__u32 code;	  /* the x86 error code, or FAULT_FLAG_* */
	__u32 result;	  /* VM_FAULT_* of a fault that failed */
	__u32 pid;
	__u32 tid; /* 0: no ids yet */
	__u16 weight;
	__u32 around_before; /* which pages of the window were mapped at entry, when: */
	__u8 looks_around;   /* the fault may map pages around its own: walk.bpf.h */
	__u8 empty_beside;   /* else which of the entries beside its own were empty at entry */
	__u32 maps;	     /* element of code_maps; 0: not known */
	__u64 stack;	     /* id of the user stack at the fault's entry */
	__u64 sent_stack;    /* that of the last one that was new */
	__u64 python_thread; /* its PyThreadState; 0: not known */
	__u64 counted_by;    /* the perf events that have told of a fault of the task; 0: none
				has: own_counters.bpf.h */
	__u8 state;	     /* enum slot_state */
	__u8 bits;	     /* enum fault_bits, those known at entry */
	__u8 handler;
	__u8 has_completed; /* its completions are seen: from now on one that is
			       missing counts */
	__u8 is_retried;    /* handle_mm_fault has asked for another try */
	__u8 is_told;	    /* EVENT_TARGET_FOUND was sent */
	__u8 walk_merged;   /* WALK_MERGED, of the page in pte_before */
	__u8 is_in_call;    /* a kretprobe is to tell of its end: calls.bpf.h */
	__u8 name_is_known;
	__u8 name_matches;
	__u8 account;	  /* enum account_state; see account.bpf.h: */
	__u32 seen_minor; /* the kernel's counters of the task when they were looked
			     at last */
	__u32 seen_major;
	__u32 unseen_minor; /* faults that were served and raised no event, not told
			       yet */
	__u32 unseen_major;
	struct call_end call_end;
	__u64 name[TASK_COMM_LEN / 8]; /* of the process, when it was compared */
	struct fault_costs costs;      /* used when config.has_costs */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_slot);
} slots SEC(".maps");

/* The id of `task` in the recorder's pid namespace; 0 when it is not visible
 * there. */
static __always_inline __u32 id_in_recorder_ns(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i < MAX_PIDNS_LEVEL; i++) {
		struct upid upid;

		if (i > level)
			break;
		bpf_core_read(&upid, sizeof(upid), &pid->numbers[i]);
		if (BPF_CORE_READ(upid.ns, ns.inum) == config.pidns_inum)
			return upid.nr;
	}
	return 0;
}

static __always_inline struct task_slot *give_slot(struct task_struct *task,
						   struct task_struct *leader)
{
	struct task_slot *slot =
		bpf_task_storage_get(&slots, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!slot)
		return 0;
	slot->tid = id_in_recorder_ns(task);
	slot->pid = id_in_recorder_ns(leader);
	return slot;
}

/* Known without a look-up to be no target. */
static __always_inline bool is_nobodys(const struct task_struct *task)
{
	return config.scope == SCOPE_TREE && !task->bpf_storage;
}

/*
 * The slot of `task`, which runs. SCOPE_TREE: only targets have one. Else
 * everybody gets one; null when the kernel cannot make it just now.
 */
static __always_inline struct task_slot *slot_of(struct task_struct *task)
{
	struct task_slot *slot;

	if (is_nobodys(task))
		return 0;
	slot = bpf_task_storage_get(&slots, task, 0, 0);

	if (slot || config.scope == SCOPE_TREE)
		return slot;
	return give_slot(task, task->group_leader);
}

static __always_inline struct task_slot *my_slot(void)
{
	return slot_of(bpf_get_current_task_btf());
}

/* Does the name of the process match config's pattern? Compared anew only when
 * it has changed. */
static __always_inline bool name_matches(struct task_slot *slot)
{
	struct task_struct *leader = BPF_CORE_READ(bpf_get_current_task_btf(), group_leader);
	__u64 name[TASK_COMM_LEN / 8] = {};
	__u32 states = 1;

	bpf_core_read(name, sizeof(name), &leader->comm);
	if (slot->name_is_known && slot->name[0] == name[0] && slot->name[1] == name[1])
		return slot->name_matches;
	for (int i = 0; i < TASK_COMM_LEN; i++) {
		__u8 character = name[i / 8] >> (i % 8 * 8);

		if (!character)
			break;
		states = ((states & config.comm_masks[character]) << 1) |
			 (states & config.comm_star);
	}
	slot->name[0] = name[0];
	slot->name[1] = name[1];
	slot->name_is_known = 1;
	slot->name_matches = (states & config.comm_accept) != 0;
	return slot->name_matches;
}

/* The cgroup is looked for among all ancestors: its level below a namespace's
 * root is not known to user space. */
static __always_inline bool in_cgroup(void)
{
	for (int level = 0; level < MAX_CGROUP_LEVEL; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (id == config.cgroup_id)
			return true;
		if (!id)
			break;
	}
	return false;
}

/*
 * handle_mm_fault was entered, and no probe has seen it return: it is under
 * way, or its return was missed. A kretprobe has few instances, each taken for
 * as long as a fault sleeps; and a program is left out while another one runs
 * on its CPU. Probes at the end are attached before those at the entry, so
 * every return of an entry that was seen should be.
 */
static __always_inline bool return_is_due(const struct task_slot *slot)
{
	return config.sees_only_mapped && slot->state != SLOT_IDLE && !slot->result &&
	       !slot->is_retried;
}

/* Is the running task, which has this slot, recorded? */
static __always_inline bool is_target(struct task_slot *slot)
{
	if (config.scope == SCOPE_TREE)
		return true;
	if (slot->pid == config.self_tgid || !slot->pid)
		return false;
	if (config.scope == SCOPE_COMM)
		return name_matches(slot);
	if (config.scope == SCOPE_CGROUP)
		return in_cgroup();
	return true;
}

#endif
