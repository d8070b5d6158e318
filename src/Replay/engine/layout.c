/* Mappings, what the kernel is told about them, and the page cache of the stand-in file. */
#include "engine.h"
#include "sys.h"
#include <linux/fadvise.h>
#include <linux/mman.h>

static void note_error(const struct op *op, long result)
{
	if (result >= 0)
		return;
	if (__atomic_fetch_add(&arena()->errors, 1, __ATOMIC_RELAXED) == 0) {
		arena()->first_errno = -result;
		arena()->first_error_kind = op->kind;
	}
}

static long file_of(const struct op *op)
{
	return op->bucket ? (long)op->bucket - 1 : arena()->file;
}

static long map(const struct op *op)
{
	int is_file = op->source >= SOURCE_FILE, is_memory = op->source >= SOURCE_MEMORY_FILE;
	int is_shared = op->source == SOURCE_SHARED || op->source == SOURCE_FILE_SHARED ||
			op->source == SOURCE_MEMORY_FILE_SHARED;
	/* Nothing but what the planner put there can be in the way: start.c emptied the address
	 * space. */
	long flags = MAP_FIXED | MAP_NORESERVE | (is_shared ? MAP_SHARED : MAP_PRIVATE) |
		     (is_file ? 0 : MAP_ANONYMOUS) | (op->flags & OP_HUGETLB ? MAP_HUGETLB : 0);
	long file = !is_file ? -1 : is_memory ? arena()->memory_file : file_of(op);
	long result = sys6(__NR_mmap, op->address, op->length, op->prot, flags, file, op->offset);

	if (result < 0 && result > -4096)
		return result;
	if (op->flags & OP_SMALL)
		sys3(__NR_madvise, op->address, op->length, MADV_NOHUGEPAGE);
	if (op->flags & OP_HUGE)
		sys3(__NR_madvise, op->address, op->length, MADV_HUGEPAGE);
	/* It is never executable, and would merge with a mapping beside it: faults map around up to
	 * a mapping's end. */
	if (op->flags & OP_EXEC)
		sys3(__NR_madvise, op->address, op->length, MADV_DONTDUMP);
	/* No read-ahead: what is to be in the page cache the planner says. */
	if (is_file && !is_memory)
		sys3(__NR_madvise, op->address, op->length, MADV_RANDOM);
	return 0;
}

static long warm(const struct op *op)
{
	long file = file_of(op);
	char byte;

	for (u64 at = 0; at < op->length; at += PAGE_BYTES) {
		long result = sys4(__NR_pread64, file, (long)&byte, 1, op->offset + at);

		if (result < 0)
			return result;
	}
	return 0;
}

static long evict(const struct op *op)
{
	return sys4(__NR_fadvise64, file_of(op), op->offset, op->length, POSIX_FADV_DONTNEED);
}

void change_layout(const struct op *op)
{
	long result = 0;

	switch (op->kind) {
	case OP_MAP:
		result = map(op);
		break;
	case OP_UNMAP:
		result = sys2(__NR_munmap, op->address, op->length);
		break;
	case OP_PROTECT:
		result = sys3(__NR_mprotect, op->address, op->length, op->prot);
		break;
	case OP_ADVISE:
	case OP_FILL:
		result = sys3(__NR_madvise, op->address, op->length, op->prot);
		break;
	case OP_WARM:
		result = warm(op);
		break;
	case OP_EVICT:
		result = evict(op);
		break;
	}
	note_error(op, result);
}
