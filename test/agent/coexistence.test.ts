/**
 * Beside us on the same uplink: a kernel VXLAN overlay on our UDP port and our tunnel addresses, other tcx programs
 * before and behind ours, and a clsact filter. All keep working; what is ours never reaches them. Needs root.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";
import { ethernet, filler, ip4, join, nvgre, udp, vxlan } from "../datapath/frame.ts";
import { inside, must } from "../kernel/scratch.ts";
import { Bystander, buildBystander, nvgreOf, OTHER, type Seen } from "./bystander.ts";
import { echo, serveEcho } from "./echoes.ts";
import { eventually, Fabric } from "./fabric.ts";

/** Numbers of the other overlay, and of ours. */
const THEIRS = { ipv4: 99, ipv6: 98 } as const;
const OURS = { a: 11_000, b: nvgreOf(12_000) } as const;
const NUMBERS_OF_OURS: readonly number[] = Object.values(OURS);
const NUMBERS_OF_THEIRS: readonly number[] = Object.values(THEIRS);

/** The other overlay on one host: a device over each family, each made and raised in one go. */
function addOverlay(fabric: Fabric, host: "h1" | "h2"): void {
  const [n, other] = host === "h1" ? [1, 2] : [2, 1];
  for (const [family, prefix, sums] of [
    ["ipv4", "192.0.2.", ""],
    ["ipv6", "2001:db8::", " udp6zerocsumtx udp6zerocsumrx"],
  ] as const) {
    const ends = `local ${prefix}${n} remote ${prefix}${other} dstport 4789${sums}`;
    fabric.ip(host, `link add ${family} up type vxlan id ${THEIRS[family]} ${ends}`);
    fabric.ip(host, `address add 172.16.${THEIRS[family]}.${n}/24 dev ${family}`);
  }
}

interface Beside {
  readonly fabric: Fabric;
  /** Attached before ours: it is shown everything. */
  readonly early: Bystander;
  readonly late: Bystander;
  readonly filter: Bystander;
}

/** Both hosts share their addresses; on the first are the bystanders, and there the other overlay comes last. */
async function beside(t: TestContext): Promise<Beside> {
  const fabric = Fabric.make(t);
  fabric.document("Network", "net", "b").spec.encapsulations = ["nvgre"];
  for (const host of ["h1", "h2"] as const) {
    fabric.document("Host", host).spec.sharedAddress = true;
    // Large packets, as a network card would gather them.
    fabric.exec(host, "ethtool", "-K", "up0", "gro", "on");
  }
  fabric.write();
  const object = buildBystander(fabric.directory);
  const bystander = (name: string): Bystander => {
    const made = new Bystander(fabric, "h1", object, name);
    t.after(() => made.close());
    return made;
  };
  const early = bystander("early").attachTcx("up0");
  addOverlay(fabric, "h2");
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  assert.deepEqual((await fabric.status("h1")).idleDevice, { at: "yielded" });
  addOverlay(fabric, "h1");
  const late = bystander("late").attachTcx("up0");
  const filter = bystander("filter").attachClsact("up0");
  for (const where of ["h1", "h2", "a1", "a2", "b1", "b2"]) await serveEcho(t, fabric, where);
  return { fabric, early, late, filter };
}

/** What has been shown to each, and passed by us, from now on. */
async function watching({ fabric, early, late, filter }: Beside): Promise<() => Promise<Gains>> {
  const count = async (): Promise<Counts> => ({
    early: early.seen(),
    late: late.seen(),
    filter: filter.seen(),
    passed: await fabric.counted("h1", "passed"),
    shared: await fabric.counted("h1", "passed-shared"),
  });
  const was = await count();
  const gain = (now: Seen, then: Seen): Seen =>
    new Map(
      [...now]
        .map(([kind, n]) => [kind, n - (then.get(kind) ?? 0)] as const)
        .filter(([, n]) => n > 0),
    );
  return async () => {
    const now = await count();
    return {
      early: gain(now.early, was.early),
      late: gain(now.late, was.late),
      filter: gain(now.filter, was.filter),
      passed: now.passed - was.passed,
      shared: now.shared - was.shared,
    };
  };
}

interface Counts {
  readonly early: Seen;
  readonly late: Seen;
  readonly filter: Seen;
  readonly passed: number;
  readonly shared: number;
}
type Gains = Counts;

const sumOf = (seen: Seen, kinds: readonly number[]): number =>
  kinds.reduce((sum, kind) => sum + (seen.get(kind) ?? 0), 0);

/** Whatever was not ours was shown to both bystanders behind us and counted, and nothing of ours was. */
function assertApart({ early, late, filter, passed, shared }: Gains): void {
  for (const kind of NUMBERS_OF_OURS) {
    assert.ok((early.get(kind) ?? 0) > 0, `the one before us sees ${kind}`);
    assert.equal(late.get(kind), undefined, `tcx behind us sees ${kind}`);
    assert.equal(filter.get(kind), undefined, `clsact sees ${kind}`);
  }
  const notOurs = [...early].filter(([kind]) => !NUMBERS_OF_OURS.includes(kind)).sort();
  assert.deepEqual([...late].sort(), notOurs);
  assert.deepEqual([...filter].sort(), notOurs);
  const others = notOurs.map(([kind]) => kind).filter((kind) => kind !== OTHER);
  assert.equal(shared, sumOf(late, others));
  assert.equal(passed, sumOf(late, [OTHER]));
}

/** Streams and datagrams through both overlays at once, both ways, and beside any overlay. */
async function allTalk({ fabric }: Beside): Promise<void> {
  const ways = [1, 2].flatMap((n) => {
    const other = 3 - n;
    return [
      [`a${n}`, `10.1.0.${other}`],
      [`b${n}`, `10.1.0.${other}`],
      [`h${n}`, `172.16.${THEIRS.ipv4}.${other}`],
      [`h${n}`, `172.16.${THEIRS.ipv6}.${other}`],
      [`h${n}`, `192.0.2.${other}`],
    ] as const;
  });
  for (const [protocol, octets] of [
    ["udp", 1400],
    ["tcp", 2 << 20],
  ] as const)
    await Promise.all(ways.map(([from, to]) => echo(fabric, from, { protocol, to, octets })));
}

test("another overlay, other tcx programs and a clsact filter live beside us", async (t) => {
  const all = await beside(t);
  const { fabric } = all;

  await t.test("both overlays carry theirs, and each sees what is for it", async () => {
    const gained = await watching(all);
    await allTalk(all);
    await eventually(async () => {
      const gains = await gained();
      for (const kind of [...NUMBERS_OF_THEIRS, OTHER])
        assert.ok(sumOf(gains.late, [kind]) > 100, `${kind} is seen`);
      assertApart(gains);
    });
  });

  await t.test(
    "what nobody of ours can read goes on; what is ours and refused does not",
    async (c) => {
      const wire = inside(fabric.namespace("h2"), () => must(PacketSocket.open("up0")));
      c.after(() => wire.close());
      const gained = await watching(all);
      const frame = ethernet(
        { to: "02:00:00:00:00:01", from: "02:00:00:00:00:02" },
        0x88b5,
        filler(50),
      );
      const send = (protocol: number, payload: Uint8Array, from = "192.0.2.2"): void => {
        const packet = ip4({ from, to: "192.0.2.1", protocol }, payload);
        must(
          wire.send(
            ethernet({ to: "02:00:00:00:ff:01", from: "02:00:00:00:ff:02" }, 0x0800, packet),
          ),
        );
      };
      const overVxlan = (vni: number, flags?: number): Uint8Array =>
        udp(50_000, 4789, join(vxlan(vni, flags), frame));
      const unknown = await fabric.counted("h1", "unknown-peer");
      // Not ours: a number that nobody has, no number, GRE with Ethernet inside that is no NVGRE, a VSID that nobody has.
      send(17, overVxlan(4711));
      send(17, overVxlan(4712, 0));
      send(47, join(nvgre(4713, 0x3000), frame));
      send(47, join(nvgre(4714), frame));
      // Ours, by a stranger.
      send(17, overVxlan(OURS.a), "192.0.2.77");
      send(47, join(nvgre(12_000), frame), "192.0.2.77");
      await eventually(async () => {
        const gains = await gained();
        assertApart(gains);
        for (const kind of [4711, 4712, nvgreOf(4713), nvgreOf(4714)])
          assert.equal(gains.filter.get(kind), 1, `${kind}`);
        console.log(gains);
        assert.equal((await fabric.counted("h1", "unknown-peer")) - unknown, 2);
      });
    },
  );

  await t.test("an agent that goes, and one that comes, changes nothing of that", async () => {
    await fabric.agent("h1").stop("SIGKILL");
    await allTalk(all);
    await fabric.start("h1").ready();
    const gained = await watching(all);
    await allTalk(all);
    await eventually(async () => assertApart(await gained()));
  });

  await t.test("an address that is ours alone: their packets go no further", async () => {
    fabric.document("Host", "h1").spec.sharedAddress = false;
    fabric.write();
    const other = `172.16.${THEIRS.ipv4}.2`;
    const reaches = (): boolean => {
      try {
        return fabric.exec("h1", "ping", "-c", "1", "-W", "1", other) !== "";
      } catch {
        return false;
      }
    };
    await eventually(() => assert.ok(!reaches()));
    const gained = await watching(all);
    const refused = await fabric.counted("h1", "unknown-vni");
    assert.ok(!reaches());
    assert.ok(fabric.pings("a1", 2));
    assert.ok((await fabric.counted("h1", "unknown-vni")) > refused);
    const { early, late, filter, shared } = await gained();
    assert.ok((early.get(THEIRS.ipv4) ?? 0) > 0);
    assert.deepEqual(
      [late.get(THEIRS.ipv4), filter.get(THEIRS.ipv4), shared],
      [undefined, undefined, 0],
    );
  });

  await t.test(
    "the port's socket is theirs where the address is, whichever way they open it",
    async () => {
      for (const device of ["ipv4", "ipv6"]) fabric.ip("h1", `link delete ${device}`);
      await fabric.until("h1", "ours comes", (s) => s.idleDevice?.at === "ready");
      fabric.document("Host", "h1").spec.sharedAddress = true;
      fabric.write();
      await fabric.until("h1", "ours gives way", (s) => s.idleDevice?.at === "yielded");
      assert.equal(fabric.link("h1", "weft-idle4789"), null);
      fabric.ip("h1", "link add theirs up type vxlan external dstport 4789");
      await fabric.until("h1", "theirs is seen", (s) => s.idleDevice?.at === "foreign");
      assert.ok(fabric.pings("a1", 2));
    },
  );
});
