/** What becomes of frames that were handed to the agent: which answer, from whom, by which way, and how many. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Row } from "../../src/rows/rows.ts";
import type { SlowAction } from "../../src/slow/action.ts";
import { initialSlowState, type SlowState, step } from "../../src/slow/machine.ts";
import type { Punted } from "../../src/slow/punted.ts";
import { slowTablesOf } from "../../src/slow/tables.ts";
import { hexOf } from "../../src/wire/octets.ts";
import {
  arp,
  ethernet,
  filler,
  hex,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  mac,
  macOption,
  tcp,
  u32,
  udp,
} from "../datapath/frame.ts";

const [GATEWAY_MAC, ROUTER_MAC] = ["02:00:5e:00:01:01", "02:57:00:00:00:01"];
const [PEERS_ROUTER_MAC, SENDER] = ["02:57:00:00:00:02", "02:00:00:00:00:05"];
/** Of a router, and of two networks that it has here. */
const [SPACE, ONE, TWO] = [500, 11, 12];
/** A host of ours, and one that is not. */
const [OURS, FOREIGN] = [1, 2];
const OWNER = 4711;

const admit = { table: "admit", dscpKeep: false, learns: false } as const;
const peer = { table: "peer", family: "ipv4", local: "192.0.2.1", mtu: 9000 } as const;
const gatewayHost = {
  table: "host",
  space: SPACE,
  kind: "gateway",
  target: 0,
  mac: null,
  byRouter: false,
  mtu: 1500,
} as const;
const rows: readonly Row[] = [
  {
    ...{ table: "settings", hashSeed: 1, vxlanPort: 4789 },
    ...{ gatewayMac: GATEWAY_MAC, routerMac: ROUTER_MAC },
  },
  { ...peer, peer: OURS, host: "h2", remote: "192.0.2.2", routerMac: PEERS_ROUTER_MAC },
  { ...peer, peer: FOREIGN, host: "x", remote: "192.0.2.3", routerMac: null },
  { ...admit, peer: OURS, network: ONE, group: 21 },
  { ...admit, peer: FOREIGN, network: ONE, group: 22 },
  { ...admit, peer: FOREIGN, network: TWO, group: null },
  { table: "gateway", network: ONE, ipv4: "10.1.0.1", ipv6: "fd00:1::1" },
  { table: "gateway", network: TWO, ipv4: "10.2.0.1", ipv6: null },
  { ...gatewayHost, network: ONE, address: "10.1.0.1" },
  { ...gatewayHost, network: ONE, address: "fd00:1::1" },
  { ...gatewayHost, network: TWO, address: "10.2.0.1" },
];
const tables = slowTablesOf(rows);

const toGateway = { to: GATEWAY_MAC, from: SENDER };
const datagram = udp(1000, 2000, filler(20));
const packet4 = ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 17 }, datagram);
const packet6 = ip6({ from: "fd00:1::5", to: "fd00:2::9", next: 17 }, datagram);
const FROM_PORT = { port: 3, peer: 0, network: ONE };
const FROM_FOREIGN = { port: 0, peer: FOREIGN, network: ONE };
/** Under the router's own number. */
const FROM_ROUTER = { port: 0, peer: OURS, network: SPACE };

function handed(values: Partial<Punted> & Pick<Punted, "reason">): Punted {
  const common = { ...FROM_FOREIGN, space: SPACE, owner: OWNER, mtu: 0 };
  return { ...common, frame: ethernet(toGateway, 0x0800, packet4), ...values };
}

const take = (punted: Punted, state: SlowState = initialSlowState, nowMs = 0) =>
  step(tables, state, punted, nowMs);

/** The one action of a frame that is answered. */
function answered(punted: Punted): SlowAction {
  const { actions, isLimited } = take(punted);
  assert.equal(isLimited, false);
  const [action, ...more] = actions;
  assert.ok(action && more.length === 0, `${actions.length} actions`);
  return action;
}

/** Source, destination, type and code of an ICMP packet. */
function readIcmp(packet: Uint8Array): readonly [string, string, number, number] {
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6;
  const [at, octets] = isIpv6 ? [8, 16] : [12, 4];
  const body = isIpv6 ? 40 : 20;
  const address = (from: number): string => hexOf(packet.subarray(from, from + octets));
  return [address(at), address(at + octets), packet[body] ?? 0, packet[body + 1] ?? 0];
}

const hexIp = (text: string): string => hexOf(ip(text));

describe("whom an error comes from", () => {
  for (const [what, from, frame, source] of [
    ["the gateway of the network that the packet came in by", FROM_FOREIGN, packet4, "10.1.0.1"],
    ["for IPv6 its IPv6 address", FROM_FOREIGN, packet6, "fd00:1::1"],
    ["from a router, the gateway closest to where it went", FROM_ROUTER, packet4, "10.2.0.1"],
    [
      "whichever it is",
      FROM_ROUTER,
      ip4({ from: "10.2.0.5", to: "10.1.0.200", protocol: 17 }, datagram),
      "10.1.0.1",
    ],
    ["if it has one of the family", FROM_ROUTER, packet6, "fd00:1::1"],
  ] as const)
    test(what, () => {
      const type = (frame[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
      const action = answered(
        handed({ reason: "ttl", ...from, frame: ethernet(toGateway, type, frame) }),
      );
      const packet = action.do === "route" ? action.packet : action.frame.subarray(14);
      assert.equal(readIcmp(packet)[0], hexIp(source));
    });

  test("nobody, when there is no gateway of the family", () => {
    const frame = ethernet(toGateway, 0x86dd, packet6);
    const without = slowTablesOf(rows.filter((row) => row.table !== "host"));
    const punted = handed({ reason: "ttl", ...FROM_ROUTER, frame });
    assert.deepEqual(step(without, initialSlowState, punted, 0).actions, []);
  });
});

describe("what is told of what", () => {
  for (const [reason, mtu, code4, code6] of [
    ["ttl", 0, [11, 0], [3, 0]],
    ["too-big", 1400, [3, 4], [2, 0]],
    ["no-route", 0, [3, 0], [1, 0]],
  ] as const)
    test(reason, () => {
      for (const [type, packet, code] of [
        [0x0800, packet4, code4],
        [0x86dd, packet6, code6],
      ] as const) {
        const frame = ethernet(toGateway, type, packet);
        const action = answered(handed({ reason, mtu, ...FROM_ROUTER, frame }));
        assert.equal(action.do, "route");
        assert.ok(action.do === "route" && action.space === SPACE);
        assert.deepEqual(readIcmp(action.packet).slice(2), code);
        const at = type === 0x0800 ? 24 : 44;
        const word = new DataView(action.packet.buffer).getUint32(at);
        assert.equal(word, mtu, "the MTU, and nothing else");
      }
    });
});

describe("by which way", () => {
  test("to a host that is not ours through its tunnel, from the gateway's MAC", () => {
    const action = answered(handed({ reason: "no-route", ...FROM_FOREIGN }));
    assert.ok(action.do === "send-to-group");
    assert.equal(action.group, 22);
    assert.equal(
      hex(action.frame.subarray(0, 14)),
      hex(ethernet({ to: SENDER, from: GATEWAY_MAC }, 0x0800)),
    );
  });

  test("to an endpoint of a host of ours through its tunnel, from our router's MAC", () => {
    const action = answered(handed({ reason: "no-route", peer: OURS }));
    assert.ok(action.do === "send-to-group");
    assert.equal(action.group, 21);
    assert.equal(
      hex(action.frame.subarray(0, 14)),
      hex(ethernet({ to: SENDER, from: ROUTER_MAC }, 0x0800)),
    );
  });

  test("to a router by a route, for there is nobody behind his MAC on the network", () => {
    const frame = ethernet({ to: GATEWAY_MAC, from: PEERS_ROUTER_MAC }, 0x0800, packet4);
    const action = answered(handed({ reason: "no-route", peer: OURS, frame }));
    assert.equal(action.do, "route");
  });

  test("to a host without a way back on the network by a route", () => {
    const action = answered(handed({ reason: "no-route", ...FROM_FOREIGN, network: TWO }));
    assert.equal(action.do, "route");
  });

  test("to a port, from the gateway's MAC", () => {
    const action = answered(handed({ reason: "no-route", ...FROM_PORT }));
    assert.ok(action.do === "send-to-port");
    assert.equal(action.port, 3);
    assert.equal(
      hex(action.frame.subarray(0, 14)),
      hex(ethernet({ to: SENDER, from: GATEWAY_MAC }, 0x0800)),
    );
  });
});

describe("nothing is said", () => {
  for (const [what, frame] of Object.entries({
    "about a frame to everybody": ethernet(
      { to: "ff:ff:ff:ff:ff:ff", from: SENDER },
      0x0800,
      packet4,
    ),
    "about what is no IP packet": ethernet(toGateway, 0x88b5, filler(46)),
    "about an ICMP error": ethernet(
      toGateway,
      0x0800,
      ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 1 }, [3, 1, 0, 0], filler(32)),
    ),
    "about a frame without a packet": ethernet(toGateway, 0x0800),
    "about nothing": new Uint8Array(0),
  }))
    test(what, () => {
      const { state, actions, isLimited } = take(handed({ reason: "no-route", frame }));
      assert.deepEqual([state, actions, isLimited], [initialSlowState, [], false]);
    });

  test("about an address that is searched for", () => {
    assert.deepEqual(take(handed({ reason: "glean" })).actions, []);
  });
});

describe("budgets of answers", () => {
  const punted = handed({ reason: "no-route" });
  /** How many of `count` frames at one time are answered, and the state after them. */
  function at(nowMs: number, count: number, before: SlowState, owner = OWNER) {
    let [state, sent, limited] = [before, 0, 0];
    for (let i = 0; i < count; i++) {
      const done = take({ ...punted, owner }, state, nowMs);
      state = done.state;
      sent += done.actions.length;
      if (done.isLimited) limited++;
    }
    return { state, sent, limited };
  }

  test("twenty at once, then one each ten milliseconds", () => {
    const first = at(1000, 30, initialSlowState);
    assert.deepEqual([first.sent, first.limited], [20, 10]);
    assert.equal(at(1000, 1, first.state).sent, 0);
    const later = at(1010, 3, first.state);
    assert.deepEqual([later.sent, later.limited], [1, 2]);
    assert.equal(at(2000, 30, later.state).sent, 20);
  });

  test("one tenant's are not another's", () => {
    const { state } = at(1000, 30, initialSlowState);
    assert.equal(at(1000, 30, state, OWNER + 1).sent, 20);
  });

  test("what is kept is of those who have spent lately", () => {
    let state = initialSlowState;
    for (let owner = 1; owner <= 500; owner++) ({ state } = at(10 * owner, 1, state, owner));
    assert.deepEqual([...state.budgets.keys()], [500]);
  });
});

describe("in pieces", () => {
  const whole = ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 17, fragment: 0 }, filler(60));
  const piece = (fragment: number, from: number, to: number): Uint8Array =>
    ip4(
      { from: "10.1.0.5", to: "10.2.0.9", protocol: 17, fragment },
      filler(60).subarray(from, to),
    );
  const pieces = [piece(0x2000, 0, 40), piece(5, 40, 60)];
  const frame = ethernet(toGateway, 0x0800, whole);

  test("a port's packet goes on as frames of the port", () => {
    const { actions } = take(handed({ reason: "fragment", mtu: 64, ...FROM_PORT, frame }));
    assert.deepEqual(
      actions,
      pieces.map((part) => ({
        ...{ do: "send-from-port", port: 3 },
        frame: ethernet(toGateway, 0x0800, part),
      })),
    );
  });

  test("a packet from a tunnel goes on as packets of its space", () => {
    const { actions } = take(handed({ reason: "fragment", mtu: 64, ...FROM_ROUTER, frame }));
    assert.deepEqual(
      actions,
      pieces.map((packet) => ({ do: "route", space: SPACE, packet })),
    );
  });

  test("an IPv6 packet never", () => {
    const six = ethernet(toGateway, 0x86dd, packet6);
    assert.deepEqual(take(handed({ reason: "fragment", mtu: 64, frame: six })).actions, []);
  });
});

describe("to the gateway itself", () => {
  const gateway = (packet: Uint8Array, type = 0x0800): Punted =>
    handed({ reason: "gateway", frame: ethernet(toGateway, type, packet) });

  test("an echo is answered", () => {
    const asked = { from: "fd00:1::5", to: "fd00:1::1" };
    const action = answered(
      gateway(ip6({ ...asked, next: 58 }, icmp6(asked, 128, filler(20))), 0x86dd),
    );
    assert.ok(action.do === "send-to-group");
    const back = { from: asked.to, to: asked.from };
    assert.equal(
      hex(action.frame),
      hex(
        ethernet(
          { to: SENDER, from: GATEWAY_MAC },
          0x86dd,
          ip6({ ...back, next: 58 }, icmp6(back, 129, filler(20))),
        ),
      ),
    );
  });

  test("other packets are refused from where they went: traceroute ends here", () => {
    for (const [protocol, body] of [
      [17, datagram],
      [6, tcp(1, 2, filler(4))],
    ] as const) {
      const action = answered(gateway(ip4({ from: "10.1.0.5", to: "10.2.0.1", protocol }, body)));
      assert.ok(action.do === "send-to-group");
      assert.deepEqual(readIcmp(action.frame.subarray(14)), [
        ...[hexIp("10.2.0.1"), hexIp("10.1.0.5")],
        ...[3, 3],
      ]);
    }
  });

  test("protocols without ports are not", () => {
    const packet = ip4({ from: "10.1.0.5", to: "10.1.0.1", protocol: 89 }, filler(40));
    assert.deepEqual(take(gateway(packet)).actions, []);
  });

  test("who asks for its MAC by ARP is told", () => {
    const question = arp({ senderMac: SENDER, sender: "10.1.0.5", target: "10.1.0.1" });
    const frame = ethernet({ to: "ff:ff:ff:ff:ff:ff", from: SENDER }, 0x0806, question);
    const action = answered(handed({ reason: "gateway", frame }));
    assert.ok(action.do === "send-to-group");
    const answer = join(
      [0, 1, 8, 0, 6, 4, 0, 2],
      mac(GATEWAY_MAC),
      ip("10.1.0.1"),
      mac(SENDER),
      ip("10.1.0.5"),
    );
    assert.equal(
      hex(action.frame),
      hex(ethernet({ to: SENDER, from: GATEWAY_MAC }, 0x0806, answer)),
    );
  });

  const target = ip("fd00:1::1");
  const solicit = (from: string, hops = 255): Uint8Array => {
    const ends = { from, to: "ff02::1:ff00:1" };
    const body = join(u32(0), target, macOption(1, SENDER));
    return ip6({ ...ends, next: 58, hops }, icmp6(ends, 135, body));
  };
  const advertise = (to: string, flags: number): Uint8Array => {
    const ends = { from: "fd00:1::1", to };
    const body = join(u32(flags), target, macOption(2, GATEWAY_MAC));
    return ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, 136, body));
  };

  for (const [what, from, to, flags] of [
    ["who asks by neighbour discovery is told", "fd00:1::5", "fd00:1::5", 0xe0000000],
    ["who asks from nowhere is told by way of all", "::", "ff02::1", 0xa0000000],
  ] as const)
    test(what, () => {
      const action = answered(gateway(solicit(from), 0x86dd));
      assert.ok(action.do === "send-to-group");
      assert.equal(hex(action.frame.subarray(14)), hex(advertise(to, flags)));
    });

  test("nobody is told of addresses that are not its own, nor from afar", () => {
    const question = arp({ senderMac: SENDER, sender: "10.1.0.5", target: "10.1.0.9" });
    const frame = ethernet(toGateway, 0x0806, question);
    assert.deepEqual(take(handed({ reason: "gateway", frame })).actions, []);
    assert.deepEqual(take(gateway(solicit("fd00:1::5", 254), 0x86dd)).actions, []);
  });
});
