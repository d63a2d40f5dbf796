/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts redirect.bpf.o into force on one host, for as long as this process lives.
 *
 *     redirect OBJECT NETNS PORT LOCAL_MAC UPLINK REMOTE_MAC
 *
 * Prints "ready" when both programs are attached. The links belong to the process alone: its end detaches them.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, which Debian 12's headers do not have */

struct fdb_key {
	__u8 mac[6];
	__u16 zero;
};

struct fdb_row {
	__u32 ifindex;
	__u32 local;
};

static void die(const char *what)
{
	fprintf(stderr, "redirect: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void add(int fdb, const char *text, unsigned int ifindex, unsigned int local)
{
	struct fdb_row row = {ifindex, local};
	struct fdb_key key = {0};
	__u8 *m = key.mac;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		die(text);
	if (bpf_map_update_elem(fdb, &key, &row, BPF_ANY))
		die("fdb");
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	unsigned int port, uplink;
	int netns, program, fdb;

	if (argc != 7) {
		fprintf(stderr, "usage: redirect OBJECT NETNS PORT LOCAL_MAC UPLINK REMOTE_MAC\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	netns = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET))
		die(argv[2]);
	port = if_nametoindex(argv[3]);
	uplink = if_nametoindex(argv[5]);
	if (!port || !uplink)
		die("interface");
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object))
		die(argv[1]);
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "forward"));
	fdb = bpf_object__find_map_fd_by_name(object, "fdb");
	add(fdb, argv[4], port, 1);
	add(fdb, argv[6], uplink, 0);
	if (bpf_link_create(program, (int)port, TCX_INGRESS, NULL) < 0)
		die("attach to the port");
	if (bpf_link_create(program, (int)uplink, TCX_INGRESS, NULL) < 0)
		die("attach to the uplink");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
