/** The matrix on real agents: green where the tables are right, red when one entry of them is wrong. Needs root. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import type { MatrixReport, ProbeResult } from "../../src/verify/judgement.ts";
import { hex, Table, u32 } from "./tables.ts";
import { labName, type Remains, remainsOf, run, weft, withIntent } from "./weft.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/three-orgs");
const RED = 21000;
const BLUE = 22000;
const GREEN = 23000;
/** Of the routers of red and blue. */
const REDS = 21999;
const BLUES = 22999;

/** The agents would find the wrong entries, too, and put them right before the matrix has seen them. */
const PATIENT = "agents: {auditSeconds: 3600}";

/**
 * Red on h1 and h2, blue on h2 and h3, green on all, with the same addresses and MACs. So h1 is a stranger to blue,
 * and h2 holds all three. Red and blue have a router each.
 */
function islands(): string {
  const port = (network: string, n: number, host: string): object => ({
    kind: "Port",
    metadata: { name: `${network}-${n}`, tenant: "org" },
    spec: {
      network,
      host,
      interface: `${network}-${n}`,
      mac: `02:00:00:00:01:0${n}`,
      addresses: [`10.0.0.${n}`, `fd00::${n}`],
    },
  });
  const network = (name: string, vni: number, spec: object): object => ({
    kind: "Network",
    metadata: { name, tenant: "org" },
    spec: { subnets: ["10.0.0.0/24", "fd00::/64"], vni, ...spec },
  });
  const router = (name: string, l3vni: number): object => ({
    kind: "Router",
    metadata: { name: `${name}s`, tenant: "org" },
    spec: { networks: [name], l3vni },
  });
  const gateways = ["10.0.0.254", "fd00::fe"];
  const documents = [
    { kind: "Fabric", metadata: { name: "islands" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...[1, 2, 3].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: { uplinks: [{ interface: "uplink0", mtu: 1600 }], vteps: [`192.0.2.${n}`] },
    })),
    network("red", RED, { gateways }),
    network("blue", BLUE, { gateways }),
    network("green", GREEN, { encapsulations: ["nvgre"] }),
    router("red", REDS),
    router("blue", BLUES),
    ...[1, 2].flatMap((n) => [port("red", n, `h${n}`), port("green", n, `h${n}`)]),
    ...[1, 2].flatMap((n) => [port("blue", n, `h${n + 1}`)]),
    port("red", 3, "h2"),
    port("blue", 3, "h2"),
    port("green", 3, "h3"),
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

interface Matrix extends MatrixReport {
  readonly exit: number | null;
}

function matrix(lab: string, ...args: readonly string[]): Matrix {
  const done = weft("matrix", lab, "--json", ...args);
  assert.ok(done.exit === 0 || done.exit === 1, done.err + done.out);
  return { exit: done.exit, ...JSON.parse(done.out) };
}

const failuresOf = (m: Matrix): readonly string[] =>
  m.probes
    .filter((p) => p.observed !== p.intended)
    .map((p) => `${p.from} ${p.to} ${p.intended} ${p.observed}`)
    .toSorted();

describe("three organisations with the same addresses", () => {
  const name = labName("orgs");
  let was: Remains;
  before(() => {
    was = remainsOf(name);
    const began = performance.now();
    const up = weft("lab", "up", EXAMPLE, "--name", name, "--matrix");
    assert.equal(up.exit, 0, up.err + up.out);
    assert.ok(performance.now() - began < 20_000, "the first matrix comes within 20 s");
    assert.match(up.out, /2976 probes: 2976 came out right, 0 wrong, 0 unproven/);
    assert.match(up.out, new RegExp(`^  bin/weft lab down ${name}`, "m"), "says what to do next");
  });
  after(() => {
    assert.equal(weft("lab", "down", name).exit, 0);
    assert.deepEqual(remainsOf(name), was);
  });

  test("every pair comes out as intended with each protocol, and every proof is whole", () => {
    const m = matrix(name, "--protocol", "arp,icmp,tcp,udp");
    assert.equal(m.exit, 0, failuresOf(m).join("\n"));
    assert.deepEqual(m.summary, { total: 3968, asIntended: 3968, wrong: 0, unproven: 0 });
    const denied = m.probes.filter((p) => p.intended === "deny");
    assert.equal(denied.length, 3296);
    for (const p of denied) assert.ok(p.verdict !== null && p.control !== null, JSON.stringify(p));
    for (const p of m.probes) assert.notEqual(p.control, p.from, "another source is the control");
    const ports = Map.groupBy(m.probes, (p: ProbeResult) => `${p.protocol} ${p.port}`);
    assert.deepEqual([...ports.keys()].sort(), ["arp null", "icmp null", "tcp 9", "udp 9"]);
  });

  test("a pair of the same MAC and address in two organisations is probed and denied", () => {
    const m = matrix(name, "--from", "org-a/train-1", "--to", "org-b/train-1", "--protocol", "udp");
    assert.equal(m.exit, 0);
    assert.equal(m.probes.length, 1);
    const [{ control, ...probe } = {}] = m.probes.map((p): Partial<ProbeResult> => p);
    assert.match(control ?? "", /^org-b\/(train-[234]|infer-[1234])$/);
    assert.deepEqual(probe, {
      from: "org-a/train-1",
      to: "org-b/train-1",
      protocol: "udp",
      port: 9,
      intended: "deny",
      observed: "deny",
      // The second of its two ways: by the gateway to an address that is its own.
      verdict: "delivered",
    });
  });

  test("training reaches its own organisation's inference, each protocol but announcements", () => {
    const m = matrix(name, "--from", "org-b/train-1", "--to", "org-b/infer-4");
    assert.equal(m.exit, 0);
    const [arp, icmp, udp] = m.probes;
    assert.deepEqual([arp?.intended, arp?.verdict], ["deny", "flooded"]);
    for (const probe of [icmp, udp])
      assert.deepEqual([probe?.intended, probe?.verdict], ["allow", "encapsulated"]);
  });

  test("between routers there is no way, and the gateway says so", () => {
    const m = matrix(name, "--from", "org-a/train-1", "--to", "shared/storage-1");
    assert.equal(m.exit, 0);
    assert.deepEqual(
      m.probes.map(({ protocol, intended, verdict }) => [protocol, intended, verdict]),
      [
        ["arp", "deny", "flooded"],
        ["icmp", "deny", "no-route"],
        ["udp", "deny", "no-route"],
      ],
    );
  });

  test("status names the gateways, and the workloads' default routes lead there", () => {
    const { ports } = JSON.parse(weft("lab", "status", name, "--json").out);
    const of = (wanted: string): { gateways: readonly string[]; namespace: string } =>
      ports.find(({ port }: { port: string }) => port === wanted);
    assert.deepEqual(of("org-a/infer-1").gateways, ["10.2.0.254", "fd00:2::fe"]);
    assert.deepEqual(of("shared/storage-1").gateways, []);
    for (const family of ["-4", "-6"]) {
      const { namespace, gateways } = of("org-a/train-1");
      const routes = run("ip", "-n", namespace, family, "route", "show", "default");
      assert.ok(gateways.some((gateway) => routes.out.startsWith(`default via ${gateway} `)));
    }
  });

  test("a denied pair whose target hears nobody is unproven", () => {
    const deaf = `weft-${name}-port_shared_manage-1`;
    assert.equal(run("ip", "-n", deaf, "link", "set", "eth0", "down").exit, 0);
    try {
      const m = matrix(name, "--to", "shared/manage-1", "--protocol", "icmp");
      assert.equal(m.exit, 1);
      assert.deepEqual(m.summary, { total: 31, asIntended: 0, wrong: 0, unproven: 31 });
      assert.match(
        weft("matrix", name, "--to", "shared/manage-1", "--protocol", "icmp").out,
        /unproven icmp org-a\/train-1 -> shared\/manage-1: intended deny, the target heard nobody else/,
      );
    } finally {
      run("ip", "-n", deaf, "link", "set", "eth0", "up");
    }
  });

  test("status knows the agents", () => {
    const { ready, hosts } = JSON.parse(weft("lab", "status", name, "--json").out);
    assert.equal(ready, true);
    for (const { agent, name: host } of hosts) {
      assert.equal(agent.socket, `/run/weft/lab/${name}/hosts/${host}/read.sock`);
      assert.equal(agent.ready, true);
      assert.equal(process.kill(agent.pid, 0), true, "the pid is that of a process");
    }
  });

  test("unknown ports and protocols are bad usage; a dead agent is unreachable", () => {
    assert.equal(weft("matrix", name, "--from", "org-a/nobody").exit, 2);
    assert.equal(weft("matrix", name, "--protocol", "smoke").exit, 2);
    const status = JSON.parse(weft("lab", "status", name, "--json").out);
    const { pid } = status.hosts[0].agent;
    process.kill(pid, "SIGKILL");
    assert.equal(weft("matrix", name).exit, 3);
    const after = JSON.parse(weft("lab", "status", name, "--json").out);
    assert.equal(after.ready, false);
    assert.equal(after.hosts[0].agent.ready, false);
  });
});

test("a matrix turns red for one wrong entry, and green again without it", async (t) => {
  const name = labName("mutants");
  await withIntent({ "all.yaml": islands(), "lab.yaml": PATIENT }, async (directory) => {
    try {
      const up = weft("lab", "up", directory, "--name", name, "--matrix");
      assert.equal(up.exit, 0, up.err + up.out);

      await t.test("two VNIs swapped on one host", () => {
        const vniIn = new Table(name, "h2", "vni_in");
        const [red, green] = [vniIn.find(RED), vniIn.find(GREEN)];
        vniIn.set(red.key, green.value);
        vniIn.set(green.key, red.value);
        const m = matrix(name, "--protocol", "udp");
        assert.equal(m.exit, 1);
        const failures = failuresOf(m);
        for (const expected of [
          "org/red-1 org/green-2 deny allow",
          "org/red-1 org/red-2 allow deny",
          "org/green-1 org/red-2 deny allow",
          "org/green-1 org/green-2 allow deny",
        ])
          assert.ok(failures.includes(expected), `${expected} not in\n${failures.join("\n")}`);
        vniIn.set(red.key, red.value);
        vniIn.set(green.key, green.value);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });

      await t.test("a peer admitted on a network that it is no member of", () => {
        const peer = new Table(name, "h2", "peer_in")
          .entries()
          .find(({ key }) => key.slice(12).join() === ["0xc0", "0x00", "0x02", "0x01"].join());
        assert.ok(peer, "h2 knows h1");
        const admit = new Table(name, "h2", "admit");
        const key = [...peer.value, ...u32(BLUE)];
        admit.set(key, [...u32(0), ...u32(0)]);
        const m = matrix(name, "--protocol", "udp");
        assert.equal(m.exit, 1);
        const expected = ["red-1", "green-1"].flatMap((from) =>
          ["blue-1", "blue-3"].map((to) => `org/${from} org/${to} deny allow`),
        );
        assert.deepEqual(failuresOf(m), expected.toSorted());
        admit.remove(key);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });

      await t.test("a peer admitted under the number of a router that it has no part in", () => {
        const peer = new Table(name, "h2", "peer_in")
          .entries()
          .find(({ key }) => key.slice(12).join() === ["0xc0", "0x00", "0x02", "0x01"].join());
        assert.ok(peer, "h2 knows h1");
        const admit = new Table(name, "h2", "admit");
        const key = [...peer.value, ...u32(BLUES)];
        admit.set(key, [...u32(0), ...u32(0)]);
        const m = matrix(name, "--protocol", "udp");
        assert.equal(m.exit, 1);
        const expected = ["red-1", "green-1"].flatMap((from) =>
          ["blue-1", "blue-3"].map((to) => `org/${from} org/${to} deny allow`),
        );
        assert.deepEqual(failuresOf(m), expected.toSorted());
        admit.remove(key);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });

      await t.test("an address of one router that leads into another's network", () => {
        const host = new Table(name, "h2", "host");
        const address = [...Array(10).fill(0), 0xff, 0xff, 10, 0, 0, 3].map(hex);
        const at = (space: number): readonly string[] => [...u32(space), ...address];
        const entries = new Map(host.entries().map(({ key, value }) => [key.join(), value]));
        const [red, blue] = [entries.get(at(REDS).join()), entries.get(at(BLUES).join())];
        assert.ok(red && blue);
        host.set(at(REDS), blue);
        const failures = failuresOf(matrix(name, "--protocol", "udp"));
        // All that comes for red-3 by a gateway, from red-3 as well.
        const expected = [1, 2, 3].map((n) => `org/red-${n} org/blue-3 deny allow`);
        assert.deepEqual(failures, expected);
        host.set(at(REDS), red);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });

      await t.test("a MAC of one network that leads to a port of another", () => {
        const fdb = new Table(name, "h2", "fdb");
        const mac = [2, 0, 0, 0, 1, 3].map((n) => `0x0${n}`);
        const at = (network: number): readonly string[] => [
          ...u32(network),
          ...mac,
          "0x00",
          "0x00",
        ];
        const entries = new Map(fdb.entries().map(({ key, value }) => [key.join(), value]));
        const [red, blue] = [entries.get(at(RED).join()), entries.get(at(BLUE).join())];
        assert.ok(red && blue);
        fdb.set(at(RED), blue);
        const failures = failuresOf(matrix(name, "--protocol", "udp"));
        // The datapath itself refuses to cross networks: blue-3 hears nothing, and red-3 only what comes by the gateway.
        assert.ok(!failures.some((f) => f.endsWith("deny allow")), failures.join("\n"));
        assert.ok(failures.includes("org/red-2 org/red-3 allow deny"), failures.join("\n"));
        assert.ok(failures.includes("org/red-2 org/blue-3 deny unproven"), failures.join("\n"));
        fdb.set(at(RED), red);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });

      await t.test("a host that no longer receives a network", () => {
        const vniIn = new Table(name, "h3", "vni_in");
        const blue = vniIn.find(BLUE);
        vniIn.remove(blue.key);
        const m = matrix(name, "--protocol", "udp");
        assert.ok(
          failuresOf(m).includes("org/blue-1 org/blue-2 allow deny") || m.summary.unproven > 0,
        );
        assert.equal(m.exit, 1);
        vniIn.set(blue.key, blue.value);
        assert.deepEqual(failuresOf(matrix(name)), []);
      });
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
    }
  });
});
