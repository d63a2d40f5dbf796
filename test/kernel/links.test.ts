import assert from "node:assert/strict";
import { test } from "node:test";
import { AF_INET, bind, close, SOCK_CLOEXEC, SOCK_DGRAM, socket } from "../../src/kernel/libc.ts";
import {
  createBridge,
  createVxlanExternal,
  deleteLink,
  readLink,
  readLinks,
  setLink,
} from "../../src/kernel/links.ts";
import { inside, ip, ipJson, joined, must, namespace, netlink } from "./scratch.ts";

/** `ip -d -j link` in our words. */
function asIpSays(name: string): readonly unknown[] {
  return ipJson(name, "-d", "link", "show").map((row) => {
    const flags: readonly string[] = Array.isArray(row.flags) ? row.flags : [];
    const info: Record<string, unknown> = Object(row.linkinfo);
    const operstate = String(row.operstate).toLowerCase();
    return {
      index: row.ifindex,
      name: row.ifname,
      mac: row.address ?? null,
      mtu: row.mtu,
      up: flags.includes("UP"),
      arp: !flags.includes("NOARP"),
      operstate: operstate === "lowerlayerdown" ? "lower-layer-down" : operstate,
      promiscuity: row.promiscuity,
      kind: info.info_kind ?? null,
      lowerNamespace: row.link_netnsid ?? null,
      addressGeneration: row.inet6_addr_gen_mode,
    };
  });
}

test("reads links as ip does: veth, bridge, vxlan, loopback; up and down", (t) => {
  const [a, b] = joined(t);
  ip(
    a,
    "link add br0 type bridge",
    "link add w0 type veth peer name w1",
    "link set w0 master br0 mtu 1280 addrgenmode none",
    "link add x0 type vxlan id 7 dstport 4790 local 198.51.100.1",
    "link set x0 up promisc on arp off",
    "link set br0 up",
  );
  // The first dump numbers the peer's namespace.
  const links = must(readLinks(netlink(t, a)));
  assert.deepEqual(
    links.map((l) => ({
      ...{ index: l.index, name: l.name, mac: l.mac, mtu: l.mtu, up: l.up, arp: l.arp },
      ...{ operstate: l.operstate, promiscuity: l.promiscuity, kind: l.kind },
      ...{ lowerNamespace: l.lowerNamespace, addressGeneration: l.addressGeneration },
    })),
    asIpSays(a),
  );
  const named = new Map(links.map((l) => [l.name, l]));
  const [v0, w0, w1, x0] = ["v0", "w0", "w1", "x0"].map((name) => named.get(name));
  const v1 = must(readLink(netlink(t, b), "v1"));
  assert.equal(v0?.lower, v1?.index);
  assert.equal(v0?.lowerNamespace, 0);
  assert.equal(v0?.carrier, true);
  assert.deepEqual(
    [w0?.lower, w0?.lowerNamespace, w0?.master],
    [w1?.index, null, named.get("br0")?.index],
  );
  assert.equal(w0?.carrier, false);
  assert.deepEqual(x0?.vxlan, {
    ...{ external: false, vni: 7, port: 4790, learning: true, udpSum: true },
    ...{ zeroSum6Send: false, zeroSum6Receive: false },
  });
});

test("one link by name and by index; none is null, whatever the name", (t) => {
  const on = netlink(t, namespace(t));
  const lo = must(readLink(on, "lo"));
  assert.equal(lo?.index, 1);
  assert.deepEqual(must(readLink(on, 1)), lo);
  for (const no of ["nope", "", "sixteen-octets-x", "a/b", "ä", "with blank", 4242])
    assert.equal(must(readLink(on, no)), null);
});

test("a change holds before the link is up: no IPv6 address of its own", (t) => {
  const [a] = joined(t);
  ip(a, "link add w0 type veth peer name w1", "link set w1 up");
  const on = netlink(t, a);
  const index = must(readLink(on, "w0"))?.index ?? 0;
  const change = {
    up: true,
    arp: false,
    mtu: 1342,
    mac: "02:00:00:00:00:77",
    addrGenModeNone: true,
  } as const;
  must(setLink(on, index, change));
  must(setLink(on, index, change));
  const w0 = must(readLink(on, index));
  assert.deepEqual(
    [w0?.up, w0?.arp, w0?.mtu, w0?.mac, w0?.addressGeneration],
    [true, false, 1342, "02:00:00:00:00:77", "none"],
  );
  assert.deepEqual(ipJson(a, "-6", "address", "show", "dev", "w0"), []);
  must(setLink(on, index, { up: false }));
  assert.deepEqual(
    (({ up, arp, mtu }) => ({ up, arp, mtu }))(
      must(readLink(on, index)) ?? { up: 0, arp: 0, mtu: 0 },
    ),
    { up: false, arp: false, mtu: 1342 },
  );
});

test("a refused change names operation, object and the kernel's reason", (t) => {
  const [a] = joined(t);
  const on = netlink(t, a);
  const index = must(readLink(on, "v0"))?.index ?? 0;
  assert.deepEqual(setLink(on, index, { mtu: 70_000 }), {
    ok: false,
    error: {
      ...{ kind: "netlink", operation: "change link", object: String(index), errno: 22 },
      ...{ name: "EINVAL", detail: "mtu greater than device maximum" },
    },
  });
});

test("the idle vxlan device is as wanted, once", (t) => {
  const name = namespace(t);
  const on = netlink(t, name);
  const made = must(createVxlanExternal(on, "weft-vx4789", 4789));
  assert.deepEqual(must(createVxlanExternal(on, "weft-vx4789", 4789)), made);
  const [row] = ipJson(name, "-d", "link", "show", "dev", "weft-vx4789");
  assert.deepEqual(row?.linkinfo, {
    info_kind: "vxlan",
    info_data: {
      ...{ external: true, id: 0, port_range: { low: 0, high: 0 }, port: 4789, learning: false },
      ...{ ttl: 0, df: "unset", ageing: 300, udp_csum: false },
      ...{ udp_zero_csum6_tx: true, udp_zero_csum6_rx: true },
    },
  });
  assert.deepEqual(row?.flags, ["BROADCAST", "MULTICAST", "NOARP"]);
  assert.equal(row?.inet6_addr_gen_mode, "none");
  assert.deepEqual([made.up, made.arp, made.addressGeneration], [false, false, "none"]);
  assert.deepEqual(made.vxlan?.external, true);
});

test("another port under its name, or another device on its port, is refused", (t) => {
  const name = namespace(t);
  const on = netlink(t, name);
  must(createVxlanExternal(on, "x0", 4789));
  for (const [device, port] of [
    ["x0", 4790],
    ["x1", 4789],
  ] as const) {
    const got = createVxlanExternal(on, device, port);
    assert.ok(!got.ok);
    assert.deepEqual([got.error.name, got.error.object], ["EEXIST", device]);
  }
  assert.equal(must(readLink(on, "x1")), null);
});

test("a port that a socket holds shows when the device comes up", (t) => {
  const name = namespace(t);
  ip(name, "link set lo up");
  // Ours and not node:dgram's, which binds only after it has left the namespace.
  const fd = inside(name, () => socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  t.after(() => close(fd));
  const any = Uint8Array.of(AF_INET, 0, 4789 >> 8, 4789 & 0xff, ...new Uint8Array(12));
  assert.equal(bind(fd, any, any.length), 0);
  const on = netlink(t, name);
  const { index } = must(createVxlanExternal(on, "x0", 4789));
  const up = setLink(on, index, { up: true });
  assert.ok(!up.ok);
  assert.equal(up.error.name, "EADDRINUSE");
});

test("a deleted link is gone, and deleting it again succeeds", (t) => {
  const on = netlink(t, namespace(t));
  const { index } = must(createVxlanExternal(on, "x0", 4789));
  must(deleteLink(on, index));
  assert.equal(must(readLink(on, index)), null);
  must(deleteLink(on, index));
});

test("makes a bridge once, and puts a link under it and out again", (t) => {
  const [a] = joined(t);
  const on = netlink(t, a);
  const bridge = must(createBridge(on, "b0"));
  assert.deepEqual([bridge.name, bridge.kind, bridge.up], ["b0", "bridge", false]);
  assert.equal(must(createBridge(on, "b0")).index, bridge.index);
  const taken = createBridge(on, "v0");
  assert.ok(!taken.ok);
  assert.equal(taken.error.name, "EEXIST");
  const index = must(readLink(on, "v0"))?.index ?? 0;
  must(setLink(on, index, { master: bridge.index }));
  assert.equal(ipJson(a, "link", "show", "v0")[0]?.master, "b0");
  must(setLink(on, index, { master: 0 }));
  assert.equal(must(readLink(on, "v0"))?.master, null);
});
