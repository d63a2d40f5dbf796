/**
 * Linux as a workload, and what its own host answers it: neighbours, duplicates, the gateway, the path's MTU, and why
 * a packet went nowhere. The tools are Debian's, the agents real. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Capture } from "./capture.ts";
import { type Intent, Lab, until } from "./live.ts";
import type { Delta } from "./rig.ts";

/** Severity of a warning among tshark's expert items; errors are above. */
const PI_WARN = 0x600000;
const IP_SUMS = ["-o", "ip.check_checksum:TRUE"];
const PYTHON = "/usr/bin/python3";
const TAKEN = { ipv4: "10.1.0.2", ipv6: "fd00:1::2" } as const;
const GATEWAY = { ipv4: "10.1.0.254", ipv6: "fd00:1::fe" } as const;
const FAR = { ipv4: "10.2.0.2", ipv6: "fd00:2::2" } as const;
const NOWHERE = { ipv4: "203.0.113.9", ipv6: "2001:db8:9::9" } as const;
const NEIGHBOUR_MAC = "02:00:00:00:01:02";
/** The uplinks' MTU less 50 octets of VXLAN over IPv4, and less 70 over IPv6. */
const [MTU, WAY_MTU] = [1550, 1530];

/** One workload of `wide` on each of two hosts; on the second one of `narrow`, whose ways hold less. */
const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: {} },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
    },
  })),
  {
    kind: "Network",
    metadata: { name: "wide", tenant: "org" },
    spec: {
      ...{ subnets: ["10.1.0.0/24", "fd00:1::/64"], gateways: [GATEWAY.ipv4, GATEWAY.ipv6] },
      ...{ vni: 20_001, unknownNeighbours: "drop" },
    },
  },
  {
    kind: "Network",
    metadata: { name: "narrow", tenant: "org" },
    spec: {
      ...{ subnets: ["10.2.0.0/24", "fd00:2::/64"], gateways: ["10.2.0.254", "fd00:2::fe"] },
      ...{ vni: 20_002, underlay: "ipv6" },
    },
  },
  {
    kind: "Router",
    metadata: { name: "main", tenant: "org" },
    spec: {
      networks: ["wide", "narrow"],
      ...{ l3vni: 30_001, irb: "asymmetric" },
      routes: [{ prefix: "172.16.0.0/12", blackhole: true }],
    },
  },
  ...(
    [
      ["wide-1", "wide", "h1", "02:00:00:00:01:01", ["10.1.0.1", "fd00:1::1"]],
      ["wide-2", "wide", "h2", NEIGHBOUR_MAC, [TAKEN.ipv4, TAKEN.ipv6]],
      ["narrow-2", "narrow", "h2", "02:00:00:00:02:02", [FAR.ipv4, FAR.ipv6]],
    ] as const
  ).map(([name, network, host, mac, addresses]) => ({
    kind: "Port",
    metadata: { name, tenant: "org" },
    spec: {
      ...{ network, host, interface: name, mac, addresses },
      // So that the first may try to take what is another's.
      ...(name === "wide-1" ? { allowedAddresses: ["10.1.0.0/24", "fd00:1::/64"] } : {}),
    },
  })),
];

let lab: Lab;
let directory: string;
let me: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  lab = Lab.up("workload", intent);
  me = lab.port("wide-1").namespace;
});
after(async () => {
  rmSync(directory, { recursive: true });
  await lab.down();
});

const exec = (...words: readonly string[]): Promise<string> => lab.exec(me, ...words);

/** How often each verdict was counted on the first host while `run` ran. */
async function counted(run: () => Promise<unknown>): Promise<Delta> {
  const was = lab.counters("h1");
  await run();
  const now = lab.counters("h1");
  return Object.fromEntries(
    VERDICTS_OF.map((name) => [name, (now[name] ?? 0) - (was[name] ?? 0)]).filter(
      ([, n]) => n !== 0,
    ),
  );
}
/** The kernels' own talk (router solicitations, listener reports) is flooded now and then. */
const VERDICTS_OF = [
  ...([
    "answered",
    "ttl-exceeded",
    "no-route",
    "blackhole",
    "gateway-closed",
    "icmp-sent",
  ] as const),
  ...(["icmp-limited", "too-big", "neighbour-own", "neighbour-unknown", "neighbour-miss"] as const),
];

/** Its exit code, for tools whose answer that is. */
const exitOf = (...words: readonly string[]): Promise<number> =>
  exec(...words).then(
    () => 0,
    ({ code }: { code: number }) => code,
  );

test("a known neighbour is asked for, and the underlay hears nothing of it", async (t) => {
  const file = join(directory, "neighbours.pcap");
  const wire = await Capture.start(lab.host("h1").namespace, "uplink0", file);
  t.after(() => wire.stop());
  const delta = await counted(async () => {
    for (const address of [TAKEN.ipv4, GATEWAY.ipv4])
      await exec("arping", "-c", "1", "-I", "eth0", address);
    for (const address of [TAKEN.ipv6, GATEWAY.ipv6]) await exec("ndisc6", "-1", address, "eth0");
  });
  assert.deepEqual(delta, { answered: 4 });
  lab.ip(me, "neigh flush dev eth0");
  await lab.ping(me, TAKEN.ipv4);
  await lab.ping(me, TAKEN.ipv6);
  const known = JSON.parse(await exec("ip", "-j", "neigh", "show", "dev", "eth0"));
  const macs = new Map(known.map(({ dst, lladdr }: Record<string, string>) => [dst, lladdr]));
  assert.deepEqual(
    [TAKEN.ipv4, TAKEN.ipv6].map((address) => macs.get(address)),
    [NEIGHBOUR_MAC, NEIGHBOUR_MAC],
  );
  await wire.stop();
  const asked = wire.read("vxlan && (arp.opcode == 1 || icmpv6.type == 135)", [
    "arp.dst.proto_ipv4",
    "icmpv6.nd.ns.target_address",
    "eth.src",
  ]);
  // What the other host's workload asks crosses neither: only what is asked of one MAC does.
  assert.deepEqual(
    asked.filter(([, , sources = ""]) => sources.includes("02:00:00:00:01:01")),
    [],
  );
  assert.deepEqual(wire.read("vxlan && icmp", ["icmp.type"]), [["8"], ["0"]]);
});

test("whoever nobody knows is not asked for in a network that does not flood that", async () => {
  const delta = await counted(() =>
    exitOf("arping", "-c", "1", "-w", "1", "-I", "eth0", "10.1.0.77"),
  );
  assert.deepEqual(delta, { "neighbour-unknown": 1 });
});

test("duplicates are found, and one's own address is none", async () => {
  assert.equal(await exitOf("arping", "-D", "-c", "1", "-w", "2", "-I", "eth0", TAKEN.ipv4), 1);
  assert.equal(await exitOf("arping", "-D", "-c", "1", "-w", "2", "-I", "eth0", "10.1.0.1"), 0);
  const stateOf = async (address: string): Promise<readonly string[]> => {
    const [link] = JSON.parse(await exec("ip", "-j", "-6", "addr", "show", "dev", "eth0"));
    const {
      addr_info: all,
    }: { addr_info: { local: string; dadfailed?: true; tentative?: true }[] } = link;
    const { dadfailed, tentative } = all.find(({ local }) => local === address) ?? {};
    return [...(dadfailed ? ["failed"] : []), ...(tentative ? ["tentative"] : [])];
  };
  await exec(
    "sysctl",
    "-qw",
    "net.ipv6.conf.eth0.accept_dad=1",
    "net.ipv6.conf.eth0.dad_transmits=1",
  );
  lab.ip(me, `addr add ${TAKEN.ipv6}/64 dev eth0`, "addr add fd00:1::77/64 dev eth0");
  const states = new Map<string, readonly string[]>();
  for (const address of [TAKEN.ipv6, "fd00:1::77", "fd00:1::1"]) {
    let state = await stateOf(address);
    for (let i = 0; i < 100 && state.includes("tentative") && !state.includes("failed"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      state = await stateOf(address);
    }
    states.set(address, state);
  }
  lab.ip(me, `addr del ${TAKEN.ipv6}/64 dev eth0`, "addr del fd00:1::77/64 dev eth0");
  assert.deepEqual(Object.fromEntries(states), {
    [TAKEN.ipv6]: ["failed", "tentative"],
    "fd00:1::77": [],
    "fd00:1::1": [],
  });
});

test("the gateway answers echoes of all sizes, and is the first hop of a trace", async () => {
  const sizes = ["0", "1", "57", "1000", "1502"];
  const delta = await counted(async () => {
    for (const size of sizes)
      for (const address of [GATEWAY.ipv4, GATEWAY.ipv6]) await lab.ping(me, address, "-s", size);
  });
  assert.ok((delta.answered ?? 0) >= 2 * sizes.length, `${delta.answered}`);
  const trace4 = await exec("traceroute", "-n", "-q", "1", "-w", "2", FAR.ipv4);
  const trace6 = await exec("traceroute", "-6", "-n", "-q", "1", "-w", "2", FAR.ipv6);
  for (const [trace, gateway, far] of [
    [trace4, GATEWAY.ipv4, FAR.ipv4],
    [trace6, GATEWAY.ipv6, FAR.ipv6],
  ] as const) {
    const hops = trace.trimEnd().split("\n").slice(1);
    assert.match(hops[0] ?? "", new RegExp(`^ 1 {2}${gateway} `));
    assert.match(hops.at(-1) ?? "", new RegExp(` ${far} `));
  }
});

/** A connection that is to fail: why, by name. */
const CONNECT = `
import errno, socket, sys
s = socket.create_connection
try:
    s((sys.argv[1], 9), timeout=5)
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
`;

test("what goes nowhere fails at once, and with its reason", async () => {
  const delta = await counted(async () => {
    for (const [address, why] of [
      [GATEWAY.ipv4, "ECONNREFUSED"],
      [GATEWAY.ipv6, "ECONNREFUSED"],
      [NOWHERE.ipv4, "ENETUNREACH"],
      [NOWHERE.ipv6, "ENETUNREACH"],
    ] as const)
      assert.equal((await exec(PYTHON, "-c", CONNECT, address)).trim(), why, address);
    assert.equal(await exitOf("ping", "-c", "1", "-W", "1", "172.16.0.1"), 1);
  });
  const { "gateway-closed": closed = 0, "no-route": nowhere = 0, ...others } = delta;
  assert.ok(closed >= 2 && nowhere >= 2);
  assert.deepEqual(others, { blackhole: 1, "icmp-sent": closed + nowhere });
});

/** The MTU that the workload has learned of the way to an address. */
async function learnedMtu(address: string): Promise<number | undefined> {
  const [way] = JSON.parse(await exec("ip", "-j", "route", "get", address));
  const { metrics = [] }: { metrics?: readonly { mtu?: number }[] } = way;
  return metrics.find(({ mtu }) => mtu !== undefined)?.mtu;
}

async function forget(): Promise<void> {
  for (const family of ["-4", "-6"]) await exec("ip", family, "route", "flush", "cache");
}

test("a way that holds less is learned, with segmentation on and off, and streams go through", async () => {
  const { namespace: far } = lab.port("narrow-2");
  await lab.serveEcho(far);
  // It asks for segments as large as those of `wide`, so that only the way makes them smaller.
  const advertised = `dev eth0 advmss ${MTU - 40}`;
  await lab.exec(far, "ip", ...`route replace default via 10.2.0.254 ${advertised}`.split(" "));
  await lab.exec(far, "ip", ...`-6 route replace default via fd00:2::fe ${advertised}`.split(" "));
  for (const offload of ["on", "off"]) {
    await exec("ethtool", "-K", "eth0", "tso", offload, "gso", offload);
    for (const address of [FAR.ipv4, FAR.ipv6]) {
      await forget();
      assert.equal(await learnedMtu(address), undefined);
      const delta = await counted(() => lab.echo(me, "tcp", address, 1 << 20));
      assert.equal(await learnedMtu(address), WAY_MTU, `${address}, segmentation ${offload}`);
      assert.ok((delta["too-big"] ?? 0) > 0);
    }
  }
  await exec("ethtool", "-K", "eth0", "tso", "on", "gso", "on");
  for (const address of [FAR.ipv4, FAR.ipv6]) {
    await forget();
    const path = await exec("tracepath", "-n", address);
    assert.match(path, new RegExp(` 2: .*pmtu ${WAY_MTU}$`, "m"));
    assert.match(path, new RegExp(`Resume: pmtu ${WAY_MTU} `));
  }
});

test("a workload with too large an MTU of its own is told the network's", async () => {
  lab.ip(me, "link set eth0 mtu 9000");
  try {
    const delta = await counted(async () => {
      for (const [address, header] of [
        [TAKEN.ipv4, 28],
        [TAKEN.ipv6, 48],
      ] as const) {
        await forget();
        const fits = String(MTU - header);
        const over = String(MTU - header + 1);
        await lab.ping(me, address, "-M", "do", "-s", fits);
        for (const octets of [over, "2000", "8000"])
          assert.equal(
            await exitOf("ping", "-M", "do", "-c", "1", "-W", "1", "-s", octets, address),
            1,
          );
        assert.equal(await learnedMtu(address), MTU);
      }
    });
    // The second and third of each are not even sent: what was learned of the first forbids it.
    assert.deepEqual([delta["too-big"], delta["icmp-sent"]], [2, 2]);
  } finally {
    lab.ip(me, `link set eth0 mtu ${MTU}`);
  }
});

/** Packets whose UDP or TCP sum is still to be computed when the host gets them: too big for the way, and of no TTL. */
const UNSUMMED = `
import socket, sys
for family, far in ((socket.AF_INET, sys.argv[1]), (socket.AF_INET6, sys.argv[2])):
    level, probe, ttl = (0, 10, 2) if family == socket.AF_INET else (41, 23, 16)
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(level, probe, 3)
    s.connect((far, 9))
    s.send(bytes(i * 7 % 256 for i in range(${MTU - 48})))
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(level, ttl, 1)
    for octets in (0, 1, 40, 41, 500):
        s.sendto(bytes(range(1, octets + 1)) if octets < 255 else b"x" * octets, (far, 9))
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(level, ttl, 1)
    s.settimeout(0.2)
    try:
        s.connect((far, 9))
    except OSError:
        pass
`;

test("errors are sound on the wire, whoever computes the sums of what they quote", async (t) => {
  const { namespace: host } = lab.host("h1");
  for (const sums of ["on", "off"]) {
    // Off: the host's end of the port computes what is still to be computed before a frame goes in.
    await lab.exec(host, "ethtool", "-K", lab.port("wide-1").hostInterface, "tx", sums);
    const file = join(directory, `errors-${sums}.pcap`);
    const heard = await Capture.start(me, "eth0", file);
    t.after(() => heard.stop());
    const filter = "(icmp.type == 3 || icmp.type == 11 || icmpv6.type == 2 || icmpv6.type == 3)";
    await exec(PYTHON, "-c", UNSUMMED, FAR.ipv4, FAR.ipv6);
    const fields = ["icmp.checksum.status", "icmpv6.checksum.status"];
    await until("errors of all kinds", () => heard.read(filter, fields).length >= 14);
    await heard.stop();
    const all = heard.read(filter, fields).map((values) => values.join(""));
    assert.deepEqual(new Set(all), new Set(["1"]), "tshark finds each sum good");
    // Sums in quotations are the workload's own, and none of ours to finish.
    const sound = ["--disable-protocol", "udp", "--disable-protocol", "tcp"];
    const severities = heard.read(filter, ["_ws.expert.severity"], ...sound, ...IP_SUMS).flat();
    assert.deepEqual(
      severities.filter((each) => each.split(",").some((s) => Number(s) >= PI_WARN)),
      [],
    );
  }
  await lab.exec(host, "ethtool", "-K", lab.port("wide-1").hostInterface, "tx", "on");
});
