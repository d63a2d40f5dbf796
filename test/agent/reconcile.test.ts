/** Whatever somebody else changes under a running agent is put right, and told. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { closeBpfFd, linkIfindex, openPinned } from "../../src/kernel/bpf.ts";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { eventually, Fabric, isUp, portDocument, type Status, sleep } from "./fabric.ts";
import { headroomOf } from "./link-headroom.ts";
import { bpftool } from "./variant.ts";

interface MapEntry {
  readonly key: readonly string[];
  readonly value: readonly string[];
}

const table = (fabric: Fabric, name: string): string =>
  join(fabric.pins("h1"), `v${LIMIT.WEFT_ABI}`, name);
const entries = (fabric: Fabric, name: string): readonly MapEntry[] =>
  bpftool("map", "dump", "pinned", table(fabric, name));

/** What somebody does to h1, by what it is; each must be repaired within seconds, and counted. */
const damages: Readonly<Record<string, (fabric: Fabric) => void>> = {
  "an fdb row is deleted": (fabric) => {
    const [entry] = entries(fabric, "fdb");
    assert.ok(entry);
    bpftool("map", "delete", "pinned", table(fabric, "fdb"), "key", ...entry.key);
  },
  "an attach row is changed": (fabric) => {
    const [entry] = entries(fabric, "attach");
    assert.ok(entry);
    const value = entry.value.with(4, "0xff"); // another network
    const words = ["pinned", table(fabric, "attach"), "key", ...entry.key, "value", ...value];
    bpftool("map", "update", ...words);
  },
  "a vni_in row is added": (fabric) => {
    const [entry] = entries(fabric, "vni_in");
    assert.ok(entry);
    const key = entry.key.with(16, "0x01");
    const words = ["pinned", table(fabric, "vni_in"), "key", ...key, "value", ...entry.value];
    bpftool("map", "update", ...words);
  },
  "a flood member is deleted": (fabric) => {
    const [entry] = entries(fabric, "flood_member");
    assert.ok(entry);
    bpftool("map", "delete", "pinned", table(fabric, "flood_member"), "key", ...entry.key);
  },
  "a link is detached": (fabric) => {
    const name = fabric.pinnedLinks("h1").find((l) => l.startsWith("port-"));
    bpftool("link", "detach", "pinned", join(fabric.pins("h1"), "links", String(name)));
  },
  "a link's pin is removed": (fabric) => {
    const name = fabric.pinnedLinks("h1").find((l) => l.startsWith("uplink-"));
    rmSync(join(fabric.pins("h1"), "links", String(name)));
  },
  "a map's pin is removed": (fabric) => rmSync(table(fabric, "fdb")),
  "a port is set down": (fabric) => void fabric.ip("h1", "link set port-a down"),
  "a port's MTU is changed": (fabric) => void fabric.ip("h1", "link set port-a mtu 1400"),
  "a port's ARP is turned on": (fabric) => void fabric.ip("h1", "link set port-a arp on"),
  "the headroom bridge is deleted": (fabric) => void fabric.ip("h1", "link delete weft-room"),
  "the idle device is deleted": (fabric) => void fabric.ip("h1", "link delete weft-idle4789"),
  "the idle device is set down": (fabric) => void fabric.ip("h1", "link set weft-idle4789 down"),
};

/** 0 when it is detached. */
function ifindexOfLink(path: string): number {
  const fd = openPinned(path);
  assert.ok(fd.ok && fd.value !== null);
  const ifindex = linkIfindex(fd.value);
  closeBpfFd(fd.value);
  assert.ok(ifindex.ok);
  return ifindex.value;
}

/** All that `damages` can reach, as it should be. */
function picture(fabric: Fabric): object {
  const tables = ["fdb", "attach", "vni_in", "admit"];
  const lines = (name: string): readonly string[] | null =>
    existsSync(table(fabric, name))
      ? entries(fabric, name)
          .map(({ key, value }) => `${key.join("")} ${value.join("")}`)
          .sort()
      : null;
  const port = fabric.link("h1", "port-a");
  return {
    tables: tables.map(lines),
    // Generations count up with each repair.
    floods: ["flood", "flood_member"].map((name) => entries(fabric, name).length),
    links: fabric.pinnedLinks("h1").map((name) => name.replace(/idle-\d+/, "idle")),
    detached: fabric.pinnedLinks("h1").filter((name) => {
      const path = join(fabric.pins("h1"), "links", name);
      return ifindexOfLink(path) === 0;
    }),
    port: { up: isUp(port), mtu: port?.mtu, arp: !port?.flags.includes("NOARP") },
    headroom: headroomOf(fabric, "a1"),
    idle: isUp(fabric.link("h1", "weft-idle4789")),
  };
}

test("drift is repaired and counted", async (t) => {
  const fabric = await Fabric.running(t, { agent: ["--audit-seconds", "0.5"] });
  const whole = picture(fabric);
  for (const [what, damage] of Object.entries(damages))
    await t.test(what, async () => {
      const { drift } = await fabric.status("h1");
      damage(fabric);
      await fabric.until("h1", "drift is told", (s) => s.drift.entries > drift.entries);
      await eventually(() => assert.deepEqual(picture(fabric), whole));
      assert.ok(fabric.pings("a1", 2), "no traffic after the repair");
      const { problems, ready } = await fabric.status("h1");
      assert.deepEqual({ problems, ready }, { problems: [], ready: true });
    });
});

test("what the intent changes is no drift", async (t) => {
  const fabric = await Fabric.running(t, { agent: ["--audit-seconds", "0.5"] });
  fabric.document("Network", "net", "a").spec.vni = 11007;
  fabric.document("Host", "h1").spec.uplinks = [{ interface: "up0", mtu: 1580 }];
  const { revision } = await fabric.status("h1");
  fabric.write();
  await fabric.until("h1", "a new revision", (s) => s.revision !== revision);
  await sleep(1500);
  const { drift } = await fabric.status("h1");
  assert.equal(drift.entries, 0);
});

test("an intent that changes is in force within seconds", async (t) => {
  const fabric = await Fabric.running(t);
  await t.test("a port is added, and removed", async () => {
    fabric.addWorkload("c1", "h1", "port-c", "10.1.0.7");
    const port = portDocument("a", 7, "h1", "port-c");
    fabric.documents.push(port);
    fabric.write();
    await fabric.until("h1", "the port", (s) => s.ports.length === 3, 4000);
    await eventually(() => assert.ok(fabric.pings("c1", 2)));
    fabric.drop(port);
    fabric.write();
    await fabric.until("h1", "no port", (s) => s.ports.length === 2, 4000);
    await eventually(() => assert.ok(!isUp(fabric.link("h1", "port-c")), "it is still up"));
    const index = fabric.link("h1", "port-c")?.ifindex;
    assert.ok(!fabric.pinnedLinks("h1").includes(`port-${index}`), "its link is still pinned");
    assert.ok(!fabric.pings("c1", 2));
    // Even if somebody sets it up again: there is no way into a network any more.
    fabric.ip("h1", "link set port-c up");
    assert.ok(!fabric.pings("c1", 2));
    fabric.ip("h1", "link set port-c down");
  });
  await t.test("a network gets another number", async () => {
    fabric.document("Network", "net", "a").spec.vni = 11042;
    fabric.write();
    const numbers = (): readonly string[] =>
      entries(fabric, "vni_in").map(({ key }) => key.slice(16, 20).join(" "));
    // 11042 and 12000; no 11000 any more.
    const wanted = ["0x22 0x2b 0x00 0x00", "0xe0 0x2e 0x00 0x00"];
    await eventually(() => assert.deepEqual(numbers().toSorted(), wanted.toSorted()), 4000);
    await eventually(() => assert.ok(fabric.pings("a1", 2) && fabric.pings("a2", 1)), 4000);
    assert.ok(fabric.pings("b1", 2), "the other tenant is cut off");
  });
  await t.test("encapsulations are swapped", async () => {
    for (const tenant of ["a", "b"] as const)
      fabric.document("Network", "net", tenant).spec.encapsulations = ["nvgre", "vxlan"];
    fabric.write();
    const seen = (): string =>
      capture(fabric, "ip proto 47 or udp port 4789", () => fabric.pings("a1", 2));
    await eventually(() => assert.match(seen(), /GREv0/));
  });
});

test("a port's interface may come late, go, and come again under the same number", async (t) => {
  const fabric = await Fabric.running(t);
  fabric.documents.push(portDocument("a", 9, "h1", "port-late"));
  fabric.write();
  const state = (s: Status): string | undefined => s.ports.find((p) => p.port === "a/p9")?.state;
  await fabric.until("h1", "the port is awaited", (s) => state(s) === "absent");
  for (const turn of [1, 2, 3]) {
    fabric.addWorkload("late", "h1", "port-late", "10.1.0.9", 4711);
    await fabric.until("h1", `turn ${turn}: in force`, (s) => state(s) === "in-force");
    await eventually(() => assert.ok(fabric.pings("late", 2)));
    assert.ok(fabric.pinnedLinks("h1").includes("port-4711"));
    // Deleted and made again within one look of the agent: the number alone must not vouch for the program.
    fabric.ip("h1", "link delete port-late");
    if (turn === 3) break;
    fabric.addWorkload("late", "h1", "port-late", "10.1.0.9", 4711);
    await eventually(() => assert.ok(fabric.pings("late", 2)));
    fabric.ip("h1", "link delete port-late");
    await fabric.until("h1", "absent again", (s) => state(s) === "absent");
  }
  await fabric.until("h1", "absent", (s) => state(s) === "absent");
  await eventually(() =>
    assert.ok(!fabric.pinnedLinks("h1").includes("port-4711"), "a pin is left"),
  );
});

test("a port forwards nothing until its rows are in", async (t) => {
  const fabric = await Fabric.running(t);
  // An interface that the agent has made a port of, whose row is then taken: its program drops everything.
  await fabric.agent("h1").stop("SIGKILL");
  for (const { key } of entries(fabric, "attach"))
    bpftool("map", "delete", "pinned", table(fabric, "attach"), "key", ...key);
  assert.ok(!fabric.pings("a1", 2), "a port without a row forwards");
  const agent = await fabric.start("h1").ready();
  // The workload's kernel may just be giving up the question it asked in vain.
  await eventually(() => assert.ok(fabric.pings("a1", 2), agent.err));
  assert.ok((await fabric.counted("h1", "port-unknown")) > 0);
});

test("a port is quiet: no address, no ARP, no offload that breaks tunnels", async (t) => {
  const fabric = await Fabric.running(t);
  const port = fabric.link("h1", "port-a");
  assert.ok(port);
  assert.ok(port.flags.includes("NOARP") && isUp(port));
  assert.equal(port.inet6_addr_gen_mode, "none");
  assert.equal(fabric.ip("h1", "-6 address show dev port-a").trim(), "");
  assert.equal(fabric.ip("h1", "-6 address show dev weft-idle4789").trim(), "");
  const features = fabric.exec("a1", "ethtool", "-k", "eth0");
  for (const name of ["tx-udp-segmentation", "tx-udp_tnl-segmentation", "tx-gre-segmentation"])
    assert.match(features, new RegExp(`${name}: off`));
  assert.match(features, /tx-tcp-segmentation: on/, "more is off than must be");
});

for (const at of ["alive", "dead"] as const)
  test(`a next hop that moves to another MAC is followed, agent ${at}`, async (t) => {
    const fabric = await Fabric.running(t, { agent: ["--fresh-seconds", "1"] });
    const target = (): string =>
      / > (\S+), ethertype/.exec(
        capture(fabric, "src host 192.0.2.1 and udp port 4789", () => fabric.pings("a1", 2)),
      )?.[1] ?? "none";
    assert.equal(target(), "02:00:00:00:ff:02");
    if (at === "dead") await fabric.agent("h1").stop("SIGKILL");
    fabric.ip("h2", "link set up0 down");
    fabric.ip("h2", "link set up0 address 02:00:00:00:ff:99");
    fabric.ip("h2", "link set up0 up");
    fabric.ip("h2", "address replace 2001:db8::2/64 dev up0 nodad");
    await eventually(() => assert.equal(target(), "02:00:00:00:ff:99"), 15_000);
    assert.ok(fabric.pings("a1", 2));
  });

/** What tcpdump says of frames on h2's uplink while `act` runs. */
function capture(fabric: Fabric, filter: string, act: () => unknown): string {
  const name = `--net=/run/netns/${fabric.namespace("h2")}`;
  const file = join(fabric.directory, "capture.pcap");
  rmSync(file, { force: true });
  const dump = spawn(
    "nsenter",
    [name, "tcpdump", "-i", "up0", "-U", "-w", file, "-Z", "root", filter],
    {
      stdio: "ignore",
    },
  );
  try {
    for (let tries = 0; tries < 10; tries++) {
      execFileSync("sleep", ["0.1"]);
      act();
      const text = execFileSync("tcpdump", ["-r", file, "-e", "-n"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      if (text !== "") return text;
    }
    return "";
  } finally {
    dump.kill("SIGKILL");
  }
}
