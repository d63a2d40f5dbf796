// SPDX-License-Identifier: Apache-2.0
/*
 * Numbered UDP packets over many flows, both ways at once: one of these runs in each workload.
 *
 *   flows OWN PEER PORT FLOWS RATE
 *
 * Flow i is PORT+i to PORT+i. Says "open" when it can receive; "go" on standard input starts sending RATE packets a
 * second over all flows, "stop" ends that, "end" ends receiving too. Then one JSON object: sent by flow, received by
 * flow (each number once), duplicated, reordered (came after a higher number), errors, milliseconds of sending.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS_MAX 256
#define NUMBERS_MAX (1 << 20)
/* A sender that was held up catches up in bursts that no queue on the way is too short for. */
#define BURST_MAX 100

static uint8_t seen[FLOWS_MAX][NUMBERS_MAX / 8];
static uint32_t next_number[FLOWS_MAX], sent[FLOWS_MAX], received[FLOWS_MAX];
static uint64_t duplicated, reordered, errors;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *text, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, text, &to.sin_addr) != 1)
		die(text);
	return to;
}

static void receive(int fd, int flow)
{
	uint32_t octets[16], number;
	ssize_t count;

	while ((count = recv(fd, octets, sizeof(octets), MSG_DONTWAIT)) >= 0) {
		number = octets[0];
		if (count != sizeof(octets) || octets[1] != (uint32_t)flow || number >= NUMBERS_MAX) {
			errors++;
			continue;
		}
		if (seen[flow][number / 8] & 1 << number % 8) {
			duplicated++;
			continue;
		}
		seen[flow][number / 8] |= 1 << number % 8;
		received[flow]++;
		if (number < next_number[flow])
			reordered++;
		else
			next_number[flow] = number + 1;
	}
}

static void print_list(const char *name, const uint32_t *values, int count)
{
	printf("\"%s\":[", name);
	for (int i = 0; i < count; i++)
		printf("%s%u", i ? "," : "", values[i]);
	printf("],");
}

int main(int argc, char **argv)
{
	struct pollfd fds[FLOWS_MAX + 1];
	uint64_t started = 0, stopped = 0, total = 0;
	int buffer = 8 << 20, flows, port, turn = 0;
	uint32_t octets[16] = { 0 };
	double rate;

	if (argc != 6)
		return 2;
	port = atoi(argv[3]);
	flows = atoi(argv[4]);
	rate = atof(argv[5]);
	if (flows < 1 || flows > FLOWS_MAX)
		return 2;
	for (int i = 0; i < flows; i++) {
		struct sockaddr_in own = address(argv[1], port + i), peer = address(argv[2], port + i);
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
		if (bind(fd, (void *)&own, sizeof(own)) || connect(fd, (void *)&peer, sizeof(peer)))
			die("socket");
		fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	fds[flows] = (struct pollfd){ .fd = 0, .events = POLLIN };
	puts("open");
	fflush(stdout);
	for (;;) {
		uint64_t now;

		if (poll(fds, flows + 1, 1) < 0)
			die("poll");
		for (int i = 0; i < flows; i++)
			if (fds[i].revents)
				receive(fds[i].fd, i);
		if (fds[flows].revents) {
			char words[64];
			ssize_t count = read(0, words, sizeof(words) - 1);

			if (count <= 0)
				return 1;
			words[count] = 0;
			if (strstr(words, "go"))
				started = now_ns();
			if (strstr(words, "stop"))
				stopped = now_ns();
			if (strstr(words, "end"))
				break;
		}
		if (!started || stopped)
			continue;
		now = now_ns();
		for (int burst = 0; burst < BURST_MAX && total < rate * (now - started) / 1e9; burst++) {
			octets[0] = sent[turn];
			octets[1] = turn;
			if (sent[turn] >= NUMBERS_MAX)
				return 1;
			if (send(fds[turn].fd, octets, sizeof(octets), 0) != sizeof(octets))
				errors++;
			sent[turn]++;
			total++;
			turn = (turn + 1) % flows;
		}
	}
	printf("{");
	print_list("sent", sent, flows);
	print_list("received", received, flows);
	printf("\"duplicated\":%lu,\"reordered\":%lu,\"errors\":%lu,\"ms\":%lu}\n", duplicated, reordered,
	       errors, (stopped - started) / 1000000);
	return 0;
}
