/**
 * The idle vxlan device listens on every address of its host, so it is a door to the host's own stack. Inner packets
 * to every address of the host are sent through every interface: none arrives, each is counted. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, test } from "node:test";
import {
  checksum,
  ethernet,
  hex,
  ip,
  ip4,
  ip6,
  join,
  nvgre,
  u16,
  u32,
  udp,
  vxlan,
} from "./frame.ts";
import { type Intent, Lab, until } from "./live.ts";
import type { Delta } from "./rig.ts";

const ALL = "ff:ff:ff:ff:ff:ff";
const WORKLOAD = "02:00:00:00:00:01";
const VNI = 20_001;
const SECRET_PORT = 5555;
const PYTHON = "/usr/bin/python3";

/** By which way an address can be reached from the wire: as a tunnel's, as the host's own, or not at all. */
const ADDRESSES = [
  ["192.0.2.1", "vtep"],
  ["2001:db8::1", "vtep"],
  ["198.51.100.1", "own"],
  ["2001:db8:ffff::1", "own"],
  ["fe80::57", "own"],
  ["127.0.0.1", "loopback"],
  ["127.7.7.7", "loopback"],
  ["::1", "loopback"],
] as const;

const LISTEN = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", ${SECRET_PORT}))
print("ready", flush=True)
while True: print(s.recv(2000).hex(), flush=True)
`;

/** Sends each line "address port hex" of a file, from the host itself. */
const SEND = `
import socket, sys
for line in open(sys.argv[1]):
    address, port, octets = line.split()
    (family, *_, to), *_ = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM)
    socket.socket(family, socket.SOCK_DGRAM).sendto(bytes.fromhex(octets), to)
`;

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "rfc" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      managed: n === 1,
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
      ...(n === 1 ? {} : { encapsulations: ["vxlan"] }),
    },
  })),
  {
    kind: "Network",
    metadata: { name: "net", tenant: "org" },
    spec: { subnets: ["10.0.0.0/24", "fd00::/64"], vni: VNI },
  },
  ...[1, 2].map((n) => ({
    kind: "Port",
    metadata: { name: `p${n}`, tenant: "org" },
    spec: {
      network: "net",
      host: `h${n}`,
      ...(n === 1 ? { interface: "port0" } : {}),
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.0.0.${n}`, `fd00::${n}`],
    },
  })),
];

let lab: Lab;
let directory: string;
let heard: () => readonly string[];
/** MACs of the host's interfaces, by name. */
const macs = new Map<string, string>();

before(async () => {
  directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
  lab = Lab.up("idle-device", intent);
  const { namespace } = lab.host("h1");
  lab.ip(
    namespace,
    "address add 198.51.100.1/32 dev lo",
    "address add 2001:db8:ffff::1/128 dev lo nodad",
    "address add fe80::57/64 dev uplink0 nodad",
  );
  // Every source is as good as another: what is tried here is not stopped by a missing route back.
  await lab.exec(namespace, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0");
  // Nobody else says anything, so that counts are ours: no listener reports, no solicitations.
  for (const there of [lab.port("p1"), lab.port("p2"), lab.host("h2")])
    await lab.exec(there.namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
  const links: { ifname: string; address: string; flags: string[] }[] = JSON.parse(
    await lab.exec(namespace, "ip", "-j", "link"),
  );
  for (const { ifname, address, flags } of links) {
    macs.set(ifname, address);
    if (ifname.startsWith("weft-idle")) assert.ok(flags.includes("UP"), "the device is up");
  }
  assert.ok(macs.has("weft-idle4789"), [...macs.keys()].join());
  heard = await lab.start(namespace, PYTHON, "-c", LISTEN);
});
after(async () => {
  rmSync(directory, { recursive: true });
  await lab.down();
});

const isV6 = (address: string): boolean => address.includes(":");

/** A UDP packet, with a sum over IPv6: there the kernel hands nothing without one to anybody. */
function packet(
  from4: string,
  from6: string,
  to: string,
  port: number,
  payload: Uint8Array,
): Uint8Array {
  if (!isV6(to)) return ip4({ from: from4, to, protocol: 17 }, udp(40_000, port, payload));
  const datagram = udp(40_000, port, payload);
  const sum = checksum(ip(from6), ip(to), u32(datagram.length), u32(17), datagram);
  datagram.set(u16(sum === 0 ? 0xffff : sum), 6);
  return ip6({ from: from6, to, next: 17 }, datagram);
}

/** What nobody may hear: a datagram to `to`, in a frame to the idle device itself or to all. */
function inner(to: string, mac: string): Uint8Array {
  const payload = new TextEncoder().encode(`stolen by ${to}`);
  const body = packet("203.0.113.9", "2001:db8:bad::9", to, SECRET_PORT, payload);
  return ethernet({ to: mac, from: "02:00:00:00:0b:ad" }, isV6(to) ? 0x86dd : 0x0800, body);
}

const inners = (): readonly Uint8Array[] =>
  ADDRESSES.flatMap(([to]) => [macs.get("weft-idle4789") ?? "", ALL].map((mac) => inner(to, mac)));

/** What is heard so far must be `controls`: those were sent last. */
async function onlyControls(...controls: readonly string[]): Promise<void> {
  const wanted = controls.map((text) => hex(new TextEncoder().encode(text)));
  await until("the controls are heard", () => wanted.every((text) => heard().includes(text)));
  const texts = heard().map((line) => Buffer.from(line, "hex").toString());
  assert.deepEqual(
    texts.filter((text) => !text.startsWith("control")),
    [],
  );
}

async function counted(was: Delta, want: Delta): Promise<void> {
  let gained: Record<string, number> = {};
  await until(`${JSON.stringify(want)} of ${JSON.stringify(gained)}`, () => {
    const now = Object.entries(lab.counters("h1"));
    gained = Object.fromEntries(
      now.map(([name, n]) => [name, n - (Object.entries(was).find(([w]) => w === name)?.[1] ?? 0)]),
    );
    return Object.entries(want).every(([name, n]) => (gained[name] ?? 0) >= n);
  });
  // Neighbours ask for one another on the uplink meanwhile.
  for (const [name, n] of Object.entries(want))
    if (name !== "passed") assert.equal(gained[name], n, `${name} of ${JSON.stringify(gained)}`);
}

test("over the uplink", async () => {
  const wire = lab.socket(lab.host("h2").namespace, "uplink0");
  const to = macs.get("uplink0") ?? "";
  const send = (type: number, body: Uint8Array): void => {
    const sent = wire.send(
      ethernet({ to, from: lab.host("h2").uplinks[0]?.mac ?? "" }, type, body),
    );
    assert.ok(sent.ok, JSON.stringify(sent));
  };
  const toHost = (address: string, port: number, payload: Uint8Array): void =>
    send(
      isV6(address) ? 0x86dd : 0x0800,
      packet("192.0.2.2", "2001:db8::2", address, port, payload),
    );
  const was = lab.counters("h1");
  const want = { flooded: 0, "unknown-vni": 0, "idle-device": 0, passed: 0 };
  for (const [address, kind] of ADDRESSES)
    for (const frame of inners()) {
      for (const vni of [VNI, 7]) toHost(address, 4789, join(vxlan(vni), frame));
      if (kind === "vtep") {
        // The network's own number is delivered to its ports over IPv4, its underlay; over IPv6 it is unknown.
        want[isV6(address) ? "unknown-vni" : "flooded"]++;
        want["unknown-vni"]++;
      } else want.passed += 2;
      if (kind === "own") want["idle-device"] += 2;
      if (isV6(address)) continue;
      send(0x0800, ip4({ from: "192.0.2.2", to: address, protocol: 47 }, nvgre(7), frame));
      want[kind === "vtep" ? "unknown-vni" : "passed"]++;
    }
  await counted(was, want);
  toHost("198.51.100.1", SECRET_PORT, new TextEncoder().encode("control uplink 4"));
  toHost("fe80::57", SECRET_PORT, new TextEncoder().encode("control uplink 6"));
  toHost("192.0.2.1", SECRET_PORT, new TextEncoder().encode("control uplink vtep"));
  await onlyControls("control uplink 4", "control uplink 6", "control uplink vtep");
});

test("over a port, in tunnels and without", async () => {
  const workload = lab.socketOf("p1");
  const was = lab.counters("h1");
  let sent = 0;
  for (const [address] of ADDRESSES)
    for (const to of [macs.get("port0"), macs.get("uplink0"), macs.get("weft-idle4789"), ALL]) {
      assert.ok(to);
      const type = isV6(address) ? 0x86dd : 0x0800;
      const send = (port: number, payload: Uint8Array): void => {
        const body = packet("10.0.0.1", "fd00::1", address, port, payload);
        assert.ok(workload.send(ethernet({ to, from: WORKLOAD }, type, body)).ok);
        sent++;
      };
      send(SECRET_PORT, new TextEncoder().encode("stolen over the port"));
      for (const frame of inners()) send(4789, join(vxlan(VNI), frame));
    }
  // All go to the network's other receivers, as payload.
  await counted(was, { flooded: sent });
  const control = joinPath(directory, "control");
  const payload = hex(new TextEncoder().encode("control port"));
  writeFileSync(control, `198.51.100.1 ${SECRET_PORT} ${payload}\n`);
  await lab.exec(lab.host("h1").namespace, PYTHON, "-c", SEND, control);
  await onlyControls("control port");
});

test("over the loopback, from the host itself", async () => {
  const was = lab.counters("h1");
  const scoped = (address: string): string =>
    address === "fe80::57" ? `${address}%uplink0` : address;
  const lines = ADDRESSES.flatMap(([address]) =>
    inners().map((frame) => `${scoped(address)} 4789 ${hex(join(vxlan(VNI), frame))}`),
  );
  const sent = lines.length;
  for (const [address] of ADDRESSES) {
    const payload = hex(new TextEncoder().encode(`control ${address}`));
    lines.push(`${scoped(address)} ${SECRET_PORT} ${payload}`);
  }
  const file = joinPath(directory, "loopback");
  writeFileSync(file, lines.join("\n"));
  await lab.exec(lab.host("h1").namespace, PYTHON, "-c", SEND, file);
  await counted(was, { "idle-device": sent });
  await onlyControls(...ADDRESSES.map(([address]) => `control ${address}`));
});

test("nor does the device speak", async () => {
  const device = lab.socket(lab.host("h1").namespace, "weft-idle4789", { outgoing: true });
  const { namespace } = lab.host("h1");
  const shown = await lab.exec(namespace, "ip", "-d", "address", "show", "weft-idle4789");
  assert.doesNotMatch(shown, /inet/, "no address of any family");
  assert.match(shown, /NOARP/);
  assert.equal(device.receive(), null);
});
