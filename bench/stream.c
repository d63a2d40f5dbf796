/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP stream, both ends on one CPU (streams across two CPUs on veth reorder, and rank nothing).
 *
 *     stream TX_NETNS RX_NETNS RX_ADDRESS CPU MS
 *
 * Octets are counted where they are read, after a warm-up that lets cubic leave slow start.
 */
#define _GNU_SOURCE
#include "lane.h"
#include <netinet/tcp.h>

#define CHUNK_OCTETS (128 * 1024)
#define WARM_UP_NS (SECOND_NS / 10)

static const char *tx_netns;
static struct sockaddr_in rx_address;
static unsigned int cpu;
static _Atomic int done;
static unsigned int retransmitted;

static void set_cubic(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5))
		die("cubic");
}

static void *send_stream(void *unused)
{
	static char octets[CHUNK_OCTETS];
	struct tcp_info info = {0};
	socklen_t info_octets = sizeof info;
	int fd;

	(void)unused;
	enter(tx_netns, cpu);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("client");
	set_cubic(fd);
	if (connect(fd, (struct sockaddr *)&rx_address, sizeof rx_address))
		die("client: connect");
	while (!atomic_load_explicit(&done, memory_order_relaxed))
		if (send(fd, octets, sizeof octets, MSG_NOSIGNAL) < 0)
			break;
	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_octets))
		retransmitted = info.tcpi_total_retrans;
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	static char octets[CHUNK_OCTETS];
	uint64_t measure_ns, start, total = 0;
	pthread_t client;
	int listener, fd, one = 1, measuring = 0;
	double seconds;

	if (argc != 6) {
		fprintf(stderr, "usage: stream TX_NETNS RX_NETNS RX_ADDRESS CPU MS\n");
		return 2;
	}
	die_with_parent();
	tx_netns = argv[1];
	rx_address = address_of(argv[3]);
	cpu = (unsigned int)number(argv[4]);
	measure_ns = number(argv[5]) * 1000000;

	enter(argv[2], cpu);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
		die("server");
	set_cubic(listener);
	if (bind(listener, (struct sockaddr *)&rx_address, sizeof rx_address) || listen(listener, 1))
		die("server: bind");
	if (pthread_create(&client, NULL, send_stream, NULL))
		die("pthread_create");
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	start = now_ns();
	for (;;) {
		ssize_t got = recv(fd, octets, sizeof octets, 0);
		uint64_t now = now_ns();

		if (got <= 0)
			die("recv");
		if (!measuring) {
			if (now - start < WARM_UP_NS)
				continue;
			measuring = 1;
			start = now;
			continue;
		}
		total += (uint64_t)got;
		if (now - start >= measure_ns) {
			seconds = (double)(now - start) / (double)SECOND_NS;
			break;
		}
	}
	atomic_store(&done, 1);
	while (recv(fd, octets, sizeof octets, 0) > 0)
		;
	pthread_join(client, NULL);
	printf("{\"mbps\":%.0f,\"retransmitted\":%u}\n", (double)total * 8 / seconds / 1e6, retransmitted);
	return 0;
}
