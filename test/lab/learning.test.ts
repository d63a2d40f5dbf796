/**
 * Networks that learn where MACs are, beside one that is told: same addresses, same MACs, a host of ours beside two
 * more and one that runs the kernel's vxlan. Needs root.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FDB_FLAG } from "../../src/rows/abi.generated.ts";
import { integerOf } from "../../src/rows/pack.ts";
import { listen, sleep } from "./capture.ts";
import { Table } from "./tables.ts";
import { labName, remainsOf, run, weft, withIntent } from "./weft.ts";

const AGE_SECONDS = 4;
const LEARNS = 31_000;

function intent(): string {
  const networks = [
    { name: "learns", spec: { learning: "flood-and-learn", ageSeconds: AGE_SECONDS, vni: LEARNS } },
    { name: "told", spec: { vni: LEARNS + 1 } },
  ];
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...[1, 2, 3, 4].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: {
        ...{ uplinks: [{ interface: "uplink0", mtu: 1600 }], vteps: [`192.0.2.${n}`] },
        ...(n === 4 ? { managed: false, encapsulations: ["vxlan"] } : {}),
      },
    })),
    ...networks.map(({ name, spec }) => ({
      kind: "Network",
      metadata: { name, tenant: "org" },
      spec: { subnets: ["10.0.0.0/24"], ...spec },
    })),
    ...networks.flatMap(({ name }) =>
      [1, 2, 3, 4].map((n) => ({
        kind: "Port",
        metadata: { name: `${name}-${n}`, tenant: "org" },
        spec: {
          ...{ network: name, host: `h${n}`, ...(n === 4 ? {} : { interface: `${name}-${n}` }) },
          ...{ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}`] },
        },
      })),
    ),
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

const octets = (text: readonly string[]): Uint8Array => Uint8Array.from(text, Number);

/** Last octets of the MACs that h1 has learned on the network. */
function learnedAt(name: string): readonly number[] {
  return new Table(name, "h1", "fdb").entries().flatMap(({ key, value }) => {
    const network = integerOf("fdbKey", octets(key), "network");
    const flags = integerOf("fdbRow", octets(value), "flags");
    return network === LEARNS && flags & FDB_FLAG.FDB_LEARNED ? Number(key[9]) : [];
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (holds()) return;
    await sleep(100);
  }
  assert.fail(`never: ${what}`);
}

test("what is not known is flooded, what was heard is not", async (t) => {
  const name = labName("learns");
  const before = remainsOf(name);
  const port = (of: string): string => `weft-${name}-port_org_${of}`;
  const pings = (network: string, target: number): boolean => {
    const ping = ["ping", "-c", "1", "-W", "2", `10.0.0.${target}`];
    return run("ip", "netns", "exec", port(`${network}-1`), ...ping).exit === 0;
  };
  /** Copies of one echo request that h1 puts on the wire. */
  const copies = async (network: string, target: number): Promise<number> => {
    const inner = `inner.dst==10.0.0.${target}`;
    const lines = await listen(
      `weft-${name}-host_h1`,
      [
        ...["tshark", "-l", "-i", "uplink0", "-f", "src host 192.0.2.1 and udp port 4789"],
        ...["-Y", "icmp.type==8", "-T", "fields", "-e", "ip.dst"],
      ],
      () => assert.ok(pings(network, target), `${network} ${inner}`),
    );
    return lines.length;
  };
  await withIntent({ "all.yaml": intent() }, async (directory) => {
    try {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);
      // Nobody speaks but those who are told to: what a workload says of its own accord teaches as well.
      const silence = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6";
      for (const n of [1, 2, 3, 4])
        assert.equal(run("ip", "netns", "exec", port(`learns-${n}`), "sh", "-c", silence).exit, 0);
      for (const network of ["learns", "told"])
        for (const from of [1, 2, 3, 4])
          for (const to of [1, 2, 3, 4]) {
            const mac = `02:00:00:00:00:0${to}`;
            const words = ["replace", `10.0.0.${to}`, "lladdr", mac, "nud", "permanent"];
            const at = ["-n", port(`${network}-${from}`), "neighbour", ...words, "dev", "eth0"];
            assert.equal(run("ip", ...at).exit, 0);
          }

      await t.test(
        "three copies, and after one answer one; it ages, and is flooded again",
        async () => {
          await until("nothing is learned yet", () => learnedAt(name).length === 0);
          assert.equal(await copies("learns", 2), 3);
          assert.deepEqual(learnedAt(name), [2]);
          assert.equal(await copies("learns", 2), 1);
          await until("it is forgotten", () => learnedAt(name).length === 0);
          assert.equal(await copies("learns", 2), 3);
        },
      );

      await t.test("traffic keeps it for longer than its life", async () => {
        for (let spent = 0; spent < AGE_SECONDS + 2; spent++) {
          assert.ok(pings("learns", 3));
          await sleep(1000);
          assert.ok(learnedAt(name).includes(3), `after ${spent + 1} s`);
        }
        assert.equal(await copies("learns", 3), 1);
      });

      await t.test("the kernel's vxlan is learned like any other", async () => {
        assert.equal(await copies("learns", 4), 3);
        assert.ok(learnedAt(name).includes(4));
        assert.equal(await copies("learns", 4), 1);
      });

      await t.test("where the intent says it, nothing is flooded", async () => {
        assert.equal(await copies("told", 2), 1);
        assert.equal(await copies("told", 4), 1);
      });

      await t.test("every probe comes out as intended, whether learned or not", () => {
        const matrix = weft("matrix", name, "--json");
        assert.equal(matrix.exit, 0, weft("matrix", name).out);
        const { summary } = JSON.parse(matrix.out);
        assert.equal(summary.asIntended, summary.total);
      });

      await t.test("learned rows are no drift, and outlive the agent", async () => {
        assert.ok(pings("learns", 2));
        const { hosts } = JSON.parse(weft("lab", "status", name, "--json").out);
        process.kill(hosts[0].agent.pid, "SIGKILL");
        assert.equal(await copies("learns", 2), 1);
        // Its life ends though nobody sweeps.
        await sleep(1000 * (AGE_SECONDS + 1));
        assert.equal(await copies("learns", 2), 3);
      });
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});
