#!/bin/sh
# Brings a Debian 12 machine to the point where weft builds, runs and tests itself: Debian packages, the
# lockfile's node modules, the datapath objects, Node's compile cache. Quick and silent when everything is there.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."

packages="clang llvm libbpf-dev libbpf1 bpftool iproute2 ethtool tcpdump tshark iperf3 iputils-ping
iputils-arping iputils-tracepath traceroute mtr-tiny ndisc6
linux-libc-dev libc6-dev gcc util-linux python3-scapy python3-cryptography openvswitch-switch"

# A package counts as there when dpkg says it is configured; "clang" and its like are virtual nowhere in this list.
missing=$(
	for package in $packages; do
		dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf ' %s' "$package"
	done
)
if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: this is not Debian; install by hand:$missing" >&2
		exit 4
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "setup: not root; as root run: apt-get install$missing" >&2
		exit 4
	fi
	echo "setup: installing$missing" >&2
	log=$(mktemp)
	# Installed packages must not start daemons: policy-rc.d says no while we install, then goes again.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT INT TERM
	fi
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
		tail -20 "$log" >&2
		echo "setup: apt-get failed for:$missing (log: $log)" >&2
		exit 4
	fi
	rm -f "$log"
fi

# node modules, only when the lockfile is not the one they were installed from.
stamp=node_modules/.weft-lock
want=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ ! -x node_modules/.bin/node ] || [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
	if ! command -v npm >/dev/null 2>&1; then
		echo "setup: npm is missing; install it (Debian: apt-get install npm)" >&2
		exit 4
	fi
	echo "setup: npm ci" >&2
	npm ci --loglevel=error --no-audit --no-fund >&2
	if [ ! -x node_modules/.bin/node ]; then
		echo "setup: the lockfile's Node did not install on $(uname -m); it exists for x86_64 and aarch64 Linux" >&2
		exit 4
	fi
	echo "$want" >"$stamp"
fi

node_modules/.bin/node scripts/build-datapath.ts

# What Node makes of the sources: an agent that has to make it for itself keeps a quarter more memory as long as it runs.
warm=build/compile-cache/.warm
if [ ! -e "$warm" ] || [ -n "$(find src bin "$stamp" -newer "$warm" -print -quit)" ]; then
	bin/weft agent --help >/dev/null
	: >"$warm"
fi
