/**
 * Aggregates that real senders and receivers make: UDP with UDP_SEGMENT, whole and as the agent leaves a workload, and
 * TCP that the uplink gathers (GRO) before from_underlay sees it. Both encapsulations, both underlays. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Intent, Lab, until } from "./live.ts";

const NETWORKS = [
  { encapsulation: "vxlan", underlay: "ipv4" },
  { encapsulation: "nvgre", underlay: "ipv4" },
  { encapsulation: "vxlan", underlay: "ipv6" },
  { encapsulation: "nvgre", underlay: "ipv6" },
] as const;
type Network = (typeof NETWORKS)[number];
const nameOf = ({ encapsulation, underlay }: Network): string => `${encapsulation}-${underlay}`;

const SENDS = 20;
const SEGMENTS = 40;
const SEGMENT_OCTETS = 1000;

/** Numbered datagrams, SEGMENTS of them a system call. UDP_SEGMENT is 103 (linux/udp.h). */
const SENDER = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, ${SEGMENT_OCTETS})
s.connect(("10.0.0.2", 9))
for i in range(${SENDS}):
    s.send(b"".join(n.to_bytes(4, "big") * ${SEGMENT_OCTETS / 4} for n in range(i * ${SEGMENTS}, (i + 1) * ${SEGMENTS})))
    time.sleep(0.01)
`;
/** Says each number once it came whole. */
const RECEIVER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind(("10.0.0.2", 9))
print("ready", flush=True)
while True:
    data = s.recv(65536)
    n = int.from_bytes(data[:4], "big")
    print(n if data == n.to_bytes(4, "big") * ${SEGMENT_OCTETS / 4} else "spoiled", flush=True)
`;

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "rfc" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
    },
  })),
  ...NETWORKS.map((network, i) => ({
    kind: "Network",
    metadata: { name: nameOf(network), tenant: "org" },
    spec: {
      ...{ subnets: ["10.0.0.0/24"], vni: 20_001 + i, underlay: network.underlay },
      encapsulations: [network.encapsulation],
    },
  })),
  ...NETWORKS.flatMap((network) =>
    [1, 2].map((n) => ({
      kind: "Port",
      metadata: { name: `${nameOf(network)}-${n}`, tenant: "org" },
      spec: {
        ...{ network: nameOf(network), host: `h${n}`, interface: nameOf(network) },
        ...{ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}`] },
      },
    })),
  ),
];

let lab: Lab;
before(async () => {
  lab = Lab.up("aggregates", intent);
  // As on a cable: single segments leave, here and at the switch; what arrives is gathered. A veth gathers only what
  // comes from an end without TSO.
  for (const host of ["h1", "h2"])
    await lab.exec(
      lab.host(host).namespace,
      ..."ethtool -K uplink0 tso off gso off gro on".split(" "),
    );
  const { namespace } = lab.status.underlay;
  const ports = await lab.exec(namespace, "ls", "/sys/class/net/br0/brif");
  for (const port of ports.trim().split(/\s+/))
    await lab.exec(namespace, "ethtool", "-K", port, "tso", "off", "gso", "off");
});
after(() => lab.down());

/** Frames that the uplink's driver took in. */
async function receivedOnWire(host: string): Promise<number> {
  const { namespace } = lab.host(host);
  const text = await lab.exec(namespace, "cat", "/sys/class/net/uplink0/statistics/rx_packets");
  return Number(text);
}

for (const network of NETWORKS)
  describe(nameOf(network), () => {
    const [one, two] = [1, 2].map((n) => `${nameOf(network)}-${n}`);
    const space = (port: string | undefined): string => lab.port(port ?? "").namespace;

    test("every datagram of a UDP_SEGMENT send arrives, whole, and once", async () => {
      const heard = await lab.start(space(two), "python3", "-u", "-c", RECEIVER);
      const features = await lab.exec(space(one), "ethtool", "-k", "eth0");
      assert.match(features, /^tx-udp-segmentation: off/m);
      await lab.ping(space(one), "10.0.0.2");
      await lab.exec(space(one), "python3", "-c", SENDER);
      const all = SENDS * SEGMENTS;
      await until(`${all} datagrams`, () => heard().length >= all);
      const numbers = heard()
        .map(Number)
        .sort((a, b) => a - b);
      assert.deepEqual(
        numbers,
        Array.from({ length: all }, (_, i) => i),
      );
    });

    test("a stream that the uplink gathered is delivered in aggregates, octets equal", async () => {
      await lab.serveEcho(space(two));
      const [frames, before] = [await receivedOnWire("h2"), lab.counters("h2").delivered ?? 0];
      await lab.echo(space(one), "tcp", "10.0.0.2", 8 << 20);
      const wire = (await receivedOnWire("h2")) - frames;
      const delivered = (lab.counters("h2").delivered ?? 0) - before;
      // 8 MiB is 5600 frames of data, and as many are acknowledged as come back.
      assert.ok(wire > 5600, `${wire} frames on the wire`);
      assert.ok(delivered < wire / 2, `${delivered} delivered of ${wire} frames`);
    });
  });

test("nothing was refused", () => {
  for (const host of ["h1", "h2"])
    assert.equal(lab.counters(host)["gso-unsupported"], undefined, host);
});
