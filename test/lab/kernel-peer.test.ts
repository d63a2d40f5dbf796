/** The kernel's own vxlan and bridge as a peer of our datapath: both directions, both underlay families. Needs root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeResult } from "../../src/verify/judgement.ts";
import { listen } from "./capture.ts";
import { labName, type Run, remainsOf, run, weft, withIntent } from "./weft.ts";

function intent(): string {
  const host = (n: number, spec: object): object => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
      ...spec,
    },
  });
  const port = (network: string, n: number, spec: object): object => ({
    kind: "Port",
    metadata: { name: `${network}-${n}`, tenant: "org" },
    spec: {
      network,
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.0.0.${n}`, `fd00::${n}`],
      ...spec,
    },
  });
  const documents = [
    { kind: "Fabric", metadata: { name: "mixed" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    host(1, {}),
    host(2, { managed: false, encapsulations: ["vxlan"] }),
    ...["four", "six"].map((name, i) => ({
      kind: "Network",
      metadata: { name, tenant: "org" },
      spec: {
        vni: 31000 + i,
        subnets: ["10.0.0.0/24", "fd00::/64"],
        underlay: name === "six" ? "ipv6" : "ipv4",
        // Between us and a host that speaks VXLAN only it is VXLAN all the same.
        encapsulations: ["nvgre", "vxlan"],
      },
    })),
    ...["four", "six"].flatMap((network) => [
      port(network, 1, { host: "h1", interface: `${network}-1` }),
      port(network, 2, { host: "h2" }),
      port(network, 3, { host: "h1", interface: `${network}-3` }),
    ]),
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

const inside = (namespace: string, ...args: readonly string[]): Run =>
  run("ip", "netns", "exec", namespace, ...args);

test("a foreign host and an agent's host are one network, over IPv4 and over IPv6", async (t) => {
  const name = labName("mixed");
  const before = remainsOf(name);
  const port = (of: string): string => `weft-${name}-port_org_${of}`;
  await withIntent({ "all.yaml": intent() }, async (directory) => {
    try {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 0, up.err);

      await t.test("every probe, from either side, comes out as intended", () => {
        const done = weft("matrix", name, "--json", "--protocol", "arp,icmp,tcp,udp");
        assert.equal(done.exit, 0, weft("matrix", name).out);
        const { probes } = JSON.parse(done.out);
        const allowed = probes.filter((p: ProbeResult) => p.intended === "allow");
        // In each network six pairs, four protocols; of denied pairs only those that leave from our host.
        assert.equal(allowed.length, 2 * 6 * 4);
        assert.equal(probes.length - allowed.length, 2 * 2 * 3 * 4);
        const sources = new Set(allowed.map((p: ProbeResult) => p.from));
        assert.ok(sources.has("org/six-2") && sources.has("org/four-2"));
      });

      for (const network of ["four", "six"])
        await t.test(`ping, both ways and both families, over ${network}`, () => {
          for (const [from, to] of [
            [1, 2],
            [2, 1],
            [2, 3],
          ])
            for (const address of [`10.0.0.${to}`, `fd00::${to}`]) {
              // Payload up to the workload's MTU, not fragmented: what the lab promises must fit.
              const size = network === "six" ? 1600 - 70 - 48 : 1600 - 50 - 48;
              const args = ["-c", "2", "-i", "0.1", "-W", "2", "-M", "do", "-s", String(size)];
              const answer = inside(port(`${network}-${from}`), "ping", ...args, address);
              assert.match(answer.out, / 0% packet loss/, `${from} → ${address}: ${answer.out}`);
            }
        });

      await t.test("broadcast from either side reaches everybody else once", async () => {
        for (const [from, listener] of [
          ["four-2", "four-1"],
          ["six-2", "six-3"],
          ["six-1", "six-2"],
        ] as const) {
          const heard = await countBroadcasts(port(listener), () =>
            inside(port(from), "ping", "-b", "-c", "3", "-i", "0.1", "-W", "1", "10.0.0.255"),
          );
          assert.equal(heard, 3, `${from} → ${listener}`);
        }
      });

      await t.test("both sides send zero UDP checksums over IPv6", async () => {
        const sums = await capture(`weft-${name}-underlay`, "br0", "ip6 and udp", () =>
          inside(port("six-1"), "ping", "-c", "3", "-i", "0.1", "10.0.0.2"),
        );
        const bySource = Map.groupBy(sums, (line) => line.split("\t")[0] ?? "");
        assert.deepEqual([...bySource.keys()].sort(), ["2001:db8::1", "2001:db8::2"]);
        for (const line of sums) assert.match(line, /\t0x0000$/);
      });
    } finally {
      assert.equal(weft("lab", "down", name).exit, 0);
      assert.deepEqual(remainsOf(name), before);
    }
  });
});

/** Lines "outer source TAB UDP checksum" of what passes while `traffic` runs. */
async function capture(
  namespace: string,
  device: string,
  filter: string,
  traffic: () => unknown,
): Promise<readonly string[]> {
  const fields = ["-T", "fields", "-E", "occurrence=f", "-e", "ipv6.src", "-e", "udp.checksum"];
  return listen(namespace, ["tshark", "-l", "-i", device, "-f", filter, ...fields], traffic);
}

async function countBroadcasts(namespace: string, traffic: () => unknown): Promise<number> {
  const filter = "icmp[icmptype] == icmp-echo and dst host 10.0.0.255";
  const lines = await listen(namespace, ["tcpdump", "-l", "-n", "-i", "eth0", filter], traffic);
  return lines.filter((line) => line.includes("ICMP echo request")).length;
}
