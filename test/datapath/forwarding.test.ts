/**
 * Workloads that forward: what they send on carries the state of the tunnel that it came by, and must be
 * encapsulated again all the same. Streams and datagrams, octets equal. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Intent, Lab } from "./live.ts";

/** Two networks of each encapsulation; the router has a port in each, clients are in the first, servers in the second. */
const NETWORKS = [
  { name: "v1", encapsulation: "vxlan", underlay: "ipv4" },
  { name: "v2", encapsulation: "vxlan", underlay: "ipv4" },
  { name: "n1", encapsulation: "nvgre", underlay: "ipv4" },
  { name: "n2", encapsulation: "nvgre", underlay: "ipv4" },
  { name: "s1", encapsulation: "vxlan", underlay: "ipv6" },
] as const;

type NetworkName = (typeof NETWORKS)[number]["name"];

const PLACES = { client: "h1", router: "h2", server: "h3" } as const;
type Role = keyof typeof PLACES;
const ROLES: readonly Role[] = ["client", "router", "server"];
const numberOf = (role: Role): number => ROLES.indexOf(role) + 1;

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "rfc" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2, 3].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
    },
  })),
  ...NETWORKS.map(({ name, encapsulation, underlay }, i) => ({
    kind: "Network",
    metadata: { name, tenant: "org" },
    spec: {
      subnets: [`10.${i}.0.0/24`, `fd00:${i}::/64`],
      vni: 20_001 + i,
      encapsulations: [encapsulation],
      underlay,
    },
  })),
  ...NETWORKS.flatMap(({ name }, i) =>
    ROLES.map((role) => ({
      kind: "Port",
      metadata: { name: `${name}-${role}`, tenant: "org" },
      spec: {
        network: name,
        host: PLACES[role],
        interface: `${name}p`,
        mac: `02:00:00:00:0${i}:0${numberOf(role)}`,
        addresses: [`10.${i}.0.${numberOf(role)}`, `fd00:${i}::${numberOf(role)}`],
        ...(role === "router" ? { allowedAddresses: ["0.0.0.0/0", "::/0"] } : {}),
      },
    })),
  ),
];

const index = (name: NetworkName): number => NETWORKS.findIndex((n) => n.name === name);

let lab: Lab;
before(async () => {
  lab = Lab.up("forwarding", intent);
  // One workload with a port in each network: the inner ends of all its ports move into one namespace.
  const router = lab.port("v1-router").namespace;
  for (const { name } of NETWORKS) {
    const i = index(name);
    if (name !== "v1") {
      const { namespace, interface: inner } = lab.port(`${name}-router`);
      lab.ip(namespace, `link set ${inner} netns ${router} name ${name}`);
      lab.ip(
        router,
        `address add 10.${i}.0.2/24 dev ${name}`,
        `address add fd00:${i}::2/64 dev ${name} nodad`,
        `link set ${name} up`,
      );
    }
    for (const role of ["client", "server"] as const)
      lab.ip(
        lab.port(`${name}-${role}`).namespace,
        `route add 10.0.0.0/8 via 10.${i}.0.2`,
        `route add fd00::/16 via fd00:${i}::2`,
      );
  }
  await lab.exec(
    router,
    "sysctl",
    "-qw",
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.all.rp_filter=0",
  );
  for (const { name } of NETWORKS) await lab.serveEcho(lab.port(`${name}-server`).namespace);
});
after(() => lab.down());

const MTU = 1500;

for (const [from, to] of [
  ["v1", "v2"],
  ["n1", "n2"],
  ["v1", "n2"],
  ["n1", "v2"],
  ["v1", "s1"],
  ["s1", "n2"],
] as const)
  test(`a workload forwards from ${from} to ${to}`, async () => {
    const { namespace } = lab.port(`${from}-client`);
    for (const address of [`10.${index(to)}.0.3`, `fd00:${index(to)}::3`]) {
      const route = await lab.exec(namespace, "ip", "route", "get", address);
      assert.match(route, / via /);
      const headers = (address.includes(":") ? 40 : 20) + 8;
      await lab.ping(namespace, address);
      await lab.echo(namespace, "udp", address, overlayMtu(to) - headers);
      await lab.echo(namespace, "tcp", address, 16 << 20);
    }
  });

/** Every port's MTU leaves room for its network's own headers under 1600. */
function overlayMtu(name: NetworkName): number {
  return Math.min(MTU, 1600 - (NETWORKS[index(name)]?.underlay === "ipv6" ? 70 : 50));
}

test("and likewise where the uplinks leave segmentation to us", async () => {
  for (const host of ["h1", "h2", "h3"]) {
    const off = ["tso", "gso", "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation"];
    off.push("tx-gre-segmentation", "tx-gre-csum-segmentation");
    const words = off.flatMap((name) => [name, "off"]);
    await lab.exec(lab.host(host).namespace, "ethtool", "-K", "uplink0", ...words);
  }
  for (const [from, to] of [
    ["v1", "v2"],
    ["n1", "n2"],
    ["v1", "n2"],
    ["s1", "n2"],
  ] as const)
    for (const address of [`10.${index(to)}.0.3`, `fd00:${index(to)}::3`])
      await lab.echo(lab.port(`${from}-client`).namespace, "tcp", address, 8 << 20);
});

test("nothing that was forwarded was lost to its old tunnel state", () => {
  for (const host of ["h1", "h2", "h3"]) {
    const counted = lab.counters(host);
    for (const verdict of ["encap-failed", "decap-failed", "gso-unsupported", "too-big"] as const)
      assert.equal(counted[verdict], undefined, `${host} ${verdict}`);
  }
});
