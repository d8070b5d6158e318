/*
 * What this process was given by its caller, noted before a runtime has changed it: constructors
 * run before main. Linked into the executable (src/Cli/Cli.csproj); Launch/CallerSignals.cs asks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t ignored_signals;

/*
 * The next file that is opened must not become a closed stdin, stdout or stderr. Reading and
 * writing fails as it did, and a command that we start finds the descriptor closed, as it was.
 */
static void fill_closed_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/", O_PATH | O_CLOEXEC);
}

__attribute__((constructor)) static void note_start(void)
{
	fill_closed_streams();
	for (int number = 1; number < NSIG; number++) {
		/* struct kernel_sigaction: handler first; libc leaves two signals out. */
		uintptr_t action[4];

		if (syscall(SYS_rt_sigaction, number, NULL, action, sizeof(uint64_t)) == 0 &&
		    action[0] == (uintptr_t)SIG_IGN)
			ignored_signals |= 1ULL << (number - 1);
	}
}

/* Bit n - 1 stands for signal n. */
uint64_t faultrec_ignored_signals(void)
{
	return ignored_signals;
}
