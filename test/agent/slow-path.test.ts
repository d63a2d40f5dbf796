/**
 * The slow path end to end: routed packets that the programs hand to the agent, and what their senders get. Two hosts;
 * each tenant has a router with a network on the first and one on the second, whose packets are smaller. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { test } from "node:test";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import {
  checksum,
  ethernet,
  filler,
  hex,
  ip4,
  join,
  tcp,
  u16,
  u32,
  udp,
} from "../datapath/frame.ts";
import { type Document, eventually, Fabric, macOf, sleep, type TenantName } from "./fabric.ts";
import { bpftool } from "./variant.ts";

const GATEWAY_MAC = "06:77:65:66:74:01";
/** Of h2's uplink; 50 octets of it are VXLAN's. */
const FAR_UPLINK_MTU = 1400;
const FAR = "10.2.0.9";
/** Of TCP payload: more than goes the way to the far network. */
const SEGMENT_OCTETS = 1440;

/** A tenant's network on h2 and its router. */
function routed(tenant: TenantName, index: number): readonly Document[] {
  return [
    {
      kind: "Network",
      metadata: { name: "far", tenant },
      spec: { subnets: ["10.2.0.0/24"], gateways: ["10.2.0.254"], vni: 13000 + index },
    },
    {
      kind: "Router",
      metadata: { name: "main", tenant },
      spec: { networks: ["net", "far"], l3vni: 15000 + index },
    },
    {
      kind: "Port",
      metadata: { name: "far", tenant },
      spec: {
        ...{ network: "far", host: "h2", interface: `far-${tenant}` },
        ...{ mac: macOf("10.2.0.9"), addresses: ["10.2.0.9"] },
      },
    },
  ];
}

/** Both tenants' workloads a1 and b1 on h1, far-a and far-b on h2. */
async function running(t: Parameters<typeof Fabric.make>[0]): Promise<Fabric> {
  const fabric = Fabric.make(t);
  for (const [i, tenant] of (["a", "b"] as const).entries()) {
    fabric.document("Network", "net", tenant).spec.gateways = ["10.1.0.254"];
    fabric.drop(fabric.document("Port", "p2", tenant));
    fabric.documents.push(...routed(tenant, i));
    fabric.addWorkload(`far-${tenant}`, "h2", `far-${tenant}`, FAR);
    for (const [workload, subnet] of [
      [`${tenant}1`, "10.1.0"],
      [`far-${tenant}`, "10.2.0"],
    ] as const) {
      fabric.ip(workload, `neighbour add ${subnet}.254 lladdr ${GATEWAY_MAC} dev eth0`);
      fabric.ip(workload, `route add default via ${subnet}.254`);
    }
    fabric.ip(`far-${tenant}`, `link set eth0 mtu ${FAR_UPLINK_MTU - 50}`);
  }
  fabric.document("Host", "h2").spec.uplinks = [{ interface: "up0", mtu: FAR_UPLINK_MTU }];
  fabric.write();
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  return fabric;
}

/** What ping says; it fails where nothing comes back. */
function ping(fabric: Fabric, workload: string, ...words: readonly string[]): string {
  const name = `--net=/run/netns/${fabric.namespace(workload)}`;
  const done = spawnSync("nsenter", [name, "ping", "-n", "-c", "1", "-W", "2", ...words], {
    encoding: "utf8",
  });
  return done.stdout;
}

interface Captured {
  /** Addresses, ICMP type and code of each packet. */
  readonly lines: readonly string[];
  /** What tshark finds wrong or odd, checksums among it. */
  readonly complaints: readonly string[];
  /** Outer packets that are fragments, or that may be fragmented on their way. */
  readonly pieces: number;
}

/** What `what` sees of `filter` while `traffic` runs, read by tshark. */
async function captured(
  fabric: Fabric,
  what: string,
  filter: string,
  ...[traffic, device = "eth0"]: readonly [traffic: () => void, device?: string]
): Promise<Captured> {
  const directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
  try {
    const file = joinPath(directory, "seen.pcap");
    const words = ["tcpdump", "--immediate-mode", "-ni", device, "-U", "-w", file, filter];
    const enter = `--net=/run/netns/${fabric.namespace(what)}`;
    const child = spawn("nsenter", [enter, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((settle) => child.on("close", settle));
    await new Promise<void>((settle) => {
      child.stderr.on("data", (part) => {
        if (/listening on/.test(String(part))) settle();
      });
    });
    await sleep(200);
    traffic();
    await sleep(500);
    child.kill("SIGINT");
    await ended;
    return read(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function read(file: string): Captured {
  const checks = ["ip", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  const fields = (...names: readonly string[]): readonly string[] => {
    const wanted = names.flatMap((name) => ["-e", name]);
    const out = execFileSync(
      "tshark",
      [
        "-r",
        file,
        ...checks,
        "-T",
        "fields",
        "-E",
        "separator=/s",
        "-E",
        "occurrence=f",
        ...wanted,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    return out.split("\n").slice(0, -1);
  };
  const marks = fields("ip.flags.df", "ip.flags.mf", "ip.frag_offset");
  return {
    lines: fields("ip.src", "ip.dst", "icmp.type", "icmp.code"),
    // A ping without an answer, and one with hardly a hop left, are what they should be here.
    complaints: fields("_ws.expert.message").filter(
      (m) => m !== "" && !/^No response seen|"Time To Live" only/.test(m),
    ),
    pieces: marks.filter((mark) => !/^(1|True) (0|False) 0$/.test(mark)).length,
  };
}

/** A TCP aggregate of a1's to the far network that may be fragmented, as its stack hands one to a link with TSO. */
function sendAggregate(fabric: Fabric, payload: Uint8Array): void {
  const segment = tcp(40_000, 9, payload);
  const ends = [10, 1, 0, 1, 10, 2, 0, 9];
  // What the field holds until the sum is made: the pseudo-header's own, not inverted.
  segment.set(u16(~checksum(ends, [0, 6], u16(segment.length)) & 0xffff), 16);
  const packet = ip4({ from: "10.1.0.1", to: FAR, protocol: 6, fragment: 0 }, segment);
  const frame = ethernet({ to: GATEWAY_MAC, from: macOf("10.1.0.1") }, 0x0800, packet);
  // In front: flags, kind, header length, segment size, start and offset of the sum.
  const virtio = [1, 1, 54, 0, SEGMENT_OCTETS & 255, SEGMENT_OCTETS >> 8, 34, 0, 16, 0];
  const file = joinPath(fabric.directory, "aggregate");
  writeFileSync(file, hex(join(virtio, frame)));
  const program = joinPath(import.meta.dirname, "../datapath/tap.py");
  fabric.exec("a1", "/usr/bin/python3", program, "socket", "eth0", file);
}

/** RFC 1191 section 4. */
function fragmentationNeeded(mtu: number, quoted: Uint8Array): Uint8Array {
  const fields = (sum: number): Uint8Array => join([3, 4], u16(sum), u32(mtu), quoted);
  return fields(checksum(fields(0)));
}

/** What decides how large packets are, and where they go, on h1. */
function tables(fabric: Fabric): object {
  const dump = (name: string): readonly string[] => {
    const path = joinPath(fabric.pins("h1"), `v${LIMIT.WEFT_ABI}`, name);
    const entries: readonly { key: string[]; value: string[] }[] = bpftool(
      "map",
      "dump",
      "pinned",
      path,
    );
    return entries.map(({ key, value }) => `${key.join("")} ${value.join("")}`).sort();
  };
  const peers = joinPath(fabric.pins("h1"), `v${LIMIT.WEFT_ABI}`, "peer");
  const words = ["map", "lookup", "pinned", peers, "key"];
  const some = [1, 2, 3, 4].map((id) => bpftool(...words, String(id), "0", "0", "0"));
  return [...["host", "route", "attach", "vni_in"].map(dump), some];
}

async function slowPath(fabric: Fabric, host: "h1" | "h2") {
  const { slowPath } = await fabric.status(host);
  assert.ok(slowPath, "there is a slow path");
  return slowPath;
}

test("packets that cannot simply go on", async (t) => {
  const fabric = await running(t);
  assert.match(ping(fabric, "a1", FAR), / 1 received/);

  await t.test(
    "who runs out of hops on the far host hears of it from the gateway there",
    async () => {
      const seen = await captured(fabric, "a1", "icmp", () => {
        const said = ping(fabric, "a1", "-t", "2", FAR);
        assert.match(said, /From 10\.2\.0\.254 icmp_seq=1 Time to live exceeded/);
      });
      assert.deepEqual(seen.complaints, []);
      assert.deepEqual(seen.lines, ["10.1.0.1 10.2.0.9 8 0", "10.2.0.254 10.1.0.1 11 0"]);
      const { byReason } = await slowPath(fabric, "h2");
      assert.deepEqual(byReason.ttl, { heard: 1, answered: 1, limited: 0 });
      assert.equal(await fabric.counted("h2", "punted"), 1);
    },
  );

  await t.test("a packet too big for its way goes on in pieces, if it may", async () => {
    const seen = await captured(fabric, "far-a", "icmp and src host 10.1.0.1", () => {
      assert.match(ping(fabric, "a1", "-M", "dont", "-s", "1400", FAR), / 1 received/);
    });
    assert.deepEqual(seen.complaints, []);
    assert.equal(seen.lines.length, 2, "two pieces");
    const { byReason } = await slowPath(fabric, "h1");
    assert.deepEqual(byReason.fragment, { heard: 1, answered: 1, limited: 0 });
  });

  await t.test("an aggregate is handed over once, and heard as its packets", async () => {
    const before = await slowPath(fabric, "h1");
    const punted = await fabric.counted("h1", "punted");
    const payload = filler(4 * SEGMENT_OCTETS);
    const seen = await captured(fabric, "far-a", "src host 10.1.0.1", () =>
      sendAggregate(fabric, payload),
    );
    // Each of 1480 octets of IP: one piece of 1348, as 1330 is no multiple of 8, and the rest.
    assert.deepEqual(seen.complaints, []);
    assert.equal(seen.lines.length, 8);
    assert.equal((await fabric.counted("h1", "punted")) - punted, 1);
    const { fragment } = (await slowPath(fabric, "h1")).byReason;
    assert.equal((fragment?.heard ?? 0) - (before.byReason.fragment?.heard ?? 0), 4);
  });

  await t.test("a tap that somebody removes is there again", async () => {
    fabric.ip("h2", "link delete weft0");
    await eventually(() =>
      assert.match(ping(fabric, "a1", "-t", "2", "-W", "1", FAR), /Time to live exceeded/),
    );
    const { problems } = await fabric.status("h2");
    assert.deepEqual(problems, []);
    assert.equal(fabric.pinnedLinks("h2").filter((name) => name.startsWith("slow-")).length, 1);
  });

  await t.test("what comes to weft0 from elsewhere is nobody's", async () => {
    const strange = (await slowPath(fabric, "h2")).strange;
    const socket = fabric.socket("h2", "weft0");
    for (const octets of [14, 60, 1400]) assert.ok(socket.send(filler(octets)).ok);
    socket.close();
    await eventually(async () => assert.equal((await slowPath(fabric, "h2")).strange, strange + 3));
  });

  await t.test(
    "with the agent dead they are dropped for that reason, and all else goes on",
    async () => {
      await fabric.agent("h2").stop("SIGKILL");
      // The datapath goes on believing in him for a moment.
      for (let i = 0; i < 5; i++)
        assert.doesNotMatch(ping(fabric, "a1", "-W", "1", "-t", "2", FAR), /exceeded/);
      assert.match(ping(fabric, "a1", FAR), / 1 received/);
      await fabric.start("h2").ready();
      assert.ok((await fabric.counted("h2", "punt-unheard")) > 0);
      assert.match(ping(fabric, "a1", "-t", "2", FAR), /Time to live exceeded/);
    },
  );
});

test("one tenant's flood of slow work is not another's", async (t) => {
  const fabric = await running(t);
  const resident = fabric.agent("h2").memory("VmRSS");
  const socket = fabric.socket("b1", "eth0");
  const dying = ip4({ from: "10.1.0.1", to: FAR, protocol: 17, ttl: 2 }, udp(1, 2, filler(1200)));
  const frame = ethernet({ to: GATEWAY_MAC, from: macOf("10.1.0.1") }, 0x0800, dying);
  let answered = 0;
  let sent = 0;
  const end = performance.now() + 4000;
  while (performance.now() < end) {
    for (let i = 0; i < 200; i++) if (socket.send(frame).ok) sent++;
    if (sent % 20_000 === 0) {
      assert.match(ping(fabric, "a1", "-t", "2", FAR), /Time to live exceeded/);
      answered++;
    }
    await sleep(0);
  }
  socket.close();
  assert.ok(answered > 3, `${answered} questions during ${sent} packets`);
  const { ttl } = (await slowPath(fabric, "h2")).byReason;
  assert.ok((await fabric.counted("h2", "punt-limited")) > 1000, "most were over the budget");
  assert.ok((ttl?.limited ?? 0) > 0, "and of the rest not all were answered");
  const grown = fabric.agent("h2").memory("VmRSS") - resident;
  assert.ok(grown < 40 << 20, `the agent has grown by ${grown} octets`);
});

test("forged words about the underlay's MTU change nothing, and no tunnel packet is ever in pieces", async (t) => {
  const fabric = await running(t);
  assert.match(ping(fabric, "a1", "-M", "do", "-s", "1250", FAR), / 1 received/);
  const before = tables(fabric);
  const socket = fabric.socket("h2", "up0");
  // About a tunnel packet of h1's, from the host that it went to, and from one in between.
  for (const from of ["192.0.2.2", "192.0.2.77"]) {
    const quoted = ip4(
      { from: "192.0.2.1", to: "192.0.2.2", protocol: 17 },
      udp(50_000, 4789, filler(40)),
    );
    const words = ip4({ from, to: "192.0.2.1", protocol: 1 }, fragmentationNeeded(576, quoted));
    const ends = { to: "02:00:00:00:ff:01", from: "02:00:00:00:ff:02" };
    for (let i = 0; i < 20; i++) assert.ok(socket.send(ethernet(ends, 0x0800, words)).ok);
  }
  socket.close();
  await fabric.until("h1", "a pass has looked at it", () => true);
  const seen = await captured(
    fabric,
    "h1",
    "dst host 192.0.2.2",
    () => {
      assert.match(ping(fabric, "a1", "-M", "do", "-s", "1250", FAR), / 1 received/);
    },
    "up0",
  );
  assert.equal(seen.lines.length, 1);
  assert.equal(seen.pieces, 0);
  assert.deepEqual(tables(fabric), before);

  // A link that is smaller than the intent says loses what does not go through it, whole.
  fabric.ip("h2", "link set up0 mtu 1000");
  const lost = await captured(
    fabric,
    "h1",
    "dst host 192.0.2.2",
    () => {
      assert.doesNotMatch(
        ping(fabric, "a1", "-M", "do", "-W", "1", "-s", "1250", FAR),
        / 1 received/,
      );
    },
    "up0",
  );
  assert.equal(lost.lines.length, 1);
  assert.equal(lost.pieces, 0);
});
