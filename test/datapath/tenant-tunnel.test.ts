/**
 * A tenant's own VXLAN between two workloads, with segmentation left to the last: large packets go into the tenant's
 * tunnel, and each frame on the wire is right in all three of its layers. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Capture } from "./capture.ts";
import { drain, type Intent, Lab, until } from "./live.ts";

const NETWORKS = (["vxlan", "nvgre"] as const).flatMap((encapsulation) =>
  (["ipv4", "ipv6"] as const).map((underlay) => ({ encapsulation, underlay })),
);
type Network = (typeof NETWORKS)[number];

const nameOf = ({ encapsulation, underlay }: Network): string => `${encapsulation}-${underlay}`;
const UPLINK_MTU = 1600;
/** What our headers take off an uplink's MTU. */
const overheadOf = ({ encapsulation, underlay }: Network): number =>
  (underlay === "ipv4" ? 20 : 40) + (encapsulation === "vxlan" ? 16 : 8) + 14;

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "rfc" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: UPLINK_MTU }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
    },
  })),
  ...NETWORKS.map((network, i) => ({
    kind: "Network",
    metadata: { name: nameOf(network), tenant: "org" },
    spec: {
      subnets: ["10.0.0.0/24"],
      vni: 20_001 + i,
      encapsulations: [network.encapsulation],
      underlay: network.underlay,
    },
  })),
  ...NETWORKS.flatMap((network) =>
    [1, 2].map((n) => ({
      kind: "Port",
      metadata: { name: `${nameOf(network)}-${n}`, tenant: "org" },
      spec: {
        network: nameOf(network),
        host: `h${n}`,
        interface: nameOf(network),
        mac: `02:00:00:00:00:0${n}`,
        addresses: [`10.0.0.${n}`],
      },
    })),
  ),
];

let lab: Lab;
let directory: string;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  lab = Lab.up("tenant-tunnel", intent);
  // As on a cable: whole sums and single segments leave; what arrives may be gathered.
  const cable = ["tx", "off", "tso", "off", "gso", "off", "gro", "on"];
  for (const host of ["h1", "h2"])
    await lab.exec(lab.host(host).namespace, "ethtool", "-K", "uplink0", ...cable);
  for (const network of NETWORKS) await lab.serveEcho(lab.port(`${nameOf(network)}-2`).namespace);
});
after(async () => {
  rmSync(directory, { recursive: true });
  await lab.down();
});

/** The tenant's tunnel between a network's two workloads, until the test ends; the first's namespace. */
function addTunnel(t: TestContext, network: Network, sums: string): string {
  const [one, two] = [1, 2].map((n) => lab.port(`${nameOf(network)}-${n}`).namespace);
  assert.ok(one && two);
  for (const [namespace, n, other] of [
    [one, 1, 2],
    [two, 2, 1],
  ] as const) {
    lab.ip(
      namespace,
      `link add own type vxlan id 7 local 10.0.0.${n} remote 10.0.0.${other} dstport 4789 ${sums} dev eth0`,
      `address add 172.16.0.${n}/24 dev own`,
      "link set own up",
    );
    t.after(() => lab.ip(namespace, "link delete own"));
  }
  return one;
}

/** As tshark tells whether a sum is right. */
const GOOD = "1";
const NONE = "3";

/** Each frame of the tenant's streams: every layer's length follows from the frame's own, every sum is right. */
function assertRight(wire: Capture, network: Network, middleSum: typeof GOOD | typeof NONE): void {
  const fields = ["frame.len", "ip.len", "ipv6.plen", "udp.length"];
  fields.push(...["ip", "udp", "tcp"].map((protocol) => `${protocol}.checksum.status`));
  const sums = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  // 0xffff is a zero that the kernel writes so for UDP's sake (RFC 1624 section 3): right, and not to tshark.
  const frames = wire.read("tcp && tcp.checksum != 0xffff", fields, ...sums);
  const [isVxlan, is4] = [network.encapsulation === "vxlan", network.underlay === "ipv4"];
  for (const [length, ...values] of frames) {
    const outer = Number(length) - 14;
    const middle = outer - overheadOf(network);
    assert.deepEqual(values, [
      [...(is4 ? [outer] : []), middle, middle - 50].join(),
      is4 ? "" : `${outer - 40}`,
      [...(isVxlan ? [outer - (is4 ? 20 : 40)] : []), middle - 20].join(),
      [...(is4 ? [GOOD] : []), GOOD, GOOD].join(),
      [...(isVxlan ? [NONE] : []), middleSum].join(),
      GOOD,
    ]);
  }
  const largest = Math.max(...frames.map(([length]) => Number(length)));
  assert.equal(largest, UPLINK_MTU + 14, "a full frame");
}

for (const network of NETWORKS)
  describe(`${network.encapsulation} over ${network.underlay}`, () => {
    for (const [sums, middleSum] of [
      ["noudpcsum", NONE],
      ["udpcsum", GOOD],
    ] as const)
      test(`streams and datagrams with ${sums}`, async (t) => {
        const namespace = addTunnel(t, network, sums);
        for (const device of ["own", "eth0"]) {
          const features = await lab.exec(namespace, "ethtool", "-k", device);
          assert.match(features, /^tcp-segmentation-offload: on$/m);
        }
        const given = lab.socket(namespace, "own", { outgoing: true });
        const file = join(directory, `${nameOf(network)}-${sums}.pcap`);
        const wire = await Capture.start(lab.host("h1").namespace, "uplink0", file);
        t.after(() => wire.stop());
        await lab.echo(namespace, "udp", "172.16.0.2", 1400);
        await lab.echo(namespace, "tcp", "172.16.0.2", 4 << 20);
        await wire.stop();
        const largest = Math.max(...drain(given).map((frame) => frame.length));
        assert.ok(largest > 40_000, `the largest that the tenant sends is ${largest}`);
        assertRight(wire, network, middleSum);
      });
  });

test("nothing of it was dropped", () => {
  for (const host of ["h1", "h2"]) {
    const { delivered, encapsulated, flooded, passed, ...others } = lab.counters(host);
    assert.ok(delivered && encapsulated && flooded && passed);
    // What workloads said of their own accord while the lab came up found nobody yet.
    const asides = /^(no-receiver|replica-failed|answered|neighbour-(miss|own|unicast))$/;
    const dropped = Object.keys(others).filter((name) => !asides.test(name));
    assert.deepEqual(dropped, [], host);
  }
});

test("large packets that only the tenant's own tunnel could segment are refused, not sent wrong", async (t) => {
  const network = { encapsulation: "vxlan", underlay: "ipv4" } as const;
  const namespace = addTunnel(t, network, "noudpcsum");
  const offload = "tx-udp_tnl-segmentation";
  const turn = (to: "on" | "off"): Promise<string> =>
    lab.exec(namespace, "ethtool", "-K", "eth0", offload, to);
  const features = await lab.exec(namespace, "ethtool", "-k", "eth0");
  assert.match(features, new RegExp(`^${offload}: off$`, "m"), "the agent has turned it off");
  await turn("on");
  const file = join(directory, "refused.pcap");
  const wire = await Capture.start(lab.host("h1").namespace, "uplink0", file);
  t.after(() => wire.stop());
  // Single segments still pass, so that the stream begins; whether it ends is not ours to say.
  const words = [join(import.meta.dirname, "echo.ts"), "tcp", "172.16.0.2", `${1 << 20}`];
  const stream = lab.exec(namespace, "timeout", "5", process.execPath, ...words).catch(() => "");
  await until("some are refused", () => (lab.counters("h1")["gso-unsupported"] ?? 0) > 0);
  await turn("off");
  await stream;
  await wire.stop();
  assertRight(wire, network, NONE);
});
