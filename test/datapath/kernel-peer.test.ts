/**
 * The kernel as a peer: a host without an agent, with Linux vxlan devices and bridges, over IPv4 and over IPv6 with
 * zero sums both ways. Jumbo frames throughout. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, describe, test } from "node:test";
import { arp, ethernet, filler, hex, ip4, ip6, join, udp, vxlan } from "./frame.ts";
import { drain, type Intent, Lab, until } from "./live.ts";

const MACS = { 1: "02:00:00:00:00:01", 2: "02:00:00:00:00:02" } as const;
const NETWORKS = ["ipv4", "ipv6"] as const;
const JUMBO = 9000;

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "rfc" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...([1, 2] as const).map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      managed: n === 1,
      uplinks: [{ interface: "uplink0", mtu: JUMBO }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
      ...(n === 1 ? {} : { encapsulations: ["vxlan"] }),
    },
  })),
  ...NETWORKS.map((underlay, i) => ({
    kind: "Network",
    metadata: { name: underlay, tenant: "org" },
    spec: { subnets: ["10.0.0.0/24", "fd00::/64"], vni: 20_001 + i, underlay },
  })),
  ...NETWORKS.flatMap((network) =>
    ([1, 2] as const).map((n) => ({
      kind: "Port",
      metadata: { name: `${network}-${n}`, tenant: "org" },
      spec: {
        network,
        host: `h${n}`,
        ...(n === 1 ? { interface: `${network}p` } : {}),
        mac: MACS[n],
        addresses: [`10.0.0.${n}`, `fd00::${n}`],
      },
    })),
  ),
];

let lab: Lab;
/** Workloads speak of themselves before the agent has found the way to the peer; that is not what is tested here. */
let atReady: Readonly<Record<string, number>>;
before(() => {
  lab = Lab.up("kernel-peer", intent);
  atReady = lab.counters("h1");
});
after(() => lab.down());

for (const underlay of NETWORKS)
  describe(`over ${underlay}`, () => {
    const [ours, theirs] = [`${underlay}-1`, `${underlay}-2`];
    /** The family's vxlan overhead off a jumbo frame. */
    const mtu = JUMBO - (underlay === "ipv4" ? 50 : 70);

    test("neighbours are found both ways, from nothing", async () => {
      for (const [from, to, n] of [
        [ours, theirs, 2],
        [theirs, ours, 1],
      ] as const)
        for (const address of [`10.0.0.${n}`, `fd00::${n}`]) {
          for (const port of [from, to]) {
            const { namespace, interface: name } = lab.port(port);
            lab.ip(namespace, `neigh flush dev ${name}`);
          }
          await lab.ping(lab.port(from).namespace, address);
          const found = await lab.exec(lab.port(from).namespace, "ip", "neigh", "show", address);
          assert.match(found, new RegExp(`lladdr ${MACS[n]}`));
        }
    });

    test("streams and datagrams, octets equal, both ways", async () => {
      for (const [from, to, n] of [
        [ours, theirs, 2],
        [theirs, ours, 1],
      ] as const) {
        await lab.serveEcho(lab.port(to).namespace);
        const { namespace } = lab.port(from);
        for (const address of [`10.0.0.${n}`, `fd00::${n}`]) {
          const headers = (address.includes(":") ? 40 : 20) + 8;
          await lab.echo(namespace, "udp", address, mtu - headers);
          await lab.echo(namespace, "tcp", address, 8 << 20);
        }
      }
    });

    test("frames, octet by octet, to one and to all", async () => {
      const sockets = { 1: lab.socketOf(ours), 2: lab.socketOf(theirs) };
      const other = {
        1: lab.socketOf(underlay === "ipv4" ? "ipv6-1" : "ipv4-1"),
        2: lab.socketOf(underlay === "ipv4" ? "ipv6-2" : "ipv4-2"),
      };
      for (const [from, to] of [
        [1, 2],
        [2, 1],
      ] as const) {
        const packet = (octets: number): Uint8Array =>
          ip4(
            { from: `10.0.0.${from}`, to: `10.0.0.${to}`, protocol: 17 },
            udp(40_000, 9, filler(octets - 28)),
          );
        const packet6 = ip6(
          { from: `fd00::${from}`, to: `fd00::${to}`, next: 17 },
          udp(40_000, 9, filler(100)),
        );
        const ask = arp({ senderMac: MACS[from], sender: `10.0.0.${from}`, target: "10.0.0.77" });
        const frames = ([MACS[to], "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:99"] as const).flatMap(
          (address) => {
            const ends = { to: address, from: MACS[from] };
            return [
              ethernet(ends, 0x0800, packet(46)),
              ethernet(ends, 0x0800, packet(mtu)),
              ethernet(ends, 0x86dd, packet6),
              ethernet(ends, 0x0806, ask, filler(18)),
              ethernet(ends, 0x88b5, filler(mtu)),
            ];
          },
        );
        const wanted = new Set(frames.map(hex));
        const heard = new Map<string, number>();
        const hear = (): boolean => {
          for (const frame of drain(sockets[to]).map(hex))
            if (wanted.has(frame)) heard.set(frame, (heard.get(frame) ?? 0) + 1);
          return heard.size === wanted.size;
        };
        for (const frame of frames) {
          const sent = sockets[from].send(frame);
          assert.ok(sent.ok, JSON.stringify(sent));
        }
        await until("every frame arrives", hear);
        // Copies, too, would have come by the time that one more frame has made its way.
        assert.ok(sockets[from].send(frames[0] ?? new Uint8Array(0)).ok);
        await until("one more", () => hear() && heard.get([...wanted][0] ?? "") === 2);
        assert.deepEqual([...heard.values()].slice(1), new Array(frames.length - 1).fill(1));
        for (const socket of Object.values(other))
          assert.deepEqual(
            drain(socket)
              .map(hex)
              .filter((frame) => wanted.has(frame)),
            [],
          );
      }
    });
  });

test("a tunnel packet of which only the Ethernet header is in one piece is read whole", async () => {
  const receiver = lab.socketOf("ipv4-1");
  const { namespace, uplinks } = lab.host("h2");
  const [mine] = uplinks;
  const [ours] = lab.host("h1").uplinks;
  assert.ok(mine && ours);
  // Congestion met on the way must reach the inner header, which lies behind all that is in one piece.
  const packet = (ecn: number): Uint8Array =>
    ethernet(
      { to: MACS[1], from: MACS[2] },
      0x86dd,
      ip6({ from: "fd00::2", to: "fd00::1", next: 17, class: ecn }, udp(40_000, 9, filler(6000))),
    );
  const outer = ethernet(
    { to: ours.mac, from: mine.mac },
    0x0800,
    ip4(
      { from: "192.0.2.2", to: "192.0.2.1", protocol: 17, tos: 3, options: filler(40).fill(1) },
      udp(50_000, 4789, join(vxlan(20_001), packet(2))),
    ),
  );
  const directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
  try {
    // In front a virtio-net header, of which the header length alone says anything: 14.
    const file = joinPath(directory, "frame");
    writeFileSync(file, hex(join([0, 0, 14, 0, 0, 0, 0, 0, 0, 0], outer)));
    const program = joinPath(import.meta.dirname, "tap.py");
    await lab.exec(namespace, "/usr/bin/python3", program, "socket", mine.interface, file);
    const wanted = hex(packet(3));
    await until("it arrives", () => drain(receiver).some((frame) => hex(frame) === wanted));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** What becomes of ARP and neighbour solicitations is no drop. */
const QUESTIONS: ReadonlySet<string> = new Set([
  "answered",
  "neighbour-miss",
  "neighbour-own",
  "neighbour-unicast",
]);

test("nothing was dropped on the way but what nobody asked for", () => {
  const { delivered = 0, encapsulated = 0, flooded = 0, passed, ...others } = lab.counters("h1");
  assert.ok(delivered > 1000 && encapsulated > 1000 && flooded > 10);
  assert.ok(passed, "the underlay's own ARP passes");
  const since = Object.entries(others).filter(
    ([verdict, n]) => !QUESTIONS.has(verdict) && n !== (atReady[verdict] ?? 0),
  );
  assert.deepEqual(since, []);
});
