import assert from "node:assert/strict";
import { test } from "node:test";
import type { Result } from "../../src/base/result.ts";
import { compileIntent } from "../../src/intent/compile.ts";
import type { UnderlaySettings } from "../../src/lab/lab-file.ts";
import { type LayoutError, layOut } from "../../src/lab/layout.ts";
import { isNamespaceOf, labNameOf, portNamespace } from "../../src/lab/paths.ts";
import type { Topology } from "../../src/lab/topology.ts";

const settings: UnderlaySettings = {
  ...{ mtu: null, ipv4Prefix: 24, ipv6Prefix: 64, spines: [] },
  links: { ipv4: "100.64.0.0/16", ipv6: "fd00:64::/64" },
};

interface Change {
  readonly more?: readonly object[];
  readonly network?: object;
  readonly foreign?: object;
  readonly port?: object;
}

/** A managed and a foreign host on one network, changed as the case wants. */
function layout(change: Change, underlay = settings): Result<Topology, LayoutError> {
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: { vxlanPort: 4790 } },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    {
      kind: "Host",
      metadata: { name: "h1" },
      spec: {
        uplinks: [{ interface: "uplink0", mtu: 9000 }, { interface: "uplink1" }],
        vteps: ["192.0.2.254", "2001:db8::1"],
      },
    },
    {
      kind: "Host",
      metadata: { name: "h2" },
      spec: {
        managed: false,
        uplinks: [{ interface: "uplink0", mtu: 9000 }],
        vteps: ["198.51.100.2", "2001:db8::2"],
        encapsulations: ["vxlan"],
        ...change.foreign,
      },
    },
    {
      kind: "Network",
      metadata: { name: "n", tenant: "org" },
      spec: { vni: 5001, subnets: ["10.0.0.0/23", "fd00::/48"], ...change.network },
    },
    {
      kind: "Port",
      metadata: { name: "one", tenant: "org" },
      spec: {
        network: "n",
        host: "h1",
        interface: "one",
        mac: "02:00:00:00:00:01",
        addresses: ["10.0.0.1", "fd00::1"],
        ...change.port,
      },
    },
    {
      kind: "Port",
      metadata: { name: "two", tenant: "org" },
      spec: { network: "n", host: "h2", mac: "02:00:00:00:00:02" },
    },
    ...(change.more ?? []),
  ];
  const text = documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
  const { intent, findings, errors } = compileIntent([{ path: "all.yaml", text }]);
  assert.equal(errors, 0, JSON.stringify(findings));
  return layOut({ name: "lab", intent, underlay });
}

function topologyOf(change: Change, underlay = settings): Topology {
  const laid = layout(change, underlay);
  assert.ok(laid.ok, JSON.stringify(laid));
  return laid.value;
}

test("addresses lie on the first uplink, and what no prefix covers is on link", () => {
  const [h1, h2] = topologyOf({}).hosts;
  assert.deepEqual(h1?.uplinks, [
    {
      interface: "uplink0",
      mac: "02:57:00:00:00:00",
      mtu: 9000,
      addresses: ["192.0.2.254/24", "2001:db8::1/64"],
      far: { namespace: "weft-lab-underlay", interface: "u0.0" },
    },
    {
      interface: "uplink1",
      mac: "02:57:00:00:00:01",
      mtu: 1500,
      addresses: [],
      far: { namespace: "weft-lab-underlay", interface: "u0.1" },
    },
  ]);
  assert.deepEqual(h1?.onLink, ["198.51.100.2"]);
  assert.deepEqual(h2?.onLink, ["192.0.2.254"]);
});

test("a foreign host has a kernel tunnel a network, to every other member, of the network's family", () => {
  const tunnel = {
    vni: 5001,
    mtu: 1450,
    device: "vx5001",
    bridge: "n5001",
    local: "198.51.100.2",
    vxlanPort: 4790,
    multicast: null,
    remotes: [{ address: "192.0.2.254", macs: ["02:00:00:00:00:01"] }],
  };
  assert.deepEqual(topologyOf({}).hosts[1]?.tunnels, [tunnel]);
  assert.deepEqual(topologyOf({}).hosts[0]?.tunnels, []);
  assert.deepEqual(topologyOf({ network: { underlay: "ipv6" } }).hosts[1]?.tunnels, [
    {
      ...tunnel,
      mtu: 1430,
      local: "2001:db8::2",
      remotes: [{ address: "2001:db8::1", macs: ["02:00:00:00:00:01"] }],
    },
  ]);
});

test("a foreign host sends to the host that routes for its network, with or without a port there", () => {
  const edge = { uplinks: [{ interface: "uplink0", mtu: 9000 }], vteps: ["192.0.2.9"] };
  const spec = { networks: ["n"], l3vni: 6000, gateway: "centralized", gatewayHost: "edge" };
  const { hosts } = topologyOf({
    network: { gateways: ["10.0.0.254", "fd00::fe"] },
    more: [
      { kind: "Host", metadata: { name: "edge" }, spec: edge },
      { kind: "Router", metadata: { name: "r", tenant: "org" }, spec },
    ],
  });
  const foreign = hosts.find(({ name }) => name === "h2");
  assert.deepEqual(
    foreign?.tunnels.flatMap(({ remotes }) => remotes),
    [
      { address: "192.0.2.254", macs: ["02:00:00:00:00:01"] },
      { address: "192.0.2.9", macs: [] },
    ],
  );
});

test("a workload's addresses have their subnet's length, and stand alone without one", () => {
  const [one] = topologyOf({}).ports;
  assert.deepEqual(one?.addresses, ["10.0.0.1/23", "fd00::1/48"]);
  const [bare] = topologyOf({ network: { subnets: [] } }).ports;
  assert.deepEqual(bare?.addresses, ["10.0.0.1/32", "fd00::1/128"]);
  assert.equal(one?.mtu, 1450);
  assert.equal(one?.bridge, null);
  assert.equal(topologyOf({}).ports[1]?.bridge, "n5001");
  assert.equal(topologyOf({}).ports[1]?.hostInterface, "p1");
});

test("a workload's default routes lead to its network's first gateway of each family, if a router has the network", () => {
  const network = { gateways: ["fd00::fe", "10.0.0.253", "10.0.0.254", "fd00::ff"] };
  const router = {
    kind: "Router",
    metadata: { name: "main", tenant: "org" },
    spec: { networks: ["n"], l3vni: 5999 },
  };
  const routed = { network, more: [router] };
  assert.deepEqual(topologyOf({ network }).ports[0]?.gateways, []);
  const [one, two] = topologyOf(routed).ports;
  assert.deepEqual(one?.gateways, ["10.0.0.253", "fd00::fe"]);
  assert.deepEqual(two?.gateways, [], "without an address there is no way to them");
  const [ipv6] = topologyOf({ ...routed, port: { addresses: ["fd00::1"] } }).ports;
  assert.deepEqual(ipv6?.gateways, ["fd00::fe"]);
});

test("free addresses are unused, and within the prefix", () => {
  assert.deepEqual(topologyOf({}).underlay.freeAddresses, [
    ...["192.0.2.253", "192.0.2.252", "192.0.2.251", "192.0.2.250"],
    ...["2001:db8::fffe", "2001:db8::fffd", "2001:db8::fffc", "2001:db8::fffb"],
  ]);
  const narrow = { ...settings, mtu: 1400, ipv4Prefix: 29, ipv6Prefix: 126 };
  const { underlay } = topologyOf({}, narrow);
  // 192.0.2.248/29 without .254, its own, and .255; 2001:db8::/126 without ::1 and ::2.
  assert.deepEqual(underlay.freeAddresses, [
    ...["192.0.2.253", "192.0.2.252", "192.0.2.251", "192.0.2.250"],
  ]);
  assert.equal(underlay.mtu, 1400);
  assert.equal(topologyOf({}).underlay.mtu, 9000);
});

test("what a lab cannot build is named", () => {
  const refused = (change: Change): readonly string[] => {
    const laid = layout(change);
    return laid.ok ? [] : laid.error.details;
  };
  assert.match(refused({ port: { attachment: "tap" } }).join(), /Port org\/one: .*not tap/);
  const both = {
    network: { encapsulations: ["nvgre", "vxlan"] },
    foreign: { encapsulations: ["nvgre"] },
  };
  assert.match(refused(both).join(), /Host h2: .* nvgre with h1 on Network org\/n/);
  assert.deepEqual(refused({ network: { encapsulations: ["nvgre", "vxlan"] } }), []);
});

test("a lab takes no other lab's namespace for its own", () => {
  assert.ok(isNamespaceOf("a", portNamespace("a", "t/p")));
  assert.ok(!isNamespaceOf("a", portNamespace("a-b", "t/p")));
  assert.ok(!isNamespaceOf("a", "weft-a-underlay2"));
  assert.notEqual(portNamespace("a", "x.y/z"), portNamespace("a", "x/y.z"));
  assert.equal(labNameOf("Three Orgs!"), "three-orgs");
  assert.equal(labNameOf("___"), "lab");
});
