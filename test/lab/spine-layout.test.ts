/** A lab with spines as data: who has which link, address and route; and what cannot be built of spines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Result } from "../../src/base/result.ts";
import { compileIntent } from "../../src/intent/compile.ts";
import type { UnderlaySettings } from "../../src/lab/lab-file.ts";
import { type LayoutError, layOut } from "../../src/lab/layout.ts";
import type { LabSpine, Topology } from "../../src/lab/topology.ts";
import { documentText, fileOf } from "../intent/texts.ts";

const settings: UnderlaySettings = {
  ...{ mtu: null, ipv4Prefix: 24, ipv6Prefix: 64 },
  spines: [
    { name: "one", weight: 3 },
    { name: "two", weight: 1 },
  ],
  links: { ipv4: "100.64.0.0/24", ipv6: "fd00:64::/64" },
};

const UPLINKS = "uplinks: [{interface: up0}, {interface: up1}]";

interface Change {
  readonly h1?: string;
  readonly network?: string;
  readonly underlay?: Partial<UnderlaySettings>;
}

function layout(change: Change): Result<Topology, LayoutError> {
  const { h1 = `{${UPLINKS}, vteps: [192.0.2.1, '2001:db8::1']}`, network = "{vni: 5000}" } =
    change;
  const { intent, errors } = compileIntent([
    fileOf([
      documentText("Fabric", "f", "{}"),
      documentText("Tenant", "a", "{}"),
      documentText("Host", "h1", h1),
      documentText("Host", "h2", `{${UPLINKS}, vteps: [192.0.2.2, '2001:db8::2']}`),
      documentText("Network", "a/n", network),
      documentText("Port", "a/p", "{network: n, host: h2, interface: w, mac: '02:00:00:00:00:02'}"),
    ]),
  ]);
  assert.equal(errors, 0);
  return layOut({ name: "lab", intent, underlay: { ...settings, ...change.underlay } });
}

function topologyOf(change: Change = {}): Topology {
  const laid = layout(change);
  assert.ok(laid.ok, JSON.stringify(laid));
  return laid.value;
}

test("a host has a link to each spine, its tunnel addresses on the loopback, and routes over all spines", () => {
  const [, h2] = topologyOf().hosts;
  assert.deepEqual(h2?.uplinks, [
    {
      ...{ interface: "up0", mac: "02:57:00:01:00:00", mtu: 1500 },
      addresses: ["100.64.0.5/31", "fd00:64::5/127"],
      far: { namespace: "weft-lab-spine_one", interface: "h1" },
    },
    {
      ...{ interface: "up1", mac: "02:57:00:01:00:01", mtu: 1500 },
      addresses: ["100.64.0.7/31", "fd00:64::7/127"],
      far: { namespace: "weft-lab-spine_two", interface: "h1" },
    },
  ]);
  assert.deepEqual(h2?.loopback, ["192.0.2.2/32", "2001:db8::2/128"]);
  assert.deepEqual(h2?.onLink, []);
  const over = (prefix: string, source: string, to: string): object => ({
    ...{ to, source },
    nextHops: [
      { via: `${prefix}4`, interface: "up0", weight: 3 },
      { via: `${prefix}6`, interface: "up1", weight: 1 },
    ],
  });
  assert.deepEqual(h2?.routes, [
    over("100.64.0.", "192.0.2.2", "192.0.2.1"),
    over("fd00:64::", "2001:db8::2", "2001:db8::1"),
    over("100.64.0.", "192.0.2.2", "192.0.2.0/24"),
    over("fd00:64::", "2001:db8::2", "2001:db8::/64"),
  ]);
});

test("a spine has a link to each host, a route to each tunnel address, and a place in the bridge", () => {
  const { spines, bridge, freeAddresses } = topologyOf().underlay;
  const to = (address: string, via: string, port: string): LabSpine["routes"][number] => ({
    ...{ to: address, source: null, nextHops: [{ via, interface: port, weight: 1 }] },
  });
  assert.deepEqual(spines[1], {
    name: "two",
    namespace: "weft-lab-spine_two",
    links: [
      {
        ...{ interface: "h0", host: "h1", hostInterface: "up1" },
        addresses: ["100.64.0.2/31", "fd00:64::2/127"],
      },
      {
        ...{ interface: "h1", host: "h2", hostInterface: "up1" },
        addresses: ["100.64.0.6/31", "fd00:64::6/127"],
      },
    ],
    routes: [
      to("192.0.2.1", "100.64.0.3", "h0"),
      to("2001:db8::1", "fd00:64::3", "h0"),
      to("192.0.2.2", "100.64.0.7", "h1"),
      to("2001:db8::2", "fd00:64::7", "h1"),
    ],
    edge: {
      ...{ interface: "edge", bridgePort: "s1" },
      prefixes: ["192.0.2.0/24", "2001:db8::/64"],
      answersFor: ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"],
    },
  });
  assert.equal(bridge, "br0");
  assert.deepEqual(freeAddresses.slice(0, 2), ["192.0.2.254", "192.0.2.253"]);
});

test("links of IPv6 alone carry IPv4 tunnel addresses too", () => {
  const { hosts, underlay } = topologyOf({
    underlay: { links: { ipv4: null, ipv6: "fd00:64::/64" } },
  });
  assert.deepEqual(hosts[0]?.uplinks[0]?.addresses, ["fd00:64::1/127"]);
  assert.deepEqual(
    hosts[0]?.routes.map(({ to, nextHops: [first] }) => [to, first?.via]),
    ["192.0.2.2", "2001:db8::2", "192.0.2.0/24", "2001:db8::/64"].map((to) => [to, "fd00:64::"]),
  );
  assert.deepEqual(
    underlay.spines[0]?.routes[0]?.nextHops.map(({ via }) => via),
    ["fd00:64::1"],
  );
});

test("what cannot be built of spines is named, all of it", () => {
  const refused = (change: Change): readonly string[] => {
    const laid = layout(change);
    return laid.ok ? [] : laid.error.details;
  };
  const cases: readonly (readonly [Change, RegExp])[] = [
    [
      { h1: "{uplinks: [{interface: up0}], vteps: [192.0.2.1]}" },
      /^Host h1: it has 1 uplinks, and the lab 2 spines/,
    ],
    [
      { underlay: { links: { ipv4: "100.64.0.0/24", ipv6: null } } },
      /^Host h1: .*IPv6 tunnel address.*,Host h2: .*IPv6 tunnel address/,
    ],
    [{ network: "{vni: 5000, bum: multicast}" }, /^Network a\/n: .*do not route multicast/],
    [
      { underlay: { links: { ipv4: "100.64.0.0/30", ipv6: "fd00:64::/64" } } },
      /^underlay\.links\.ipv4: 100\.64\.0\.0\/30 has 4 addresses, and the links need 8$/,
    ],
    [
      { underlay: { links: { ipv4: "192.0.0.0/16", ipv6: "2001:db8::/48" } } },
      /^underlay\.links\.ipv4: 192\.0\.0\.0\/16 overlaps 192\.0\.2\.0\/24.*,underlay\.links\.ipv6: /,
    ],
  ];
  for (const [change, expected] of cases) assert.match(refused(change).join(), expected);
  assert.deepEqual(refused({}), []);
});
