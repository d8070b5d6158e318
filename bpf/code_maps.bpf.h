/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which code each process has mapped, kept as it maps, forks, executes and ends. */
#ifndef FAULTREC_CODE_MAPS_BPF_H
#define FAULTREC_CODE_MAPS_BPF_H

#include "stacks.bpf.h"

/* Elements that no process uses. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_maps SEC(".maps");

/* Files that user space has made rows of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct code_file_key);
	__type(value, struct code_file);
} code_files SEC(".maps");

/* What found no room, in the element that is no process's. */
static __always_inline struct code_maps *left_out(void)
{
	__u32 nobody = 0;

	return bpf_map_lookup_elem(&code_maps, &nobody);
}

static __always_inline void add_code(__u32 element, __u64 start, __u64 end, __u64 bias,
				     const struct code_file *file)
{
	struct code_maps *maps = bpf_map_lookup_elem(&code_maps, &element);
	struct code_mapping *mapping;
	__u32 index;

	if (!maps || !element)
		return;
	index = __sync_fetch_and_add(&maps->count, 1);
	barrier_var(index);
	if (index >= MAX_CODE_MAPPINGS) {
		maps = left_out();
		if (maps)
			__sync_fetch_and_add(&maps->count, 1);
		return;
	}
	mapping = &maps->mappings[index];
	mapping->bias = bias;
	mapping->first_row = file->first_row;
	mapping->row_count = file->row_count;
	mapping->start = start;
	barrier();
	mapping->end = end;
	if (file->python) {
		maps->python_runtime = bias + file->python_runtime;
		barrier();
		maps->python = file->python;
	}
	/* What was found in between is remembered as of before. */
	__sync_fetch_and_add(&maps->changes, 1);
}

static __always_inline struct code_file *file_of(struct inode *inode)
{
	struct code_file_key key = {};

	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	return bpf_map_lookup_elem(&code_files, &key);
}

static __always_inline struct file *open_file(__u32 fd)
{
	struct file **files = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt, fd);
	struct file *file = 0;

	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/* mmap(2) of a file's code; ip - bias is an address in the file's own space. */
static __always_inline void code_mapped(struct task_slot *slot, const struct pt_regs *regs,
					__u64 start)
{
	__u64 offset = regs->r9;
	struct file *file = open_file(regs->r8);
	struct code_file *known;

	known = file ? file_of(BPF_CORE_READ(file, f_inode)) : 0;
	if (known)
		add_code(maps_of(slot), start, start + regs->si,
			 start - offset + known->code_offset - known->code_address, known);
}

/* A child has its parent's mappings. What it maps before its execve is added to those of both: at
 * an address that the parent uses otherwise only by rare chance. */
static __always_inline void code_inherited(__u32 pid, __u32 parent_pid)
{
	__u32 *element = bpf_map_lookup_elem(&process_maps, &parent_pid);
	struct code_maps *maps = element ? bpf_map_lookup_elem(&code_maps, element) : 0;

	if (!maps || bpf_map_update_elem(&process_maps, &pid, element, BPF_ANY))
		return;
	__sync_fetch_and_add(&maps->processes, 1);
}

/* The process has ended, or executes another program. */
static __always_inline void code_left(__u32 pid)
{
	__u32 *known = bpf_map_lookup_elem(&process_maps, &pid);
	struct code_maps *maps;
	__u32 element;

	if (!known)
		return;
	element = *known;
	bpf_map_delete_elem(&process_maps, &pid);
	maps = bpf_map_lookup_elem(&code_maps, &element);
	if (maps && __sync_fetch_and_add(&maps->processes, -1) == 1)
		bpf_map_push_elem(&free_maps, &element, 0);
}

#define AT_BASE		7  /* include/uapi/linux/auxvec.h */
#define AT_SYSINFO_EHDR 33 /* arch/x86/include/uapi/asm/auxvec.h */
#define AUXV_PAIRS	24

/* bpf_find_vma's function: code at this mapping's distance from `bias`, which is the file's. */
struct interpreter_search {
	__u64 bias;
	__u32 element;
};

static long interpreter_found(struct task_struct *task, struct vm_area_struct *vma,
			      struct interpreter_search *search)
{
	struct file *mapped = vma->vm_file;
	struct code_file *file = mapped ? file_of(BPF_CORE_READ(mapped, f_inode)) : 0;

	if (file)
		add_code(search->element, search->bias + file->code_address,
			 search->bias + file->code_address + file->code_bytes, search->bias, file);
	return 0;
}

/*
 * The dynamic linker and the kernel's own library: whatever was executed, both have most likely
 * been seen before.
 */
static __always_inline void add_interpreter(__u32 element, struct task_struct *task)
{
	struct interpreter_search search = { .element = element };
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct code_file_key vdso_key = { .device = VDSO_DEVICE };
	struct code_file *vdso;
	__u64 pair[2];

	for (int i = 0; i < AUXV_PAIRS; i++) {
		bpf_core_read(pair, sizeof(pair), &mm->saved_auxv[2 * i]);
		if (!pair[0])
			break;
		if (pair[0] == AT_BASE)
			search.bias = pair[1];
		/* 32-bit programs have another. */
		if (pair[0] != AT_SYSINFO_EHDR || pair[1] >> 32 == 0)
			continue;
		vdso = bpf_map_lookup_elem(&code_files, &vdso_key);
		if (vdso)
			add_code(element, pair[1] + vdso->code_address,
				 pair[1] + vdso->code_address + vdso->code_bytes, pair[1], vdso);
	}
	if (search.bias)
		bpf_find_vma(task, search.bias, interpreter_found, &search, 0);
}

/*
 * After execve: a new address space, with the program and its interpreter, which the kernel has
 * mapped itself. mm->start_code is the lowest executable segment (load_elf_binary,
 * fs/binfmt_elf.c).
 */
static __always_inline void code_executed(struct task_slot *slot, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct code_file *program;
	struct code_maps *maps;
	__u32 element;

	slot->maps = 0;
	code_left(slot->pid);
	if (bpf_map_pop_elem(&free_maps, &element)) {
		maps = left_out(); /* its frames follow frame pointers */
		if (maps)
			__sync_fetch_and_add(&maps->processes, 1);
		return;
	}
	maps = bpf_map_lookup_elem(&code_maps, &element);
	if (!maps || bpf_map_update_elem(&process_maps, &slot->pid, &element, BPF_ANY))
		return;
	maps->count = 0;
	maps->python = 0;
	maps->processes = 1;
	maps->uses++;
	slot->maps = element;
	program = file_of(BPF_CORE_READ(mm, exe_file, f_inode));
	if (program)
		add_code(element, BPF_CORE_READ(mm, start_code), BPF_CORE_READ(mm, end_code),
			 BPF_CORE_READ(mm, start_code) - program->code_address, program);
	add_interpreter(element, task);
}

#endif
