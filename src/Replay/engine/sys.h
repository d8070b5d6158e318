/* System calls without a C library: nothing here has memory of its own that could fault. */
#ifndef SYS_H
#define SYS_H

#include <asm/unistd.h>

static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result; /* -errno */
}

static inline long sys1(long number, long a)
{
	return sys6(number, a, 0, 0, 0, 0, 0);
}

static inline long sys2(long number, long a, long b)
{
	return sys6(number, a, b, 0, 0, 0, 0);
}

static inline long sys3(long number, long a, long b, long c)
{
	return sys6(number, a, b, c, 0, 0, 0);
}

static inline long sys4(long number, long a, long b, long c, long d)
{
	return sys6(number, a, b, c, d, 0, 0);
}

#endif
