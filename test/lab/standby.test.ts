/**
 * The gateway of a host that has none of its own, the kernel's vxlan: one of ours is it, another takes over when it is
 * gone, and nobody does because an agent is dead. Needs root.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildFlows, type End, Sender } from "../agent/traffic.ts";
import { listen, sleep } from "./capture.ts";
import { labName, type Run, remainsOf, run, weft, withIntent } from "./weft.ts";

const GATEWAY_MAC = "06:77:65:66:74:01";
const VNI = 30_001;
const PACE = { flows: 10, rate: 1000 };
/** Packets of this long may be lost when the gateway is gone. */
const LOSS_SECONDS_MAX = 1;
const VTEPS = { h1: "192.0.2.1", h2: "192.0.2.2" } as const;

function intent(): string {
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...[1, 2, 3].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: {
        ...{ uplinks: [{ interface: "uplink0", mtu: 1600 }], vteps: [`192.0.2.${n}`] },
        ...(n === 3 ? { managed: false, encapsulations: ["vxlan"] } : {}),
      },
    })),
    ...["near", "far"].map((name, i) => ({
      kind: "Network",
      metadata: { name, tenant: "org" },
      spec: { subnets: [`10.${i}.0.0/24`], gateways: [`10.${i}.0.254`], vni: VNI + i },
    })),
    {
      kind: "Router",
      metadata: { name: "r", tenant: "org" },
      spec: { networks: ["near", "far"], l3vni: 30_009 },
    },
    ...[1, 2, 3].map((n) => ({
      kind: "Port",
      metadata: { name: `near-${n}`, tenant: "org" },
      spec: {
        ...{ network: "near", host: `h${n}`, ...(n === 3 ? {} : { interface: `near-${n}` }) },
        ...{ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}`] },
      },
    })),
    {
      kind: "Port",
      metadata: { name: "far-2", tenant: "org" },
      spec: {
        ...{ network: "far", host: "h2", interface: "far-2" },
        ...{ mac: "02:00:00:00:01:02", addresses: ["10.1.0.2"] },
      },
    },
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

const lost = (from: End, to: End): number =>
  from.sent.reduce((sum, n, flow) => sum + n - (to.received[flow] ?? 0), 0);

test("the gateway of a foreign host", async (t) => {
  const program = buildFlows();
  const name = labName("standby");
  const before = remainsOf(name);
  const port = (of: string): string => `weft-${name}-port_org_${of}`;
  const inside = (space: string, ...words: readonly string[]): Run =>
    run("ip", "netns", "exec", space, ...words);
  const foreign = port("near-3");
  await withIntent({ "all.yaml": intent() }, async (directory) => {
    /** The kernel's vxlan of the network, on the foreign host. */
    const tunnel = (): string => {
      const links = JSON.parse(run("ip", "-j", "-d", "-n", `weft-${name}-host_h3`, "link").out);
      const found = links.find(
        (one: { linkinfo?: { info_kind?: string; info_data?: { id?: number } } }) =>
          one.linkinfo?.info_kind === "vxlan" && one.linkinfo.info_data?.id === VNI,
      );
      assert.ok(found, "a vxlan device");
      return found.ifname;
    };
    /** Where the foreign host has learned the gateway to be. */
    const learned = (): string | undefined => {
      const rows = JSON.parse(
        run("bridge", "-j", "-n", `weft-${name}-host_h3`, "fdb", "show", "dev", tunnel()).out,
      );
      return rows.find((one: { mac: string; dst?: string }) => one.mac === GATEWAY_MAC && one.dst)
        ?.dst;
    };
    const until = async (what: string, holds: () => boolean): Promise<void> => {
      for (let tries = 0; tries < 100; tries++) {
        if (holds()) return;
        await sleep(50);
      }
      assert.fail(`never: ${what}; the gateway is at ${learned()}`);
    };
    /** Answers to three questions for the gateway. */
    const answers = async (): Promise<number> => {
      const filter = "arp[6:2] == 2 and arp[14:4] == 0x0a0000fe";
      const capture = ["tcpdump", "-l", "-n", "-i", "eth0", filter];
      const lines = await listen(foreign, capture, () => {
        for (let i = 0; i < 3; i++) {
          inside(foreign, "ip", "neighbour", "flush", "dev", "eth0");
          inside(foreign, "ping", "-c", "1", "-W", "1", "10.0.0.254");
          run("sleep", "0.1");
        }
      });
      return lines.filter((line) => line.includes("is-at")).length;
    };
    const link = (state: "up" | "down"): void => {
      const done = run("ip", "-n", `weft-${name}-underlay`, "link", "set", "u0.0", state);
      assert.equal(done.exit, 0, done.err);
    };
    /** Packets that are lost, both ways, when `event` comes in the middle. */
    const lostDuring = async (event: () => void): Promise<readonly [number, number]> => {
      const [near, far] = [
        new Sender(foreign, program, { own: "10.0.0.3", peer: "10.1.0.2" }, PACE),
        new Sender(port("far-2"), program, { own: "10.1.0.2", peer: "10.0.0.3" }, PACE),
      ];
      await Promise.all([near.said("open"), far.said("open")]);
      for (const end of [near, far]) end.tell("go");
      await sleep(500);
      event();
      await sleep(2500);
      for (const end of [near, far]) end.tell("stop");
      await sleep(200);
      for (const end of [near, far]) end.tell("end");
      const [a, b] = await Promise.all([near.result(), far.result()]);
      return [lost(a, b), lost(b, a)];
    };

    try {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);
      const learning = ["link", "set", tunnel(), "type", "vxlan", "learning"];
      const done = run("ip", "-n", `weft-${name}-host_h3`, ...learning);
      assert.equal(done.exit, 0, done.err);

      await t.test("one host answers, once each time, and carries", async () => {
        assert.equal(await answers(), 3);
        assert.equal(learned(), VTEPS.h1);
        const ping = inside(foreign, "ping", "-c", "3", "-i", "0.1", "-W", "1", "10.1.0.2");
        assert.match(ping.out, / 0% packet loss/, ping.out);
      });

      await t.test("its link cut: another answers, and less than a second is lost", async () => {
        const [out, back] = await lostDuring(() => link("down"));
        t.diagnostic(`lost when the gateway went: ${out} there, ${back} back, at ${PACE.rate}/s`);
        assert.ok(out > 0, "it was the gateway that was cut off");
        assert.ok(out < LOSS_SECONDS_MAX * PACE.rate, `${out} lost`);
        assert.equal(learned(), VTEPS.h2);
        assert.equal(await answers(), 3);
      });

      await t.test("its link back: it is the gateway again, and one answers", async () => {
        const [out] = await lostDuring(() => link("up"));
        t.diagnostic(`lost when it came back: ${out} there, at ${PACE.rate}/s`);
        assert.ok(out < LOSS_SECONDS_MAX * PACE.rate, `${out} lost`);
        await until("the first is asked again", () => learned() === VTEPS.h1);
        assert.equal(await answers(), 3);
      });

      await t.test("its agent killed: it goes on, and nobody takes its place", async () => {
        const { hosts } = JSON.parse(weft("lab", "status", name, "--json").out);
        const [first] = hosts.filter((one: { name: string }) => one.name === "h1");
        process.kill(first.agent.pid, "SIGKILL");
        await sleep(2000);
        assert.equal(await answers(), 3);
        assert.equal(learned(), VTEPS.h1);
        const ping = inside(foreign, "ping", "-c", "3", "-i", "0.1", "-W", "1", "10.1.0.2");
        assert.match(ping.out, / 0% packet loss/, ping.out);
      });
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});
