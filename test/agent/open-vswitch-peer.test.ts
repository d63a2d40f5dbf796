/**
 * Open vSwitch as a peer: a host without an agent, its switch in user space, over IPv4 and IPv6. VXLAN as it is set
 * up everywhere, a learning bridge a network; NVGRE as GRE with a key of VSID and FlowID, by flows that match the
 * VSID alone and send a FlowID of their own hash. Two tenants with the same addresses and MACs. Needs root.
 */
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";
import { Capture } from "../datapath/capture.ts";
import { arp, ethernet, filler, hex, ip4, ip6, udp } from "../datapath/frame.ts";
import { drain, until } from "../datapath/live.ts";
import { inside, must } from "../kernel/scratch.ts";
import { echo, serveEcho } from "./echoes.ts";
import { Fabric, macOf } from "./fabric.ts";
import { OpenVswitch } from "./open-vswitch.ts";

const MTU = 1500;
const TENANTS = ["a", "b"] as const;
const NUMBERS = { a: 11_000, b: 12_000 } as const;
const WORKLOADS = TENANTS.flatMap((tenant) => [`${tenant}1`, `${tenant}2`]);
const MACS = { 1: macOf("10.1.0.1"), 2: macOf("10.1.0.2") } as const;
const WAYS = [
  [1, 2],
  [2, 1],
] as const;

/** A tunnel of a learning bridge, with the VNI as its key. */
function bridgeVxlan(ovs: OpenVswitch, remote: string): void {
  for (const tenant of TENANTS) {
    ovs.addBridge(`br-${tenant}`);
    ovs.addPort(`br-${tenant}`, `port-${tenant}`);
    const options = [`options:remote_ip="${remote}"`, `options:key=${NUMBERS[tenant]}`];
    ovs.addPort(`br-${tenant}`, `tunnel-${tenant}`, "type=vxlan", ...options);
  }
}

/** One tunnel for all networks. OVS has one key where NVGRE has VSID and FlowID (RFC 7637 section 3.2). */
function bridgeNvgre(ovs: OpenVswitch, remote: string): void {
  ovs.addBridge("br-int", "fail_mode=secure");
  ovs.addPort("br-int", "tunnel", "type=gre", `options:remote_ip="${remote}"`, "options:key=flow");
  for (const tenant of TENANTS) ovs.addPort("br-int", `port-${tenant}`);
  ovs.setFlows(
    "br-int",
    TENANTS.flatMap((tenant) => {
      const port = `port-${tenant}`;
      const key = NUMBERS[tenant] << 8;
      const flowId = "multipath(symmetric_l4,0,modulo_n,256,0,NXM_NX_TUN_ID[0..7])";
      return [
        `in_port=${port},actions=set_field:${key}->tun_id,${flowId},output:tunnel`,
        `in_port=tunnel,tun_id=${key}/0xffffff00,actions=output:${port}`,
      ];
    }),
  );
}

interface Case {
  readonly encapsulation: "vxlan" | "nvgre";
  readonly underlay: "ipv4" | "ipv6";
}

/** An agent on the first host, Open vSwitch on the second, and a capture of the cable between them. */
async function peers(t: TestContext, { encapsulation, underlay }: Case): Promise<Peers> {
  const fabric = Fabric.make(t, { encapsulations: [encapsulation], underlay });
  Object.assign(fabric.document("Host", "h2").spec, {
    managed: false,
    encapsulations: [encapsulation],
  });
  for (const tenant of TENANTS) {
    fabric.document("Network", "net", tenant).spec.subnets = ["10.1.0.0/24", "fd00::/64"];
    for (const n of [1, 2])
      fabric.document("Port", `p${n}`, tenant).spec.addresses = [`10.1.0.${n}`, `fd00::${n}`];
    delete fabric.document("Port", "p2", tenant).spec.interface;
  }
  fabric.write();
  for (const workload of WORKLOADS)
    fabric.ip(workload, `address add fd00::${workload[1]}/64 dev eth0 nodad`);
  // A switch in user space reads what a cable would carry: whole sums, one segment a frame.
  for (const [where, device] of [["h1", "up0"], ...WORKLOADS.map((w) => [w, "eth0"])] as const)
    fabric.exec(where, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off");

  const ovs = await OpenVswitch.start(fabric.namespace("h2"), joinPath(fabric.directory, "ovs"));
  t.after(() => ovs.stop());
  ovs.addBridge("br-up", `other_config:hwaddr="02:00:00:00:ff:02"`);
  ovs.addPort("br-up", "up0");
  // The host's own stack hears the uplink beside the switch. It must not answer: the addresses are the bridge's.
  fabric.ip("h2", "address flush dev up0");
  fabric.ip("h2", "link set up0 arp off");
  const silent = ["net.ipv4.conf.up0.rp_filter=1", "net.ipv6.conf.up0.disable_ipv6=1"];
  fabric.exec("h2", "sysctl", "-qw", ...silent);
  fabric.ip("h2", "address add 192.0.2.2/24 dev br-up");
  fabric.ip("h2", "address add 2001:db8::2/64 dev br-up nodad");
  fabric.ip("h2", "link set br-up up");
  const remote = underlay === "ipv4" ? "192.0.2.1" : "2001:db8::1";
  if (encapsulation === "vxlan") bridgeVxlan(ovs, remote);
  else bridgeNvgre(ovs, remote);
  for (const tenant of TENANTS) fabric.ip("h2", `link set port-${tenant} up`);
  await fabric.start("h1").ready();
  const file = joinPath(fabric.directory, "wire.pcap");
  const wire = await Capture.start(fabric.namespace("h1"), "up0", file);
  t.after(() => wire.stop());
  return { fabric, wire };
}

interface Peers {
  readonly fabric: Fabric;
  readonly wire: Capture;
}

/** A socket on a workload's interface, closed after the test. */
function socketOf(t: TestContext, fabric: Fabric, workload: string): PacketSocket {
  const socket = must(inside(fabric.namespace(workload), () => PacketSocket.open("eth0")));
  t.after(() => socket.close());
  return socket;
}

/** To one and to all, of every kind, by a name. */
function framesBetween(from: 1 | 2, to: 1 | 2): ReadonlyMap<string, Uint8Array> {
  const packet = (octets: number): Uint8Array =>
    ip4(
      { from: `10.1.0.${from}`, to: `10.1.0.${to}`, protocol: 17 },
      udp(40_000, 9, filler(octets - 28)),
    );
  const packet6 = ip6(
    { from: `fd00::${from}`, to: `fd00::${to}`, next: 17 },
    udp(40_000, 9, filler(100)),
  );
  const ask = arp({ senderMac: MACS[from], sender: `10.1.0.${from}`, target: "10.1.0.77" });
  return new Map(
    [MACS[to], "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:99"].flatMap((address) => {
      const ends = { to: address, from: MACS[from] };
      return [
        [`IPv4 to ${address}`, ethernet(ends, 0x0800, packet(46))],
        [`the largest IPv4 to ${address}`, ethernet(ends, 0x0800, packet(MTU))],
        [`IPv6 to ${address}`, ethernet(ends, 0x86dd, packet6)],
        [`ARP to ${address}`, ethernet(ends, 0x0806, ask, filler(18))],
        [`another protocol to ${address}`, ethernet(ends, 0x88b5, filler(MTU))],
      ] as const;
    }),
  );
}

async function neighboursAreFound({ fabric }: Peers): Promise<void> {
  for (const tenant of TENANTS)
    for (const [from, to] of WAYS)
      for (const address of [`10.1.0.${to}`, `fd00::${to}`]) {
        for (const n of [from, to]) fabric.ip(`${tenant}${n}`, "neigh flush dev eth0");
        fabric.exec(`${tenant}${from}`, "ping", "-c", "1", "-W", "5", address);
        const found = fabric.ip(`${tenant}${from}`, `neigh show ${address}`);
        assert.match(found, new RegExp(`lladdr ${MACS[to]}`));
      }
}

async function streamsAreEqual(t: TestContext, { fabric }: Peers): Promise<void> {
  for (const workload of WORKLOADS) await serveEcho(t, fabric, workload);
  for (const [from, to] of WAYS)
    for (const [tenant, address, headers] of [
      ["a", `10.1.0.${to}`, 28],
      ["b", `fd00::${to}`, 48],
    ] as const)
      for (const [protocol, octets] of [
        ["udp", MTU - headers],
        ["tcp", 1 << 20],
      ] as const)
        await echo(fabric, `${tenant}${from}`, { protocol, to: address, octets });
}

async function framesArriveOnce(t: TestContext, { fabric }: Peers): Promise<void> {
  for (const [tenant, other] of [TENANTS, TENANTS.toReversed()])
    for (const [from, to] of WAYS) {
      const sender = socketOf(t, fabric, `${tenant}${from}`);
      const receiver = socketOf(t, fabric, `${tenant}${to}`);
      const stranger = socketOf(t, fabric, `${other}${to}`);
      const frames = framesBetween(from, to);
      const names = new Map([...frames].map(([name, frame]) => [hex(frame), name]));
      const heard: string[] = [];
      const hear = (): void => {
        for (const frame of drain(receiver)) heard.push(names.get(hex(frame)) ?? "");
      };
      const [[last, again] = []] = frames;
      assert.ok(again);
      for (const frame of frames.values()) must(sender.send(frame));
      await until("every frame", () => {
        hear();
        return [...names.values()].every((name) => heard.includes(name));
      });
      // Copies, too, would have come by the time that one more frame has made its way.
      must(sender.send(again));
      await until("one more", () => {
        hear();
        return heard.filter((name) => name === last).length > 1;
      });
      const wanted = [...names.values(), last].sort();
      assert.deepEqual(heard.filter((name) => name !== "").sort(), wanted);
      const strayed = drain(stranger).flatMap((frame) => names.get(hex(frame)) ?? []);
      assert.deepEqual(strayed, [], `${tenant}'s frames at ${other}${to}`);
    }
}

/** A warning of tshark about any frame, and what tells flows apart on the way. */
async function wireIsClean({ wire }: Peers, { encapsulation, underlay }: Case): Promise<void> {
  await wire.stop();
  assert.deepEqual(wire.warnings("frame"), []);
  const network = underlay === "ipv4" ? "ip" : "ipv6";
  const entropy = encapsulation === "vxlan" ? "udp.srcport" : "gre.key";
  const fields = ["frame.protocols", `${network}.src`, "vxlan.vni", entropy];
  const outer = wire
    .read(encapsulation === "vxlan" ? "vxlan" : "gre", fields, "--disable-protocol", "tcp")
    .map((values) => values.map((value) => value.split(",")[0] ?? ""));
  const shape = `eth:ethertype:${network}:${encapsulation === "vxlan" ? "udp:vxlan" : "gre"}:eth:`;
  for (const [protocols = ""] of outer) assert.ok(protocols.startsWith(shape), protocols);
  for (const source of underlay === "ipv4"
    ? ["192.0.2.1", "192.0.2.2"]
    : ["2001:db8::1", "2001:db8::2"]) {
    const sent = outer.filter(([, from]) => from === source);
    const numbers = sent.map(([, , vni, value]) =>
      encapsulation === "vxlan" ? Number(vni) : Number(value) >>> 8,
    );
    assert.deepEqual([...new Set(numbers)].sort(), Object.values(NUMBERS), `of ${source}`);
    const flows = new Set(sent.map(([, , , value]) => value));
    assert.ok(flows.size > 6, `${source} tells ${flows.size} flows apart`);
  }
}

/** What becomes of ARP and neighbour solicitations is no drop. */
const QUESTIONS: ReadonlySet<string> = new Set([
  ...["answered", "neighbour-miss", "neighbour-own", "neighbour-unicast"],
]);

async function nothingWasDropped({ fabric }: Peers): Promise<void> {
  const { verdicts } = await fabric.counters("h1");
  const counted = verdicts
    .filter(({ name, packets }) => packets > 0 && !QUESTIONS.has(name))
    .map(({ name }) => name);
  assert.deepEqual(counted.sort(), ["delivered", "encapsulated", "flooded", "passed"]);
}

for (const one of (["vxlan", "nvgre"] as const).flatMap((encapsulation) =>
  (["ipv4", "ipv6"] as const).map((underlay): Case => ({ encapsulation, underlay })),
))
  describe(`${one.encapsulation} over ${one.underlay}`, () => {
    test("Open vSwitch and an agent's host are one network", async (t) => {
      const both = await peers(t, one);
      await t.test("neighbours are found both ways", () => neighboursAreFound(both));
      await t.test("streams and datagrams, octets equal", (c) => streamsAreEqual(c, both));
      await t.test("frames, octet by octet, to one and to all", (c) => framesArriveOnce(c, both));
      await t.test("nothing was dropped", () => nothingWasDropped(both));
      await t.test("the wire is clean", () => wireIsClean(both, one));
    });
  });
