// SPDX-License-Identifier: MIT
/*
 * floor PROBES.bpf.o empty|clock|machine COMMAND...: runs COMMAND with the programs of floor.bpf.c
 * attached just as faultrec attaches its own, and exits with its status. With `machine` the fault
 * counters are on every CPU, as faultrec has them for every target that is not a command.
 */
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(4);
}

/* On a child from its execve on, with what it starts; or, without a child, on one CPU. */
static void attach_counter(struct bpf_program *program, pid_t child, int cpu, __u64 config)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = config,
		.sample_period = 1,
		.disabled = child > 0,
		.inherit = child > 0,
		.enable_on_exec = child > 0,
	};
	int fd = syscall(SYS_perf_event_open, &attr, child, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || !bpf_program__attach_perf_event(program, fd))
		die("floor: attaching to a fault counter");
}

static void attach_counters(struct bpf_program *program, pid_t child, int cpu)
{
	attach_counter(program, child, cpu, PERF_COUNT_SW_PAGE_FAULTS_MIN);
	attach_counter(program, child, cpu, PERF_COUNT_SW_PAGE_FAULTS_MAJ);
}

static void set_read_clock(struct bpf_object *object, bool read_clock)
{
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".rodata"))
			*(bool *)bpf_map__initial_value(map, &size) = read_clock;
	}
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program, *complete;
	int go[2], status = 0;
	pid_t child;
	char byte;

	if (argc < 4) {
		fprintf(stderr, "usage: floor PROBES.bpf.o empty|clock|machine COMMAND...\n");
		return 2;
	}
	if (pipe(go))
		die("floor: pipe");
	child = fork();
	if (child == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(126);
		close(go[0]);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	close(go[0]);

	object = bpf_object__open_file(argv[1], NULL);
	if (object)
		set_read_clock(object, strcmp(argv[2], "clock") == 0);
	if (!object || bpf_object__load(object))
		die("floor: loading the empty programs");
	complete = bpf_object__find_program_by_name(object, "complete");
	bpf_object__for_each_program(program, object)
	{
		if (program != complete && !bpf_program__attach(program))
			die("floor: attaching to a tracepoint");
	}
	if (strcmp(argv[2], "machine") == 0) {
		for (int cpu = 0; cpu < get_nprocs(); cpu++)
			attach_counters(complete, -1, cpu);
	} else {
		attach_counters(complete, child, -1);
	}

	if (write(go[1], "", 1) != 1 || waitpid(child, &status, 0) != child)
		die("floor: running the command");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
