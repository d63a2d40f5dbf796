/**
 * An endpoint that moves between hosts while it talks: it keeps its MAC and addresses, little is lost, and nobody goes
 * on believing it where it was. WEFT_MOVES=1000 is the long run. Needs root.
 */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TARGET_KIND } from "../../src/rows/abi.generated.ts";
import { integerOf } from "../../src/rows/pack.ts";
import { buildFlows, type End, Sender } from "../agent/traffic.ts";
import { sleep } from "./capture.ts";
import { hex, Table } from "./tables.ts";
import { labName, remainsOf, run, weft, withIntent } from "./weft.ts";

const MOVES = Number(process.env.WEFT_MOVES ?? "20");
const PACE = { flows: 20, rate: 2000 };
/** Packets of this long may be lost in a move, each way. */
const LOSS_SECONDS_MAX = 0.2;
const MOVER = { mac: "02:00:00:00:00:09", address: "10.0.0.9" };
const HOSTS = ["h1", "h2", "h3"] as const;

/** With the mover on `host`. Every host has an endpoint that stays; h3 is one of ours, or the kernel's vxlan. */
function intent(host: string, third: "ours" | "foreign" = "ours"): string {
  const isForeign = (name: string): boolean => name === "h3" && third === "foreign";
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...HOSTS.map((name, i) => ({
      kind: "Host",
      metadata: { name },
      spec: {
        ...{ uplinks: [{ interface: "uplink0", mtu: 1600 }], vteps: [`192.0.2.${i + 1}`] },
        ...(isForeign(name) ? { managed: false, encapsulations: ["vxlan"] } : {}),
      },
    })),
    {
      kind: "Network",
      metadata: { name: "net", tenant: "org" },
      spec: { subnets: ["10.0.0.0/24"], vni: 30_001, encapsulations: ["vxlan", "nvgre"] },
    },
    ...HOSTS.map((name, i) => ({
      kind: "Port",
      metadata: { name: `stays-${name}`, tenant: "org" },
      spec: {
        ...{ network: "net", host: name },
        ...(isForeign(name) ? {} : { interface: `stays-${name}` }),
        ...{ mac: `02:00:00:00:00:0${i + 1}`, addresses: [`10.0.0.${i + 1}`] },
      },
    })),
    {
      kind: "Port",
      metadata: { name: "mover", tenant: "org" },
      spec: {
        ...{ network: "net", host, interface: "mover", mac: MOVER.mac },
        addresses: [MOVER.address],
      },
    },
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

interface Listed {
  readonly address: string;
  readonly mac: string;
  readonly where: string;
  readonly port: string | null;
}

/** Where the rows whose key ends in `octets`, or has them before its padding, lead to. */
function kindsIn(
  lab: string,
  host: string,
  table: "fdb" | "host",
  octets: readonly string[],
): readonly number[] {
  const found = new Table(lab, host, table)
    .entries()
    .filter(({ key }) => key.join(" ").includes(octets.join(" ")));
  const layout = table === "fdb" ? "fdbRow" : "routeRow";
  return found.map(({ value }) => integerOf(layout, Uint8Array.from(value, Number), "kind"));
}

/** Packets of `from` that did not reach `to`. */
const lost = (from: End, to: End): number =>
  from.sent.reduce((sum, n, flow) => sum + n - (to.received[flow] ?? 0), 0);

test(`an endpoint that moves ${MOVES} times`, async (t) => {
  const program = buildFlows();
  const name = labName("move");
  const before = remainsOf(name);
  const port = (of: string): string => `weft-${name}-port_org_${of}`;
  const host = (of: string): string => `weft-${name}-host_${of}`;
  await withIntent({ "all.yaml": intent("h1") }, async (directory) => {
    /** At once for whoever reads it: nobody sees half of it. */
    const declare = (where: string): void => {
      writeFileSync(join(directory, "all.yaml.new"), intent(where));
      renameSync(join(directory, "all.yaml.new"), join(directory, "all.yaml"));
    };
    const knownAt = (of: string): Listed | undefined => {
      const asked = weft("endpoints", "--host", of, "--lab", name, "--json");
      assert.equal(asked.exit, 0, asked.err);
      const { endpoints }: { endpoints: readonly Listed[] } = JSON.parse(asked.out);
      const found = endpoints.filter(({ address }) => address === MOVER.address);
      assert.ok(found.length === 1, `${of} knows ${found.length} places`);
      return found[0];
    };
    const stragglersAt = (of: string): number => {
      const asked = weft("counters", "--host", of, "--lab", name, "--json");
      const { verdicts }: { verdicts: readonly { name: string; packets: number }[] } = JSON.parse(
        asked.out,
      );
      return verdicts.find((one) => one.name === "forwarded-straggler")?.packets ?? 0;
    };
    try {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);
      // A veth that changes its namespace loses its carrier: the workload's own kernel forgets its neighbours then, and
      // asks for them again a second later. That is nothing that a network could make shorter; a guest's tap stays up.
      const neighbour =
        "neighbour replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev eth0 nud permanent";
      assert.equal(run("ip", "-n", port("mover"), ...neighbour.split(" ")).exit, 0);
      const losses: (readonly [number, number])[] = [];
      for (let move = 1; move <= MOVES; move++) {
        const [from, to] = move % 2 === 1 ? ["h1", "h2"] : ["h2", "h1"];
        const mover = new Sender(
          port("mover"),
          program,
          { own: MOVER.address, peer: "10.0.0.3" },
          PACE,
        );
        const other = new Sender(
          port("stays-h3"),
          program,
          { own: "10.0.0.3", peer: MOVER.address },
          PACE,
        );
        const ends = [mover, other];
        await Promise.all(ends.map((end) => end.said("open")));
        for (const end of ends) end.tell("go");
        await sleep(200);
        declare(to ?? "");
        const moved = run(
          "ip",
          "-n",
          host(from ?? ""),
          "link",
          "set",
          "mover",
          "netns",
          host(to ?? ""),
        );
        assert.equal(moved.exit, 0, moved.err);
        await sleep(600);
        for (const end of ends) end.tell("stop");
        await sleep(100);
        for (const end of ends) end.tell("end");
        const [a, b] = await Promise.all(ends.map((end) => end.result()));
        assert.ok(a && b);
        losses.push([lost(a, b), lost(b, a)]);
        assert.deepEqual([a.duplicated, b.duplicated], [0, 0], `move ${move}`);
      }
      t.diagnostic(`lost, there and back: ${losses.map((pair) => pair.join("/")).join(" ")}`);
      t.diagnostic(`stragglers sent on: h1 ${stragglersAt("h1")}, h2 ${stragglersAt("h2")}`);
      const most = PACE.rate * LOSS_SECONDS_MAX;
      for (const [move, pair] of losses.entries())
        for (const packets of pair) assert.ok(packets < most, `move ${move + 1} lost ${packets}`);

      const last = MOVES % 2 === 1 ? "h2" : "h1";
      for (const of of HOSTS)
        assert.deepEqual(
          { ...knownAt(of), where: last },
          { ...knownAt(of), ...{ mac: MOVER.mac, port: of === last ? "org/mover" : null } },
          `as ${of} knows it`,
        );
      for (const of of HOSTS) assert.equal(knownAt(of)?.where, last, `as ${of} knows it`);
      for (const of of HOSTS) {
        const want = of === last ? TARGET_KIND.TARGET_PORT : TARGET_KIND.TARGET_GROUP;
        const mac = MOVER.mac.split(":").map((octet) => `0x${octet}`);
        const address = MOVER.address.split(".").map((octet) => hex(Number(octet)));
        assert.deepEqual(kindsIn(name, of, "fdb", mac), [want], `fdb of ${of}`);
        assert.deepEqual(kindsIn(name, of, "host", address), [want], `host of ${of}`);
      }
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});

test("a host that is not ours hears where an endpoint has gone, though it says nothing itself", async () => {
  const name = labName("heard");
  const before = remainsOf(name);
  const mover = `weft-${name}-port_org_mover`;
  const foreign = `weft-${name}-host_h3`;
  const ip = (space: string, line: string): string => {
    const done = run("ip", "-n", space, ...line.split(" "));
    assert.equal(done.exit, 0, done.err);
    return done.out;
  };
  await withIntent({ "all.yaml": intent("h1", "foreign") }, async (directory) => {
    const [device] = ((): readonly string[] => {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);
      const links: readonly { ifname: string }[] = JSON.parse(
        ip(foreign, "-j link show type vxlan"),
      );
      return links.map(({ ifname }) => ifname);
    })();
    assert.ok(device !== undefined);
    const learned = (): string | undefined => {
      const shown = run("bridge", "-j", "-n", foreign, "fdb", "show", "dev", device).out;
      const rows: readonly { mac: string; dst?: string }[] = JSON.parse(shown);
      return rows.find(({ mac, dst }) => mac === MOVER.mac && dst !== undefined)?.dst;
    };
    const until = async (dst: string): Promise<void> => {
      for (let tries = 0; tries < 100 && learned() !== dst; tries++) await sleep(50);
      assert.equal(learned(), dst);
    };
    try {
      ip(foreign, `link set ${device} type vxlan learning`);
      run("bridge", "-n", foreign, "fdb", "del", MOVER.mac, "dev", device, "self");
      // It speaks when it is spoken to, and says nothing when its link comes back.
      const quiet = "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6";
      run("ip", "netns", "exec", mover, "sh", "-c", quiet);
      const ping = ["ping", "-c", "1", "-W", "2", MOVER.address];
      assert.equal(run("ip", "netns", "exec", `weft-${name}-port_org_stays-h3`, ...ping).exit, 0);
      await until("192.0.2.1");
      writeFileSync(join(directory, "all.yaml"), intent("h2", "foreign"));
      ip(`weft-${name}-host_h1`, `link set mover netns weft-${name}-host_h2`);
      await until("192.0.2.2");
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});
