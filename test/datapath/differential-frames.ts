/**
 * Frames for the differential test: sound ones of every protocol that the programs read, with one part or another
 * that is not, and then bent in a few octets or cut. Most get past the first checks.
 */
import type { EncapsulationName } from "../../src/rows/rows.ts";
import {
  EMPTY,
  GATEWAY,
  GROUP,
  LEARNING,
  MOVED_MACS,
  MTU,
  NARROW,
  ODD_MACS,
  PASSING_PLACES,
  passingAddresses,
  ROUTED_PLACES,
  ROUTER,
  ROUTER_MAC,
  SENDERS,
  type Sender,
  SHARED,
  STATIONS,
  stationMac,
} from "./differential-rows.ts";
import type { Draw } from "./draw.ts";
import {
  arp,
  ethernet,
  filler,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  macOption,
  nvgre,
  tcp,
  u16,
  u32,
  udp,
  vxlan,
} from "./frame.ts";
import type { Peer } from "./outer.ts";
import { type Hook, LOCAL, NETWORK, NEXT_HOP, OTHER_NETWORK, PEERS, PORTS, UPLINK } from "./rig.ts";

export interface Packet {
  readonly hook: Exclude<Hook, "slow" | "sweep">;
  readonly on: Sender["interface"] | "uplink";
  readonly frame: Uint8Array;
  /** 0: one packet; else an aggregate. */
  readonly gsoOctets: number;
  /** The agent does not listen to what is for him. */
  readonly isUnheard: boolean;
}

const BROADCAST = "ff:ff:ff:ff:ff:ff";
const NOBODY = "02:00:00:00:09:09";

export function packetOf(draw: Draw): Packet {
  const isUnheard = draw.once(6);
  if (draw.once(100)) {
    const frame = sentFrame(draw, SENDERS[0]);
    return { hook: "idle", on: "uplink", frame, gsoOctets: 0, isUnheard };
  }
  if (draw.once(2)) {
    const frame = bent(draw, tunnelFrame(draw));
    return { hook: "uplink", on: "uplink", frame, gsoOctets: draw.once(60) ? 600 : 0, isUnheard };
  }
  const [first, second, third, fourth] = SENDERS;
  const sender = draw.of(first, first, first, first, second, third, fourth);
  const frame = bent(draw, sentFrame(draw, sender));
  const gsoOctets = draw.once(30) ? draw.of(1, 100, 1300, 1360, 1500) : 0;
  const on = draw.once(100) ? "uplink" : sender.interface;
  return { hook: "port", on, frame, gsoOctets, isUnheard };
}

/** A few octets among the headers changed, the end cut off, or neither. */
function bent(draw: Draw, frame: Uint8Array): Uint8Array {
  if (draw.once(16))
    for (let i = draw.below(3); i >= 0; i--) {
      const at = draw.below(130);
      if (at < frame.length) frame[at] = draw.below(256);
    }
  const cut = draw.once(24) ? 14 + draw.below(110) : frame.length;
  // A test run takes no IP frame without its whole IP header.
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  const least = type === 0x0800 ? 34 : type === 0x86dd ? 54 : 14;
  return frame.slice(0, Math.max(least, cut));
}

// From a port.

function destination(draw: Draw, { network, mac }: Sender): string {
  const station = stationMac(draw.below(STATIONS));
  const neighbour = mac === PORTS[1] ? PORTS[2] : PORTS[1];
  const sound = draw.once(3) ? neighbour : draw.once(2) ? GATEWAY : draw.of<Peer>(...PEERS).mac;
  return draw.mostly(
    8,
    network === LEARNING ? station : sound,
    ...[draw.of(...ODD_MACS), draw.of(...ODD_MACS), PORTS[1], PORTS[3], station],
    ...([BROADCAST, "33:33:00:00:00:01", NOBODY] as const),
  );
}

function sentFrame(draw: Draw, sender: Sender): Uint8Array {
  const ends = {
    to: destination(draw, sender),
    from: draw.mostly(40, sender.mac, NOBODY, PORTS[2]),
  };
  if (draw.once(40))
    return ethernet(ends, draw.of(0x8100, 0x88a8, 0x9100), [0, 5, 8, 0], filler(46));
  switch (draw.below(13)) {
    case 0:
      return ethernet(
        draw.once(3) ? ends : { ...ends, to: BROADCAST },
        0x0806,
        arpOf(draw, sender),
      );
    case 2:
      return solicitation(draw, sender);
    case 1:
      return ethernet(ends, 0x88b5, filler(draw.of(0, 1, 30, 46, 200, MTU, MTU + 1)));
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      return ethernet(ends, 0x0800, packet4(draw, sender));
    default:
      return ethernet(ends, 0x86dd, packet6(draw, sender));
  }
}

/** Of PASSING_PLACES, those that were discovered behind a peer and are over. */
const OVER_PLACES = [4, 5, 6] as const;

function arpOf(draw: Draw, { port, mac }: Sender): Uint8Array {
  const sender = draw.mostly(4, `10.1.0.${port}`, "0.0.0.0", "10.1.0.9", "10.9.1.1", "10.10.1.1");
  const senderMac = draw.mostly(6, mac, NOBODY);
  const [passing = "10.1.3.1"] = passingAddresses(draw.below(PASSING_PLACES.length));
  const [over = "10.1.3.5"] = passingAddresses(draw.of(...OVER_PLACES));
  const others = ["10.1.0.254", passing, over, over, somewhere4(draw)] as const;
  const target = draw.of("10.1.0.1", "10.1.0.2", "10.1.0.3", ...others);
  const message = arp({ operation: draw.of(1, 1, 1, 2), senderMac, sender, target });
  if (draw.once(8)) message[draw.below(6)] = draw.below(8);
  return message;
}

/** Who has an address of the router's, or none: mostly as RFC 4861 has it. */
function solicitation(draw: Draw, { port, mac }: Sender): Uint8Array {
  const [, over = "fd00:3::5"] = passingAddresses(draw.of(...OVER_PLACES));
  const others = ["fd00::fe", over, somewhere6(draw)] as const;
  const target = draw.of("fd00::1", "fd00::2", "fd00::3", ...others);
  const from = draw.mostly(4, `fd00::${port}`, "::");
  const group = `ff02::1:ff00:${ip(target)
    .subarray(14)
    .reduce((n, octet) => 256 * n + octet, 0)
    .toString(16)}`;
  const ends = { from, to: draw.mostly(8, group, target, "ff02::1") };
  const options = draw.mostly(
    3,
    from === "::" ? [] : macOption(1, mac),
    ...[join([14, 1], filler(6)), join(macOption(1, mac), [14, 1], filler(6))],
    ...[macOption(2, mac), filler(3), join([14, 8], filler(62)), filler(0)],
  );
  const message = icmp6(ends, draw.mostly(12, 135, 136), join(u32(0), ip(target), options));
  const link = draw.mostly(6, "33:33:ff:00:00:01", PORTS[2], GATEWAY);
  const header = { ...ends, next: 58, hops: draw.mostly(12, 255, 64) };
  return ethernet({ to: link, from: mac }, 0x86dd, ip6(header, message));
}

/** A SYN that says how much it takes, or what looks like one. */
function syn(draw: Draw): Uint8Array {
  const mss = join([2, draw.mostly(12, 4, 3)], u16(draw.of(1460, 1360, 536, 8960)));
  const options = draw.of<Uint8Array>(
    mss,
    mss,
    join([1], mss, [1, 1, 0]),
    join([1, 1], mss, [3, 3]),
    join([3, 3, 7, 1], mss),
    join([8, draw.of(10, 0, 40)], filler(8), [1, 1], mss),
    filler(4),
  );
  const whole = join(options, filler(-options.length & 3).fill(0));
  const offset = 5 + whole.length / 4;
  const flags = draw.mostly(6, 2, 0x12, 0x10);
  return join(
    ...[u16(draw.below(65_536)), u16(80), u32(1), u32(0), [offset << 4, flags], u16(1000)],
    ...[u16(draw.below(65_536)), u16(0), whole],
  );
}

const echo = (draw: Draw): Uint8Array =>
  join([draw.mostly(6, 8, 0, 3, 11), 0], u16(draw.below(65_536)), u32(7), filler(draw.of(0, 48)));

const payload = (draw: Draw): Uint8Array =>
  filler(
    draw.mostly(
      8,
      draw.of(0, 1, 8, 20, 30, 40, 100, 240),
      NARROW - 28,
      NARROW,
      MTU - 48,
      MTU - 28,
      MTU - 20,
    ),
  );

const udpOf = (draw: Draw): Uint8Array =>
  udp(
    draw.of(1000, 40_000 + draw.below(20_000), 68),
    draw.of(2000, 53, 67, 4789, 8472, 4790, 6081),
    payload(draw),
  );

/** What is behind an IP header, under its number; cut short now and then. */
function transport(draw: Draw): readonly [protocol: number, body: Uint8Array] {
  switch (draw.below(10)) {
    case 8:
      return [6, syn(draw)];
    case 9:
      return [1, echo(draw)];
    case 0:
      return [draw.of(4, 41, 47, 1, 89), payload(draw)];
    case 1:
      return [132, join(u16(draw.below(65_536)), u16(7), payload(draw))];
    case 2:
    case 3:
    case 4:
      return [6, tcp(draw.below(65_536), draw.of(80, 4789), payload(draw))];
    default:
      return [17, draw.once(20) ? filler(draw.below(8)) : udpOf(draw)];
  }
}

const ttlOf = (draw: Draw): number => draw.mostly(12, 64, 0, 1, 2, 255);

function somewhere4(draw: Draw): string {
  const place = `10.1.1.${1 + draw.below(ROUTED_PLACES)}`;
  const further = `10.1.${draw.below(4)}.${draw.of(1, 3, 254, 255, draw.below(256))}`;
  const sound = draw.of(place, place, `10.1.0.${draw.of(1, 2, 3)}`, "10.1.2.9", "10.1.2.200");
  return draw.mostly(
    4,
    sound,
    passingAddresses(draw.below(PASSING_PLACES.length))[0] ?? place,
    ...[further, further, further, "10.1.0.2", "10.1.0.254", "192.0.2.1"],
    draw.of("0.0.0.1", "127.0.0.1", "169.254.1.1", "224.0.0.9", "255.255.255.255"),
  );
}

function somewhere6(draw: Draw): string {
  const place = `fd00:1::${(1 + draw.below(ROUTED_PLACES)).toString(16)}`;
  const further = `fd00:${draw.below(4)}::${draw.of(1, 3, 254, 0xffff, draw.below(65_536)).toString(16)}`;
  const sound = draw.of(place, place, `fd00::${draw.of(1, 2, 3)}`, "fd00:2::9", "fd00:2::9000");
  return draw.mostly(
    4,
    sound,
    passingAddresses(draw.below(PASSING_PLACES.length))[1] ?? place,
    ...[further, further, further, "fd00::2", "fd00::fe", "2001:db8::9"],
    draw.of("::1", "::", "fe80::9", "ff02::1", "::ffff:10.1.1.1"),
  );
}

function packet4(draw: Draw, { port }: Sender): Uint8Array {
  const nobody = draw.once(20);
  const from = nobody
    ? "0.0.0.0"
    : draw.mostly(8, `10.1.0.${port}`, "10.1.0.9", "10.9.3.4", "10.10.0.1", "255.255.255.255");
  const [protocol, body] =
    nobody && draw.once(2) ? ([17, udp(68, 67, payload(draw))] as const) : transport(draw);
  return ip4(
    {
      ...{ from, to: somewhere4(draw), protocol, tos: draw.below(256), ttl: ttlOf(draw) },
      options: filler(draw.mostly(6, 0, 4, 40)),
      fragment: draw.mostly(6, 0x4000, 0, 0x2000, 0x0001, 0x2010, 0x8000),
    },
    body,
  );
}

function packet6(draw: Draw, sender: Sender): Uint8Array {
  const own = `fd00::${sender.port}`;
  const from = draw.mostly(
    6,
    own,
    "::",
    "::",
    "::",
    "fd00::9",
    "fe80::1",
    "fd09::5",
    "::ffff:10.9.0.1",
  );
  const ends = {
    from,
    to: draw.of("fd00::9", "ff02::1", somewhere6(draw), somewhere6(draw), somewhere6(draw)),
  };
  const [last, body] = draw.once(2)
    ? transport(draw)
    : ([58, icmp6Of(draw, sender, ends)] as const);
  const chain = draw.mostly(3, [], ...chains(draw));
  const parts = chain.map((kind, i) => extension(draw, kind, chain[i + 1] ?? last));
  const header = { ...ends, next: chain[0] ?? last, class: draw.below(256), hops: ttlOf(draw) };
  return ip6(header, ...parts, body);
}

const extensionKind = (draw: Draw): number => draw.of(0, 43, 60, 60, 44);

const chains = (draw: Draw): readonly [readonly number[], ...(readonly number[])[]] => [
  draw.many(1, () => extensionKind(draw)),
  draw.many(1 + draw.below(3), () => extensionKind(draw)),
  draw.many(draw.of(5, 6, 7), () => extensionKind(draw)),
];

function extension(draw: Draw, kind: number, next: number): Uint8Array {
  if (kind === 44) return join([next, 0], u16(draw.of(1, 1, 0, 8, 9)), u32(7));
  const units = draw.of(0, 0, 1, 2);
  return join([next, draw.mostly(20, units, 200)], filler(6 + 8 * units));
}

function icmp6Of(
  draw: Draw,
  { port, mac }: Sender,
  ends: { readonly from: string; readonly to: string },
): Uint8Array {
  const type = draw.of(135, 135, 136, 136, 133, 134, 137, 131, 132, 143, 128, 128, 1);
  const target = ip(draw.mostly(4, `fd00::${port}`, "fd00::9", "fd09::7"));
  const options = join(...draw.many(draw.of(0, 1, 1, 2, 15, 17), () => option(draw, mac)));
  const body: Readonly<Record<number, Uint8Array>> = {
    133: join(u32(0), options),
    134: join(filler(12), options),
    135: join(u32(0), target, options),
    136: join(u32(0x60000000), target, options),
    137: join(u32(0), target, ip("fd00::3"), options),
  };
  const message = icmp6(ends, type, body[type] ?? filler(20));
  return draw.once(10) ? message.slice(0, draw.below(30)) : message;
}

const option = (draw: Draw, mac: string): Uint8Array =>
  draw.once(3)
    ? join([14, draw.mostly(12, 1, 0)], filler(6))
    : macOption(draw.of(1, 2), draw.mostly(12, mac, NOBODY));

// From the underlay.

const askedInside4 = (draw: Draw): Uint8Array =>
  arp({
    ...{ operation: draw.mostly(4, 1, 2), senderMac: PEERS[0].mac, sender: "10.1.0.9" },
    target: draw.of("10.1.0.254", "10.1.1.254", "10.1.0.3"),
  });

const askedInside6 = (draw: Draw): Uint8Array =>
  icmp6(
    { from: "fd00::9", to: "fd00::fe" },
    draw.mostly(4, 135, 136),
    join(u32(0), ip(draw.of("fd00::fe", "fd00:1::fe", "fd00::3"))),
  );

function innerFrame(draw: Draw, network: number): Uint8Array {
  const receivers = SENDERS.filter((sender) => sender.network === network);
  const receiver = receivers[draw.below(receivers.length)] ?? SENDERS[0];
  const to = draw.mostly(
    network === ROUTER ? 12 : 6,
    network === ROUTER ? ROUTER_MAC : draw.mostly(4, receiver.mac, GATEWAY),
    ...[
      draw.of(...ODD_MACS),
      draw.of(...MOVED_MACS),
      draw.of(...MOVED_MACS),
      ROUTER_MAC,
      NOBODY,
      PEERS[0].mac,
      PORTS[3],
    ],
    ...([BROADCAST, stationMac(draw.below(STATIONS))] as const),
  );
  const from = draw.mostly(
    12,
    stationMac(draw.below(STATIONS)),
    ...(["00:00:00:00:00:00", "01:00:5e:00:00:01", GATEWAY, PEERS[0].mac, PORTS[2]] as const),
  );
  const type = draw.mostly(
    20,
    network === ROUTER
      ? draw.of(0x0800, 0x86dd)
      : draw.of(0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x88b5),
    ...([0x8100, 0x88a8, 0x9100] as const),
  );
  const octets = draw.of(
    0,
    1,
    20,
    46,
    60,
    100,
    100,
    MTU - 40,
    MTU - 20,
    NARROW - 20,
    draw.mostly(6, 60, MTU, MTU + 1),
  );
  const tos = draw.below(256);
  const body = filler(octets);
  const whole =
    type === 0x0800
      ? ip4(
          {
            ...{ from: "10.1.0.9", to: somewhere4(draw), protocol: draw.of(17, 17, 6), tos },
            ...{ ttl: ttlOf(draw), fragment: draw.mostly(3, 0x4000, 0) },
          },
          body,
        )
      : type === 0x86dd
        ? ip6(
            {
              ...{ from: "fd00::9", to: somewhere6(draw), class: tos },
              ...{ next: draw.mostly(3, 17, 58), label: draw.below(99), hops: ttlOf(draw) },
            },
            draw.once(2) ? body : askedInside6(draw),
          )
        : type === 0x0806
          ? askedInside4(draw)
          : body;
  const frame = ethernet({ to, from }, type, whole);
  return draw.once(24) ? frame.slice(0, draw.of(0, 13, 14, 15, 33, 53)) : frame;
}

function tunnelFrame(draw: Draw): Uint8Array {
  const encapsulation = draw.of<EncapsulationName>("vxlan", "nvgre");
  const vni = draw.mostly(
    12,
    draw.of(NETWORK, NETWORK, LEARNING, LEARNING, OTHER_NETWORK, ROUTER, ROUTER, ROUTER),
    ...([EMPTY, EMPTY, 0, 0xffffff] as const),
  );
  const inner = innerFrame(draw, vni);
  const isVxlan = encapsulation === "vxlan";
  const shim = isVxlan
    ? udp(
        50_000,
        draw.mostly(30, 4789, 4790),
        join(vxlan(vni, draw.mostly(12, 0x08000000, 0x08ffffff, 0xf7000000, 0)), inner),
        draw.once(60) ? draw.below(60) : 16 + inner.length,
      )
    : join(
        nvgre(
          vni,
          draw.mostly(12, 0x2000, 0x3000, 0xa000, 0x2001, 0x23f8, 0x6000),
          draw.mostly(40, 0x6558, 0x0800),
          draw.below(256),
        ),
        inner,
      );
  const outer = draw.once(2) ? outer4 : outer6;
  // Cut inside the tunnel's header, by a sender who counts what he sends.
  const sent = draw.once(80) ? shim.slice(0, 4 + draw.below(12)) : shim;
  return outer(draw, isVxlan ? 17 : 47, sent);
}

const WIRE = { to: UPLINK, from: NEXT_HOP };
const trailer = (draw: Draw): Uint8Array => filler(draw.mostly(4, 0, 4, 40));

function outer4(draw: Draw, protocol: number, shim: Uint8Array): Uint8Array {
  const header = {
    from: draw.mostly(24, draw.of(PEERS[0].address, PEERS[1].address), "192.0.2.98"),
    to: draw.mostly(10, LOCAL.ipv4, SHARED, SHARED, GROUP, "192.0.2.99"),
    ...{ protocol, tos: draw.of(draw.below(4), draw.below(256)) },
    options: filler(draw.mostly(12, 0, 4, 40)),
    fragment: draw.mostly(16, 0x4000, 0, 0x2000, 0x0001, 0x8000),
    ttl: ttlOf(draw),
  };
  return ethernet(WIRE, 0x0800, ip4(header, shim), trailer(draw));
}

function outer6(draw: Draw, protocol: number, shim: Uint8Array): Uint8Array {
  const kind = draw.mostly(24, "none", "fragment", "fragment", "hop-by-hop");
  const header = {
    from: draw.mostly(24, draw.of(PEERS[2].address, PEERS[3].address), "2001:db8::98"),
    to: draw.mostly(16, LOCAL.ipv6, "2001:db8::99"),
    next: kind === "none" ? protocol : kind === "fragment" ? 44 : 0,
    class: draw.of(draw.below(4), draw.below(256)),
    hops: ttlOf(draw),
  };
  const extra =
    kind === "none"
      ? []
      : join([protocol, 0], u16(kind === "fragment" ? draw.of(0, 1, 8, 9) : 0), u32(7));
  return ethernet(WIRE, 0x86dd, ip6(header, extra, shim), trailer(draw));
}
