/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types the probes read. preserve_access_index makes every field access a CO-RE
 * relocation: libbpf looks the offsets up in the running kernel's BTF, so only names matter here,
 * neither order nor completeness.
 */
#ifndef FAULTREC_VMLINUX_MIN_H
#define FAULTREC_VMLINUX_MIN_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum { false = 0, true = 1 };

/* Map types and flags: UAPI values (include/uapi/linux/bpf.h), not subject to relocation. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_MMAPABLE = 1U << 10,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1U << 0 };

enum {
	BPF_RB_NO_WAKEUP = 1U << 0,
	BPF_RB_FORCE_WAKEUP = 1U << 1,
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX /* defined where the probes are compiled for user space */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct pt_regs {
	unsigned long r15;
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long sp;
};

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

/* Stands for pgd_t, of which only the address is of interest. */
struct page_table;

typedef struct {
	long counter;
} atomic_long_t;

struct rw_semaphore {
	atomic_long_t count;
	atomic_long_t owner;
};

struct super_block {
	unsigned int s_dev;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	__s64 i_size;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct vm_area_struct {
	struct file *vm_file;
};

struct fdtable {
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct percpu_counter {
	__s64 count;
	__s32 *counters; /* each CPU's part, not in the count yet */
};

/* An unnamed enum (include/linux/mm_types_task.h), which CO-RE cannot look up. */
enum { MM_FILEPAGES = 0, MM_ANONPAGES = 1, MM_SWAPENTS = 2, MM_SHMEMPAGES = 3, NR_MM_COUNTERS = 4 };

struct mm_struct {
	struct page_table *pgd;
	unsigned long hiwater_rss;
	struct percpu_counter rss_stat[NR_MM_COUNTERS]; /* since 6.2 */
	struct rw_semaphore mmap_lock;
	unsigned long start_code;
	unsigned long end_code;
	unsigned long saved_auxv[48];
	struct file *exe_file;
	struct task_struct *owner; /* with CONFIG_MEMCG */
};

struct userfaultfd_ctx {
	struct mm_struct *mm;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	unsigned long maxrss;
};

struct thread_struct {
	unsigned long fsbase;
};

struct perf_event_context;

struct page {
	unsigned long compound_head; /* bit 0: the rest of a larger page */
	void *mapping;
};

struct folio {
	unsigned long index;
	unsigned long _flags_1; /* since 6.6: the low byte is its order */
};

struct vm_struct {
	struct page **pages;
};

struct task_struct {
	void *stack;
	struct vm_struct *stack_vm_area; /* with CONFIG_VMAP_STACK */
	int pid;
	int tgid;
	int pagefault_disabled;
	unsigned in_iowait : 1;
	void *bpf_storage;
	unsigned long min_flt;
	unsigned long maj_flt;
	int exit_code;
	struct pid *thread_pid;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
	struct thread_struct thread;
	struct perf_event_context *perf_event_ctxp;
	char comm[16];
};

/* Until 6.1: one context of hardware events, one of software events. */
struct task_struct___two_contexts {
	struct perf_event_context *perf_event_ctxp[2];
};

/* Since 5.11 these two lie in an unnamed struct in it; CO-RE looks inside. */
struct vm_fault {
	unsigned long address;
	unsigned long pgoff;
};

struct slab {
	void *freelist;
};

struct kmem_cache_cpu {
	struct slab *slab;
	struct slab *partial; /* with CONFIG_SLUB_CPU_PARTIAL */
};

struct slub_percpu_sheaves;

struct kmem_cache {
	unsigned int size;
	const char *name;
	struct slub_percpu_sheaves *cpu_sheaves; /* since 6.18 */
};

struct bpf_array {
	void *pptrs[1]; /* of a per-CPU array */
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

/* The head of siginfo_t, a UAPI layout (include/uapi/asm-generic/siginfo.h): no relocation. */
struct siginfo_head {
	__s32 si_signo;
	__s32 si_errno;
	__s32 si_code;
	__s32 _pad;
	__u64 si_addr;
};

/* UAPI (arch/x86/include/uapi/asm/bpf_perf_event.h): the verifier rewrites accesses, CO-RE must not
 * touch them. */
struct bpf_user_pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

struct bpf_perf_event_data {
	struct bpf_user_pt_regs regs;
	__u64 sample_period;
	__u64 addr;
};

#endif
