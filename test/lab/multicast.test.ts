/**
 * Networks that flood by the underlay's multicast: hosts of ours and one of the kernel's vxlan in multicast mode, over
 * IPv4 and IPv6, and NVGRE among our own. Needs root.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listen } from "./capture.ts";
import { labName, remainsOf, run, weft, withIntent } from "./weft.ts";

const NETWORKS = [
  { name: "four", number: 1000, group: "239.1.10.0", hosts: [1, 2, 3], spec: {} },
  {
    name: "six",
    number: 1001,
    group: "ff15::8000:3e9",
    hosts: [1, 2, 3],
    spec: { underlay: "ipv6" },
  },
  {
    ...{ name: "nvgre", number: 5000, group: "239.77.0.1", hosts: [1, 2] },
    spec: { encapsulations: ["nvgre"], group: "239.77.0.1" },
  },
] as const;
/** The kernel's. */
const FOREIGN = 3;

function intent(names: readonly string[]): string {
  const networks = NETWORKS.filter(({ name }) => names.includes(name));
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...[1, 2, FOREIGN].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: {
        uplinks: [{ interface: "uplink0", mtu: 1600 }],
        vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
        ...(n === FOREIGN ? { managed: false, encapsulations: ["vxlan"] } : {}),
      },
    })),
    ...networks.map(({ name, number, spec }) => ({
      kind: "Network",
      metadata: { name, tenant: "org" },
      spec: { subnets: ["10.0.0.0/24"], vni: number, bum: "multicast", ...spec },
    })),
    ...networks.flatMap(({ name, hosts }) =>
      hosts.map((n) => ({
        kind: "Port",
        metadata: { name: `${name}-${n}`, tenant: "org" },
        spec: {
          ...{ network: name, host: `h${n}`, mac: `02:00:00:00:00:0${n}` },
          ...(n === FOREIGN ? {} : { interface: `${name}-${n}` }),
          addresses: [`10.0.0.${n}`],
        },
      })),
    ),
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

test("one copy to a group reaches every host of the network", async (t) => {
  const name = labName("groups");
  const before = remainsOf(name);
  const port = (of: string): string => `weft-${name}-port_org_${of}`;
  const broadcast = (from: string, count: number): unknown =>
    run(
      ...["ip", "netns", "exec", port(from), "ping", "-b", "-c", String(count)],
      ...["-i", "0.1", "-W", "1", "10.0.0.255"],
    );
  const memberships = (host: number): readonly string[] => {
    const shown = run(
      "ip",
      "-n",
      `weft-${name}-host_h${host}`,
      "maddress",
      "show",
      "dev",
      "uplink0",
    );
    return NETWORKS.map(({ group }) => group).filter((group) => shown.out.includes(` ${group}\n`));
  };
  await withIntent({ "all.yaml": intent(["four", "six", "nvgre"]) }, async (directory) => {
    try {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);

      await t.test("every probe, from either side, comes out as intended", () => {
        const matrix = weft("matrix", name, "--json");
        assert.equal(matrix.exit, 0, weft("matrix", name).out);
      });

      for (const { name: network, group, hosts } of NETWORKS)
        await t.test(`${network}: one packet for each broadcast, to ${group}`, async () => {
          const lines = await listen(
            `weft-${name}-host_h1`,
            [
              ...["tshark", "-l", "-i", "uplink0", "-Y"],
              "icmp.type==8 && eth.src==02:00:00:00:00:01",
              ...["-T", "fields", "-E", "occurrence=f", "-e", "ip.dst", "-e", "ipv6.dst"],
            ],
            () => broadcast(`${network}-1`, 3),
          );
          const targets = lines.map((line) =>
            line.split("\t").find((word) => /^239|^ff/.test(word)),
          );
          assert.deepEqual(targets, [group, group, group]);
          const last = hosts[hosts.length - 1] ?? 0;
          for (const [from, to] of [
            [1, 2],
            [1, last],
            [last, 1],
          ] as const) {
            const heard = await listen(
              port(`${network}-${to}`),
              [
                "tcpdump",
                "-l",
                "-n",
                "-i",
                "eth0",
                "icmp[icmptype] == icmp-echo and dst host 10.0.0.255",
              ],
              () => broadcast(`${network}-${from}`, 3),
            );
            const requests = heard.filter((line) => line.includes("ICMP echo request"));
            assert.equal(requests.length, 3, `${from} → ${to}`);
          }
        });

      await t.test("hosts are in the groups of their networks, also without an agent", async () => {
        const all = NETWORKS.map(({ group }) => group);
        for (const host of [1, 2]) assert.deepEqual(memberships(host), all);
        const { hosts } = JSON.parse(weft("lab", "status", name, "--json").out);
        process.kill(hosts[1].agent.pid, "SIGKILL");
        assert.deepEqual(memberships(2), all);
      });

      await t.test(
        "a group is joined and left by IGMPv3, with the first and the last endpoint",
        async () => {
          const changes = await listen(
            `weft-${name}-underlay`,
            [
              ...[
                "tshark",
                "-l",
                "-i",
                "br0",
                "-f",
                "igmp",
                "-Y",
                "ip.src==192.0.2.1",
                "-T",
                "fields",
              ],
              ...["-e", "igmp.record_type", "-e", "igmp.maddr"],
            ],
            () => {
              for (const names of [["six"], ["four", "six"]]) {
                writeFileSync(join(directory, "all.yaml"), intent(names));
                const wanted = names.includes("four");
                for (let i = 0; i < 100 && memberships(1).includes("239.1.10.0") !== wanted; i++)
                  run("sleep", "0.1");
                run("sleep", "1.2");
              }
            },
          );
          // 3: to include nobody (leave); 4: to exclude nobody (join). Each is said more than once.
          const said = new Set(
            changes.flatMap((line) => {
              const [types = "", groups = ""] = line.split("\t");
              const of = groups.split(",");
              return types.split(",").map((type, i) => `${type} ${of[i] ?? ""}`);
            }),
          );
          for (const change of ["3 239.1.10.0", "3 239.77.0.1", "4 239.1.10.0"])
            assert.ok(said.has(change), `${change} not in ${[...said].join("; ")}`);
          assert.ok(!said.has("4 239.77.0.1"));
          assert.deepEqual(memberships(1), ["239.1.10.0", "ff15::8000:3e9"]);
        },
      );
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});
