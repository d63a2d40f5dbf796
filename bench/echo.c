/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of one small UDP packet at a time.
 *
 *     echo CLIENT_NETNS SERVER_NETNS SERVER_ADDRESS CLIENT_CPU SERVER_CPU ROUND_TRIPS
 *
 * On one CPU both ends block, and a round trip is the path twice plus two switches of context. On two CPUs both ends
 * spin, for a wake-up across CPUs costs more, and varies more, than any path measured here.
 */
#define _GNU_SOURCE
#include "lane.h"

#define WARM_UP 2000
#define GIVE_UP_NS (SECOND_NS / 5)

static const char *server_netns;
static struct sockaddr_in server_address;
static unsigned int server_cpu;
static int flags;
static _Atomic int ready, done;

static void set_timeout(int fd)
{
	struct timeval timeout = {.tv_usec = GIVE_UP_NS / 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout))
		die("timeout");
}

static void *serve(void *unused)
{
	struct sockaddr_in from;
	socklen_t from_octets;
	char octets[64];
	int fd;

	(void)unused;
	enter(server_netns, server_cpu);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&server_address, sizeof server_address))
		die("server");
	set_timeout(fd);
	atomic_store(&ready, 1);
	while (!atomic_load_explicit(&done, memory_order_relaxed)) {
		ssize_t got;

		from_octets = sizeof from;
		got = recvfrom(fd, octets, sizeof octets, flags, (struct sockaddr *)&from, &from_octets);
		if (got > 0 && sendto(fd, octets, (size_t)got, 0, (struct sockaddr *)&from, from_octets) < 0)
			die("server: sendto");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t round_trips, *times, sum = 0, lost = 0;
	unsigned int client_cpu, count = 0;
	pthread_t server;
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: echo CLIENT_NETNS SERVER_NETNS SERVER_ADDRESS CLIENT_CPU SERVER_CPU ROUND_TRIPS\n");
		return 2;
	}
	die_with_parent();
	server_netns = argv[2];
	server_address = address_of(argv[3]);
	client_cpu = (unsigned int)number(argv[4]);
	server_cpu = (unsigned int)number(argv[5]);
	round_trips = number(argv[6]);
	flags = client_cpu == server_cpu ? 0 : MSG_DONTWAIT;
	times = calloc(round_trips, sizeof times[0]);
	if (!round_trips || !times)
		die("round trips");
	if (pthread_create(&server, NULL, serve, NULL))
		die("pthread_create");
	while (!atomic_load(&ready))
		usleep(100);

	enter(argv[1], client_cpu);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&server_address, sizeof server_address))
		die("client");
	set_timeout(fd);
	for (uint64_t i = 0; i < round_trips + WARM_UP; i++) {
		uint64_t sequence = i, answer = ~i, start = now_ns(), took = 0;
		char octets[18] = {0};

		memcpy(octets, &sequence, sizeof sequence);
		if (send(fd, octets, sizeof octets, 0) < 0)
			die("client: send");
		while (answer != i && took < GIVE_UP_NS) {
			/* An answer that comes after its time was up is not this one's. */
			if (recv(fd, octets, sizeof octets, flags) == sizeof octets)
				memcpy(&answer, octets, sizeof answer);
			took = now_ns() - start;
		}
		if (answer != i)
			lost++;
		else if (i >= WARM_UP) {
			times[count++] = took;
			sum += took;
		}
	}
	atomic_store(&done, 1);
	pthread_join(server, NULL);
	if (!count) {
		fprintf(stderr, "no answer\n");
		return 1;
	}
	qsort(times, count, sizeof times[0], compare_u64);
	printf("{\"p50Ns\":%llu,\"p99Ns\":%llu,\"meanNs\":%llu,\"lost\":%llu}\n", (unsigned long long)times[count / 2],
	       (unsigned long long)times[(uint64_t)count * 99 / 100], (unsigned long long)(sum / count),
	       (unsigned long long)lost);
	return 0;
}
