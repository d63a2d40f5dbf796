/** Labs with spines, built: the example, every pair of it; a stranger on the bridge; a spine that dies. Needs root. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { eventually } from "../agent/fabric.ts";
import { documentText } from "../intent/texts.ts";
import { cleanly, labName, remainsOf, run, weft, withIntent } from "./weft.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/spine-leaf");

const inside = (namespace: string, ...words: readonly string[]): ReturnType<typeof run> =>
  run("nsenter", `--net=/run/netns/${namespace}`, ...words);

test("the example: every pair as intended, with both spines and with one", async () => {
  const name = labName("spine-leaf");
  await cleanly(name, async () => {
    const up = weft("lab", "up", EXAMPLE, "--name", name);
    assert.equal(up.exit, 0, up.err);
    const { underlay, hosts } = JSON.parse(weft("lab", "status", name, "--json").out);
    assert.deepEqual(
      underlay.spines.map((spine: { name: string; links: object[] }) => [
        spine.name,
        spine.links.length,
      ]),
      [
        ["spine1", 4],
        ["spine2", 4],
      ],
    );
    assert.deepEqual(underlay.spines[0].links[2], {
      ...{ interface: "h2", host: "leaf3", hostInterface: "uplink1" },
      addresses: ["fd00:64::8"],
    });
    assert.deepEqual(hosts[2].uplinks[0].addresses, ["fd00:64::9"]);
    const matrix = weft("matrix", name, "--json");
    assert.equal(matrix.exit, 0, matrix.err + matrix.out);
    const { summary } = JSON.parse(matrix.out);
    assert.deepEqual([summary.wrong, summary.unproven], [0, 0]);
    assert.ok(summary.total > 100, `only ${summary.total} probes`);
    for (const link of underlay.spines[0].links)
      run("ip", "-n", underlay.spines[0].namespace, "link", "set", link.interface, "down");
    await eventually(() => {
      const status = weft("status", "--host", "leaf2", "--lab", name);
      assert.equal(status.exit, 1, status.err);
      assert.match(
        status.out,
        /next hop fd00:64::4 on uplink1 is lost \(link-down\): fewer ways to leaf1, leaf3, leaf4/,
      );
    });
    const half = weft("matrix", name, "--json");
    assert.equal(half.exit, 0, half.err + half.out);
  });
  assert.deepEqual(remainsOf(name).namespaces, []);
});

/** A host of ours and a Linux one with kernel VXLAN, of both families. */
const mixedIntent = (underlay: string): string =>
  [
    documentText("Fabric", "f", "{}"),
    documentText("Tenant", "org", "{}"),
    ...[1, 2].map((n) =>
      documentText(
        "Host",
        `h${n}`,
        `{managed: ${n === 1}, uplinks: [{interface: up0, mtu: 1600}, {interface: up1, mtu: 1600}],` +
          ` vteps: [192.0.2.${n}, '2001:db8::${n}'], encapsulations: [vxlan]}`,
      ),
    ),
    documentText("Network", "org/n", `{vni: 20001, subnets: [10.0.0.0/24], underlay: ${underlay}}`),
    ...[1, 2].map((n) =>
      documentText(
        "Port",
        `org/p${n}`,
        `{network: n, host: h${n}, ${n === 1 ? "interface: w0, " : ""}mac: '02:00:00:00:00:0${n}', addresses: [10.0.0.${n}]}`,
      ),
    ),
  ].join("---\n");

for (const underlay of ["ipv4", "ipv6"] as const)
  for (const links of ["{}", "{ipv4: null, ipv6: 'fd00:77::/64'}"])
    test(`over ${underlay}, links ${links}: a Linux host takes part, and a stranger on the bridge reaches all`, async () => {
      const name = labName("spines");
      const files = {
        "all.yaml": mixedIntent(underlay),
        "lab.yaml": `underlay: {spines: [{name: a}, {name: b, weight: 2}], links: ${links}}`,
      };
      await withIntent(files, (directory) =>
        cleanly(name, async () => {
          const up = weft("lab", "up", directory, "--name", name);
          assert.equal(up.exit, 0, up.err);
          await eventually(() => {
            const ping = inside(`weft-${name}-port_org_p1`, "ping", "-c1", "-W1", "10.0.0.2");
            assert.equal(ping.exit, 0, ping.out + ping.err);
          });
          const { underlay: lab } = JSON.parse(weft("lab", "status", name, "--json").out);
          const free: readonly string[] = lab.freeAddresses;
          const stranger = `weft-${name}-port_stranger`;
          assert.equal(run("ip", "netns", "add", stranger).exit, 0);
          run(
            ...(["ip", "-n", stranger, "link", "add", "eth0", "type", "veth"] as const),
            ...["peer", "name", "stranger", "netns", lab.namespace],
          );
          run("ip", "-n", lab.namespace, "link", "set", "stranger", "master", lab.bridge, "up");
          run("ip", "-n", stranger, "link", "set", "eth0", "up");
          for (const [like, bits, to] of [
            [".", "24", "192.0.2.1"],
            [":", "64", "2001:db8::2"],
          ] as const) {
            const own = free.find((address) => address.includes(like));
            run("ip", "-n", stranger, "address", "add", `${own}/${bits}`, "dev", "eth0", "nodad");
            await eventually(() => {
              const ping = inside(stranger, "ping", "-c1", "-W1", to);
              assert.equal(ping.exit, 0, `${own} to ${to}: ${ping.out}${ping.err}`);
            });
          }
        }),
      );
    });

test("spines that cannot be are named", async () => {
  const name = labName("spines");
  for (const [text, expected] of [
    ["spines: 17", /lab\.yaml: .*spines/s],
    ["spines: [{name: a}, {name: a}]", /two spines have one name/],
    ["spines: [{name: A_b}]", /1 to 40 of a-z/],
    ["spines: 2, links: {ipv4: 10.0.0.1/8}", /an IPv4 prefix, as 'address\/bits'/],
    ["spines: 2, links: {ipv4: null, ipv6: null}", /addresses of one family at least/],
    ["spines: 3", /Host h1: it has 2 uplinks, and the lab 3 spines/],
  ] as const)
    await withIntent(
      { "all.yaml": mixedIntent("ipv4"), "lab.yaml": `underlay: {${text}}` },
      (directory) =>
        cleanly(name, () => {
          const up = weft("lab", "up", directory, "--name", name);
          assert.ok(up.exit === 1 || up.exit === 2, up.err);
          assert.match(up.err, expected);
          assert.deepEqual(remainsOf(name).namespaces, []);
        }),
    );
});
