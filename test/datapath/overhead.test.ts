/**
 * The overhead planner against the wire: what tcpdump captures on an uplink, in octets, of weft's own tunnels and
 * of Linux vxlan, read by tshark. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { addedOctetsOf, innerMtuOf, type Stack } from "../../src/plan/overhead.ts";
import { ip, ipJson, joined } from "../kernel/scratch.ts";
import { ethernet, filler, ip4, udp } from "./frame.ts";
import { drain, type Intent, Lab, until } from "./live.ts";

const UPLINK_MTU = 9100;
const PAYLOADS = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000];
const MACS = { a: "02:00:00:00:00:0a", b: "02:00:00:00:00:0b" } as const;
const ADDRESSES = { a: "10.0.0.1", b: "10.0.0.2" } as const;
type End = keyof typeof MACS;

interface Carried {
  readonly name: string;
  readonly number: number;
  /** The far end of the tunnel; the near one is weft on h1. */
  readonly peer: "h2" | "linux";
  readonly stack: Stack;
  /** What RFC 7348 and RFC 7637 say; the planner must, too. */
  readonly added: number;
}

const networks: readonly Carried[] = (
  [
    ["vxlan", "ipv4", "h2", 50],
    ["vxlan", "ipv6", "h2", 70],
    ["nvgre", "ipv4", "h2", 42],
    ["nvgre", "ipv6", "h2", 62],
    ["vxlan", "ipv4", "linux", 50],
    ["vxlan", "ipv6", "linux", 70],
  ] as const
).map(([encapsulation, underlay, peer, added], i) => ({
  name: `${encapsulation}${underlay.slice(2)}-${peer}`,
  number: 20_001 + i,
  peer,
  stack: { encapsulation, underlay, outerTags: 0, groupPolicy: false, esp: null },
  added,
}));

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...["h1", "h2", "linux"].map((name, i) => ({
    kind: "Host",
    metadata: { name },
    spec: {
      managed: name !== "linux",
      uplinks: [{ interface: "uplink0", mtu: UPLINK_MTU }],
      vteps: [`192.0.2.${i + 1}`, `2001:db8::${i + 1}`],
      ...(name === "linux" ? { encapsulations: ["vxlan"] } : {}),
    },
  })),
  ...networks.map(({ name, number, stack }) => ({
    kind: "Network",
    metadata: { name, tenant: "org" },
    spec: {
      subnets: ["10.0.0.0/24"],
      vni: number,
      encapsulations: [stack.encapsulation],
      underlay: stack.underlay,
    },
  })),
  ...networks.flatMap(({ name, peer }) =>
    (["a", "b"] as const).map((end) => ({
      kind: "Port",
      metadata: { name: `${name}-${end}`, tenant: "org" },
      spec: {
        network: name,
        host: end === "a" ? "h1" : peer,
        ...(end === "b" && peer === "linux" ? {} : { interface: `${name}-${end}` }),
        mac: MACS[end],
        addresses: [ADDRESSES[end]],
      },
    })),
  ),
];

let lab: Lab;
let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  lab = Lab.up("overhead", intent);
});
after(async () => {
  rmSync(directory, { recursive: true });
  await lab.down();
});

/** An inner IP packet of exactly `payload` octets, in its frame. */
function frameOf(from: End, payload: number): Uint8Array {
  const to = from === "a" ? "b" : "a";
  const packet = ip4(
    { from: ADDRESSES[from], to: ADDRESSES[to], protocol: 17 },
    udp(40_000, 9, filler(payload - 28)),
  );
  return ethernet({ to: MACS[to], from: MACS[from] }, 0x0800, packet);
}

/** A captured tunnel frame: who sent it on which network, and how much longer it is than what it carries. */
interface Seen {
  readonly number: number;
  readonly from: End;
  readonly payload: number;
  readonly added: number;
  /** Innermost last. */
  readonly tags: readonly string[];
}

function readCapture(file: string): readonly Seen[] {
  const fields = [
    "frame.len",
    "ip.len",
    "ip.src",
    "vxlan.vni",
    "gre.key",
    "ieee8021ad.id",
    "vlan.id",
  ];
  const text = execFileSync(
    "tshark",
    [
      ...["-r", file, "-Y", "udp.srcport == 40000 && !icmp", "-T", "fields", "-E", "occurrence=a"],
      ...fields.flatMap((field) => ["-e", field]),
    ],
    // While tcpdump writes, the last frame may be there in half: tshark says so, and reads the rest.
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [frame, lengths = "", sources = "", vni, key, ...tags] = line.split("\t");
      const payload = Number(lengths.split(",").at(-1));
      return {
        number: vni ? Number(vni) : Number(key) >>> 8,
        from: sources.endsWith(ADDRESSES.a) ? ("a" as const) : ("b" as const),
        payload,
        added: Number(frame) - (14 + payload),
        tags: tags.filter((tag) => tag !== ""),
      };
    });
}

/** What tcpdump has seen on h1's uplink when `act` is done and `count` frames of the test are in the file. */
async function captured(
  name: string,
  count: number,
  act: () => Promise<void> | void,
): Promise<readonly Seen[]> {
  const file = join(directory, `${name}.pcap`);
  const command = `exec tcpdump -i uplink0 -U -Z root -w ${file} 2>&1`;
  await lab.start(lab.host("h1").namespace, "sh", "-c", command);
  await act();
  let seen: readonly Seen[] = [];
  await until(`${count} frames are captured`, () => {
    seen = readCapture(file);
    return seen.length >= count;
  });
  return seen;
}

const payloadsOf = (stack: Stack): readonly number[] => [
  ...PAYLOADS,
  innerMtuOf(stack, UPLINK_MTU),
];

test("every payload from 64 octets to the largest, both ways, is as much longer as was planned", async () => {
  const ends = networks.map((network) => ({
    network,
    sockets: { a: lab.socketOf(`${network.name}-a`), b: lab.socketOf(`${network.name}-b`) },
  }));
  const count = networks.reduce((sum, { stack }) => sum + 2 * payloadsOf(stack).length, 0);
  const seen = await captured("plain", count, async () => {
    for (const { network, sockets } of ends)
      for (const [from, to] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        const frames = payloadsOf(network.stack).map((payload) => frameOf(from, payload));
        for (const frame of frames) assert.ok(sockets[from].send(frame).ok);
        const wanted = new Set(frames.map((frame) => Buffer.from(frame).toString("hex")));
        await until(`all of ${network.name} arrive`, () => {
          for (const frame of drain(sockets[to])) wanted.delete(Buffer.from(frame).toString("hex"));
          return wanted.size === 0;
        });
      }
  });
  assert.equal(seen.length, count);
  for (const { name, number, stack, added } of networks)
    for (const from of ["a", "b"] as const) {
      const mine = seen.filter((one) => one.number === number && one.from === from);
      const rows = mine.map(({ payload, added: octets }) => [payload, octets]);
      const planned = payloadsOf(stack).map((payload) => [payload, addedOctetsOf(stack, payload)]);
      assert.deepEqual(rows, planned, `${name} from ${from}`);
      assert.deepEqual(new Set(rows.map(([, octets]) => octets)), new Set([added]));
    }
});

test("a workload's interface has the MTU that the plan leaves", () => {
  const mtus = networks.map(({ name }) => {
    const { namespace, interface: link } = lab.port(`${name}-a`);
    return [name, ipJson(namespace, "link", "show", "dev", link)[0]?.mtu];
  });
  const planned = networks.map(({ name, stack }) => [name, innerMtuOf(stack, UPLINK_MTU)]);
  assert.deepEqual(mtus, planned);
});

for (const [outerTags, program, ids] of [
  [1, "one", ["100"]],
  [2, "two", ["200", "100"]],
] as const)
  test(`an underlay with ${outerTags === 1 ? "a tag" : "two tags"} has frames as much longer`, async () => {
    const { namespace } = lab.host("h1");
    const object = join(directory, "tag.o");
    const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
    execFileSync("clang", [
      ...["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"],
      ...[`-I/usr/include/${arch}`, "-c", join(import.meta.dirname, "tag.bpf.c"), "-o", object],
    ]);
    const tc = (...words: readonly string[]): void =>
      void execFileSync("tc", ["-n", namespace, ...words]);
    tc("qdisc", "add", "dev", "uplink0", "clsact");
    try {
      tc(
        ...[
          "filter",
          "add",
          "dev",
          "uplink0",
          "egress",
          "bpf",
          "da",
          "obj",
          object,
          "sec",
          program,
        ],
      );
      const own = networks.filter(({ peer }) => peer === "h2");
      const count = own.length * PAYLOADS.length;
      const seen = await captured(program, count, () => {
        for (const { name } of own) {
          const socket = lab.socketOf(`${name}-a`);
          for (const payload of PAYLOADS) assert.ok(socket.send(frameOf("a", payload)).ok);
        }
      });
      for (const { number, stack, added } of own) {
        const tagged: Stack = { ...stack, outerTags };
        const rows = seen
          .filter((one) => one.number === number)
          .map(({ payload, added: octets, tags }) => [payload, octets, tags]);
        const planned = PAYLOADS.map((payload) => [payload, addedOctetsOf(tagged, payload), ids]);
        assert.deepEqual(rows, planned);
        assert.equal(addedOctetsOf(tagged, PAYLOADS[0] ?? 0), added + 4 * outerTags);
      }
    } finally {
      tc("qdisc", "del", "dev", "uplink0", "clsact");
    }
  });

test("a group in the VXLAN header of Linux adds nothing", async (t) => {
  const spaces = joined(t);
  for (const [i, name] of spaces.entries()) {
    const [own, other] = [i + 1, 2 - i];
    ip(
      name,
      `link add gbp type vxlan id 7 dstport 4789 gbp local 198.51.100.${own} remote 198.51.100.${other}`,
      "link set gbp up",
      `address add 10.0.0.${own}/24 dev gbp`,
    );
  }
  const [a] = spaces;
  const file = join(directory, "gbp.pcap");
  const inside = ["netns", "exec", a];
  await lab.start(a, "sh", "-c", `exec tcpdump -i v0 -U -Z root -w ${file} udp port 4789 2>&1`);
  for (const mark of ["0", "77"])
    execFileSync("ip", [...inside, "ping", "-c1", "-W5", "-m", mark, "-s", "472", "10.0.0.2"]);
  const read = (): readonly (readonly string[])[] =>
    execFileSync(
      "tshark",
      [
        ...["-r", file, "-Y", "icmp.type == 8", "-T", "fields", "-E", "occurrence=a"],
        ...["-e", "frame.len", "-e", "ip.len", "-e", "vxlan.gbp"],
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    )
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  await until("both echoes are captured", () => read().length >= 2);
  // Outer frame; outer and inner packet; the group.
  assert.deepEqual(read(), [
    ["564", "550,500", "0"],
    ["564", "550,500", "77"],
  ]);
  const group: Stack = {
    encapsulation: "vxlan",
    underlay: "ipv4",
    outerTags: 0,
    groupPolicy: true,
    esp: null,
  };
  assert.equal(addedOctetsOf(group, 500), 564 - 14 - 500);
});
