/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bench's programs share: a thread's namespace, CPU and priority, the clock, and how they give up.
 * Each program is one process with one thread a workload, so that both ends share memory and one clock.
 */
#ifndef BENCH_LANE_H
#define BENCH_LANE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BENCH_PORT 7000
#define SECOND_NS 1000000000ull

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * SECOND_NS + (uint64_t)at.tv_nsec;
}

static inline uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (!*text || *end) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return value;
}

/* Where the scheduler groups by session, a thread's own priority counts only against its session's. */
static inline void lift_session(void)
{
	int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* a kernel that does not group */
	if (write(fd, "-20", 3) < 0 && errno != EAGAIN)
		die("autogroup");
	close(fd);
}

/* The calling thread, and it alone, moves into the namespace and onto the CPU. */
static inline void enter(const char *netns, unsigned int cpu)
{
	cpu_set_t cpus;
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(netns);
	close(fd);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof cpus, &cpus))
		die("sched_setaffinity");
	if (setpriority(PRIO_PROCESS, 0, -20))
		die("setpriority");
	lift_session();
	prctl(PR_SET_TIMERSLACK, 1);
}

/* A bench that is killed leaves no program behind it. */
static inline void die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(BENCH_PORT)};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		fprintf(stderr, "not an IPv4 address: %s\n", text);
		exit(2);
	}
	return address;
}

static inline int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#endif
