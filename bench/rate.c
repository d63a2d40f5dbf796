/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate at which small packets arrive when none is to be lost.
 *
 *     rate TX_NETNS TX_MAC TX_ADDRESS RX_NETNS RX_MAC RX_ADDRESS CPU MS BURST [STEP COUNT]
 *
 * Packets are addressed to RX_MAC, the receiver's or a router's, and to RX_ADDRESS; with STEP and COUNT each to one of
 * COUNT addresses, RX_ADDRESS and every STEPth after it, drawn anew for each packet and equally likely. The receiver
 * then takes what comes for any address that its namespace calls its own.
 *
 * Generator and receiver are one thread with a socket in each namespace: it sends BURST packets, then reads as many.
 * The last packet of a burst has either arrived when its send returns, for a veth hands over in softirq on the sender's
 * CPU, or it is lost. So the rate is the highest that the path sustains, found in one run and without a search, and
 * its inverse is all that one packet costs one CPU: sending, both hosts, receiving. A receiver on the other CPU gives
 * the same ratios on an idle machine (docs/perf/datapath.md), and threefold noise on a busy one.
 *
 * A packet is 18 octets of UDP payload: with Ethernet, IPv4, UDP and frame check sequence the 64-octet minimum. The
 * generator is a packet socket on eth0, cheaper than a UDP one: what it costs is the same for every contender and only
 * dilutes the ratios. Its frames take the veth's ordinary transmit. The receiver is an ordinary UDP socket.
 * The figure is the median of short slices, so that a neighbour who takes the CPU for a moment does not move it.
 */
#define _GNU_SOURCE
#include "lane.h"
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#define PAYLOAD_OCTETS 18
#define FRAME_OCTETS (sizeof(struct frame))
#define BURST_MAX 512
#define WARM_UP_NS (SECOND_NS / 20)
#define SLICE_NS (SECOND_NS / 100)
#define SLICES_MAX 4096
#define GIVE_UP_NS (SECOND_NS / 500)

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	char payload[PAYLOAD_OCTETS];
} __attribute__((packed));

static void set_mac(uint8_t *mac, const char *text)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) {
		fprintf(stderr, "not a MAC address: %s\n", text);
		exit(2);
	}
}

static uint16_t ip_checksum(struct iphdr ip)
{
	uint16_t words[sizeof ip / 2];
	uint32_t sum = 0;

	memcpy(words, &ip, sizeof words);
	for (unsigned int i = 0; i < sizeof words / sizeof words[0]; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static struct frame frame_of(char **mac_and_address_tx, char **mac_and_address_rx)
{
	struct frame frame = {
		.eth = {.ether_type = htons(ETHERTYPE_IP)},
		.ip = {.version = 4, .ihl = 5, .tot_len = htons(FRAME_OCTETS - sizeof frame.eth), .frag_off = htons(IP_DF),
		       .ttl = 64, .protocol = IPPROTO_UDP},
		/* A zero UDP checksum over IPv4 says that there is none. */
		.udp = {.source = htons(40000), .dest = htons(BENCH_PORT), .len = htons(sizeof frame.udp + PAYLOAD_OCTETS)},
	};

	set_mac(frame.eth.ether_shost, mac_and_address_tx[0]);
	set_mac(frame.eth.ether_dhost, mac_and_address_rx[0]);
	frame.ip.saddr = address_of(mac_and_address_tx[1]).sin_addr.s_addr;
	frame.ip.daddr = address_of(mac_and_address_rx[1]).sin_addr.s_addr;
	frame.ip.check = ip_checksum(frame.ip);
	return frame;
}

struct destinations {
	uint32_t first;
	uint32_t step;
	uint32_t count;
};

/* xorshift (Marsaglia 2003): what is drawn must cost next to nothing, and the same for all. */
static uint32_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

/* Each frame to another of the destinations. */
static void scatter(struct frame *frames, unsigned int burst, const struct destinations *to, uint64_t *state)
{
	for (unsigned int i = 0; i < burst; i++) {
		uint32_t k = (uint32_t)((uint64_t)draw(state) * to->count >> 32);
		struct frame *frame = &frames[i];

		frame->ip.daddr = htonl(to->first + k * to->step);
		frame->ip.check = 0;
		frame->ip.check = ip_checksum(frame->ip);
	}
}

/* `burst` messages of `octets` each, one after the other in `from`. */
static struct mmsghdr *messages_of(unsigned int burst, void *from, size_t octets)
{
	struct mmsghdr *messages = calloc(burst, sizeof *messages);
	struct iovec *vectors = calloc(burst, sizeof *vectors);

	if (!messages || !vectors)
		die("calloc");
	for (unsigned int i = 0; i < burst; i++) {
		vectors[i] = (struct iovec){(char *)from + i * octets, octets};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return messages;
}

/* Reads what has arrived, at most `wanted`; waits for what has not, and not for long. */
static unsigned int receive(int fd, struct mmsghdr *messages, unsigned int wanted)
{
	uint64_t since = 0;
	unsigned int got = 0;

	while (got < wanted) {
		int count = recvmmsg(fd, messages, wanted - got, MSG_DONTWAIT, NULL);

		if (count > 0) {
			got += (unsigned int)count;
			continue;
		}
		if (errno != EAGAIN)
			die("recvmmsg");
		if (!since)
			since = now_ns();
		else if (now_ns() - since > GIVE_UP_NS)
			break;
	}
	return got;
}

static int open_receiver(const char *netns, const struct sockaddr_in *address, unsigned int cpu)
{
	int fd, room = 16 << 20;

	enter(netns, cpu);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
		die("receiver");
	if (bind(fd, (const struct sockaddr *)address, sizeof *address))
		die("receiver: bind");
	return fd;
}

static int open_generator(const char *netns, unsigned int cpu)
{
	struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_halen = ETHER_ADDR_LEN};
	int fd;

	enter(netns, cpu);
	link.sll_ifindex = (int)if_nametoindex("eth0");
	/* Protocol 0: it sends only. A packet socket that listens is handed a copy of every frame. */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !link.sll_ifindex || bind(fd, (struct sockaddr *)&link, sizeof link))
		die("generator");
	return fd;
}

int main(int argc, char **argv)
{
	static char inbox[BURST_MAX][PAYLOAD_OCTETS];
	static struct frame outbox[BURST_MAX];
	static uint64_t slices[SLICES_MAX];
	uint64_t measure_ns, start, slice_start, now, sent = 0, received = 0, in_slice = 0, chance = 0x9e3779b97f4a7c15ull;
	unsigned int cpu, burst, count = 0;
	struct sockaddr_in address;
	struct destinations to = {0};
	struct mmsghdr *out, *in;
	int tx, rx, measuring = 0;

	if (argc != 10 && argc != 12) {
		fprintf(stderr,
			"usage: rate TX_NETNS TX_MAC TX_ADDRESS RX_NETNS RX_MAC RX_ADDRESS CPU MS BURST [STEP COUNT]\n");
		return 2;
	}
	die_with_parent();
	address = address_of(argv[6]);
	if (argc == 12) {
		to = (struct destinations){ntohl(address.sin_addr.s_addr), (uint32_t)number(argv[10]),
					   (uint32_t)number(argv[11])};
		address.sin_addr.s_addr = htonl(INADDR_ANY);
	}
	cpu = (unsigned int)number(argv[7]);
	measure_ns = number(argv[8]) * 1000000;
	burst = (unsigned int)number(argv[9]);
	if (!burst || burst > BURST_MAX) {
		fprintf(stderr, "BURST is 1 to %d\n", BURST_MAX);
		return 2;
	}
	for (unsigned int i = 0; i < burst; i++)
		outbox[i] = frame_of(argv + 2, argv + 5);
	out = messages_of(burst, outbox, sizeof outbox[0]);
	in = messages_of(burst, inbox, sizeof inbox[0]);
	rx = open_receiver(argv[4], &address, cpu);
	tx = open_generator(argv[1], cpu);

	start = slice_start = now_ns();
	for (;;) {
		unsigned int arrived;
		int some;

		if (to.count)
			scatter(outbox, burst, &to, &chance);
		some = sendmmsg(tx, out, burst, 0);
		if (some < 0 && errno != ENOBUFS)
			die("sendmmsg");
		arrived = receive(rx, in, some > 0 ? (unsigned int)some : 0);
		now = now_ns();
		if (!measuring) {
			if (now - start < WARM_UP_NS)
				continue;
			measuring = 1;
			start = slice_start = now;
			continue;
		}
		sent += some > 0 ? (unsigned int)some : 0;
		received += arrived;
		in_slice += arrived;
		if (now - slice_start >= SLICE_NS && count < SLICES_MAX) {
			slices[count++] = in_slice * SECOND_NS / (now - slice_start);
			slice_start = now;
			in_slice = 0;
		}
		if (now - start >= measure_ns)
			break;
	}
	if (!count || !sent) {
		fprintf(stderr, "measured for less than one slice\n");
		return 1;
	}
	qsort(slices, count, sizeof slices[0], compare_u64);
	printf("{\"sent\":%llu,\"received\":%llu,\"meanPps\":%llu,\"medianPps\":%llu}\n", (unsigned long long)sent,
	       (unsigned long long)received, (unsigned long long)(received * SECOND_NS / (now - start)),
	       (unsigned long long)slices[count / 2]);
	return 0;
}
