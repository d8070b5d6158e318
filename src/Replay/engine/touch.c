/* One touch of one byte, by an instruction or by a system call; a touch that fails is told, not
 * died of. */
#include "engine.h"
#include "sys.h"
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

int touch_read(u64 address);
int touch_write(u64 address);
extern const char touch_failed[];
void return_from_signal(void);

__asm__(".text\n"
	"touch_read:\n"
	"	movb (%rdi), %al\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"touch_write:\n"
	"	movb $1, (%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"touch_failed:\n"
	"	movl $1, %eax\n"
	"	ret\n"
	"return_from_signal:\n"
	"	movl $15, %eax\n" /* rt_sigreturn */
	"	syscall\n");

/* Each touch begins with the instruction that may fault. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct ucontext *interrupted = context;
	u64 ip = interrupted->uc_mcontext.rip;

	(void)signal;
	(void)info;
	if (ip == (u64)touch_read || ip == (u64)touch_write) {
		interrupted->uc_mcontext.rip = (u64)touch_failed;
		return;
	}
	arena()->crashed = 1;
	arena()->stop = 1;
	sys1(__NR_exit_group, 70);
}

void catch_signals(void)
{
	struct kernel_sigaction action = {
		.handler = on_fault,
		.flags = SA_SIGINFO | SA_NODEFER | SA_RESTORER,
		.restorer = return_from_signal,
	};
	struct kernel_sigaction ignore = { .handler = (void *)SIG_IGN };

	sys4(__NR_rt_sigaction, SIGSEGV, (long)&action, 0, sizeof(u64));
	sys4(__NR_rt_sigaction, SIGBUS, (long)&action, 0, sizeof(u64));
	/* The tool gets the terminal's signals and says when to end; nobody asks how a child ended.
	 */
	sys4(__NR_rt_sigaction, SIGINT, (long)&ignore, 0, sizeof(u64));
	sys4(__NR_rt_sigaction, SIGCHLD, (long)&ignore, 0, sizeof(u64));
	sys4(__NR_rt_sigaction, SIGHUP, (long)&ignore, 0, sizeof(u64));
}

/* 0, or 1: failed. */
int touch(const struct op *op)
{
	if (op->flags & OP_BY_KERNEL) {
		long number = op->flags & OP_WRITE ? __NR_pread64 : __NR_pwrite64;

		return sys4(number, arena()->memory_file, op->address, 1, 0) < 0;
	}
	return op->flags & OP_WRITE ? touch_write(op->address) : touch_read(op->address);
}
