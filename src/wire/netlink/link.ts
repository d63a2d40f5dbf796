/**
 * Network devices: RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK (linux/rtnetlink.h, if_link.h). Reads what the
 * agent acts on; creates two kinds of device, VXLAN with metadata and a bridge.
 *
 *  |    family     |       0       |            hardware           |     host order
 *  |                            index                              |
 *  |                            flags                              |
 *  |                    mask of flags to change                    |
 *  |  attributes …                                                 |
 *
 * Leaves out: statistics, virtual functions, queues, alternative names, every other kind's own data.
 */
import { formatMac, parseMac } from "../../base/mac.ts";
import { invariant } from "../../base/result.ts";
import type { Reader } from "../reader.ts";
import {
  emitNest,
  emitOctets,
  emitText,
  emitU8,
  emitU16be,
  emitU32,
  parseAttributes,
  parseText,
} from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

const AF_INET6 = 10;
const UP = 0x1;
const NOARP = 0x80;

const ADDRESS = 1;
const NAME = 3;
const MTU = 4;
const LOWER = 5;
const MASTER = 10;
const OPERSTATE = 16;
const INFO = 18;
const AF_SPEC = 26;
const EXTENSIONS = 29;
const PROMISCUITY = 30;
const CARRIER = 33;
const LOWER_NAMESPACE = 37;
const INFO_KIND = 1;
const INFO_DATA = 2;
const INET6_GENERATION = 8;
const VXLAN_ID = 1;
const VXLAN_LEARNING = 7;
const VXLAN_PORT = 15;
const VXLAN_UDP_SUM = 18;
const VXLAN_ZERO_SUM6_SEND = 19;
const VXLAN_ZERO_SUM6_RECEIVE = 20;
const VXLAN_EXTERNAL = 25;

/** In the order of RFC 2863 as the kernel numbers them from 0. */
const OPERSTATES = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
] as const;
type Operstate = (typeof OPERSTATES)[number];

const GENERATIONS = ["eui64", "none", "stable-secret", "random"] as const;
/** How the kernel gives the device IPv6 addresses of its own. */
type AddressGeneration = (typeof GENERATIONS)[number];

/** ARPHRD_ETHER: a frame has an Ethernet header. */
export const HARDWARE_ETHERNET = 1;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*: HARDWARE_ETHERNET, 772 for loopback, 65534 for none. */
  readonly hardware: number;
  /** Null for a device without a MAC address. */
  readonly mac: string | null;
  readonly mtu: number;
  /** Wanted up; `operstate` and `carrier` say whether it can carry packets. */
  readonly up: boolean;
  readonly arp: boolean;
  readonly operstate: Operstate;
  readonly carrier: boolean;
  /** How many want every frame. */
  readonly promiscuity: number;
  /** "veth", "vxlan", "bridge", "tun"; null for hardware and loopback. */
  readonly kind: string | null;
  /** The bridge or bond above, by index. */
  readonly master: number | null;
  /** A veth's peer or the device below, by index in `lowerNamespace`. */
  readonly lower: number | null;
  /** The nsid of the namespace in which `lower` counts; null: this one. */
  readonly lowerNamespace: number | null;
  /** Null where the device has no IPv6. */
  readonly addressGeneration: AddressGeneration | null;
  readonly vxlan: VxlanLink | null;
}

interface VxlanLink {
  /** Tunnel metadata instead of one fixed VNI. */
  readonly external: boolean;
  readonly vni: number;
  readonly port: number;
  readonly learning: boolean;
  /** Outer checksum sent over IPv4. */
  readonly udpSum: boolean;
  readonly zeroSum6Send: boolean;
  readonly zeroSum6Receive: boolean;
}

/** Null for a bridge's own words about its ports (family AF_BRIDGE): a port that leaves is not a device gone. */
export function parseLink(r: Reader): Link | null {
  const family = r.u8();
  r.skip(1);
  const hardware = r.u16le();
  const index = r.s32le();
  const flags = r.u32le();
  r.skip(4);
  if (family !== 0) {
    r.skip(r.left);
    return null;
  }
  let name = "";
  let mac: string | null = null;
  let mtu = 0;
  let operstate: Operstate = "unknown";
  let carrier = false;
  let promiscuity = 0;
  let info: LinkInfo = { kind: null, vxlan: null };
  let master: number | null = null;
  let lower: number | null = null;
  let lowerNamespace: number | null = null;
  let addressGeneration: AddressGeneration | null = null;
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === NAME) name = parseText(value);
    else if (type === ADDRESS && value.left === 6) mac = formatMac(value.octets(6));
    else if (type === MTU) mtu = value.u32le();
    else if (type === OPERSTATE) operstate = OPERSTATES[value.u8()] ?? "unknown";
    else if (type === CARRIER) carrier = value.u8() !== 0;
    else if (type === PROMISCUITY) promiscuity = value.u32le();
    else if (type === INFO) info = parseLinkInfo(value);
    else if (type === MASTER) master = value.u32le();
    else if (type === LOWER) lower = value.u32le() || null;
    else if (type === LOWER_NAMESPACE) lowerNamespace = value.s32le();
    else if (type === AF_SPEC) addressGeneration = parseGeneration(value);
  });
  const up = (flags & UP) !== 0;
  const arp = (flags & NOARP) === 0;
  return {
    ...{ index, name, hardware, mac, mtu, up, arp, operstate, carrier, promiscuity },
    ...{ kind: info.kind, master, lower, lowerNamespace, addressGeneration, vxlan: info.vxlan },
  };
}

interface LinkInfo {
  readonly kind: string | null;
  readonly vxlan: VxlanLink | null;
}

function parseLinkInfo(r: Reader): LinkInfo {
  let kind: string | null = null;
  let vxlan: VxlanLink | null = null;
  // The kernel writes the kind before its data.
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === INFO_KIND) kind = parseText(value);
    else if (type === INFO_DATA && kind === "vxlan") vxlan = parseVxlanLink(value);
  });
  return { kind, vxlan };
}

function parseVxlanLink(r: Reader): VxlanLink {
  let external = false;
  let vni = 0;
  let port = 0;
  let learning = false;
  let udpSum = false;
  let zeroSum6Send = false;
  let zeroSum6Receive = false;
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === VXLAN_EXTERNAL) external = value.u8() !== 0;
    else if (type === VXLAN_ID) vni = value.u32le();
    else if (type === VXLAN_PORT) port = value.u16();
    else if (type === VXLAN_LEARNING) learning = value.u8() !== 0;
    else if (type === VXLAN_UDP_SUM) udpSum = value.u8() !== 0;
    else if (type === VXLAN_ZERO_SUM6_SEND) zeroSum6Send = value.u8() !== 0;
    else if (type === VXLAN_ZERO_SUM6_RECEIVE) zeroSum6Receive = value.u8() !== 0;
  });
  return { external, vni, port, learning, udpSum, zeroSum6Send, zeroSum6Receive };
}

function parseGeneration(r: Reader): AddressGeneration | null {
  let generation: AddressGeneration | null = null;
  parseAttributes(r, (family: number, specific: Reader) => {
    if (family !== AF_INET6) return;
    parseAttributes(specific, (type: number, value: Reader) => {
      if (type === INET6_GENERATION) generation = GENERATIONS[value.u8()] ?? null;
    });
  });
  return generation;
}

/** What to change; what is absent stays. */
export interface LinkChange {
  readonly up?: boolean;
  readonly arp?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** Index of the bridge above; 0: none. */
  readonly master?: number;
  /** No IPv6 address that the kernel makes up itself, not even link-local. */
  readonly addrGenModeNone?: true;
}

function emitHeader(
  out: DataView,
  at: number,
  index: number,
  change: Pick<LinkChange, "up" | "arp">,
): number {
  const mask = (change.up === undefined ? 0 : UP) | (change.arp === undefined ? 0 : NOARP);
  out.setUint32(at, 0, true);
  out.setInt32(at + 4, index, true);
  out.setUint32(at + 8, (change.up ? UP : 0) | (change.arp === false ? NOARP : 0), true);
  out.setUint32(at + 12, mask, true);
  return at + 16;
}

/** Every device; without IPv6 statistics, a third of an answer. */
export function linkDump(): Request {
  return {
    operation: "read links",
    object: "",
    type: RTM_GETLINK,
    flags: FLAG.request | FLAG.dump,
    emit: (out: DataView, at: number) =>
      emitU32(out, emitHeader(out, at, 0, {}), EXTENSIONS, SKIP_IPV6_STATISTICS),
  };
}

const SKIP_IPV6_STATISTICS = 1 << 3;

/** One device, by index or by name. */
export function linkQuery(link: number | string): Request {
  return {
    operation: "read link",
    object: String(link),
    type: RTM_GETLINK,
    flags: FLAG.request,
    emit: (out: DataView, at: number): number => {
      const next = emitHeader(out, at, typeof link === "number" ? link : 0, {});
      return emitU32(
        out,
        typeof link === "string" ? emitText(out, next, NAME, link) : next,
        EXTENSIONS,
        SKIP_IPV6_STATISTICS,
      );
    },
  };
}

export function linkChange(index: number, change: LinkChange): Request {
  return {
    operation: "change link",
    object: String(index),
    type: RTM_SETLINK,
    flags: FLAG.request | FLAG.ack,
    emit: (out: DataView, start: number): number => {
      let at = emitHeader(out, start, index, change);
      if (change.mtu !== undefined) at = emitU32(out, at, MTU, change.mtu);
      if (change.mac !== undefined) {
        const mac = parseMac(change.mac);
        invariant(mac !== null, `not a MAC address: ${change.mac}`);
        at = emitOctets(out, at, ADDRESS, mac);
      }
      if (change.master !== undefined) at = emitU32(out, at, MASTER, change.master);
      if (change.addrGenModeNone)
        at = emitNest(out, at, AF_SPEC, (a: number) =>
          emitNest(out, a, AF_INET6, (b: number) =>
            emitU8(out, b, INET6_GENERATION, GENERATIONS.indexOf("none")),
          ),
        );
      return at;
    },
  };
}

export function linkRemoval(index: number): Request {
  return {
    operation: "delete link",
    object: String(index),
    type: RTM_DELLINK,
    flags: FLAG.request | FLAG.ack,
    emit: (out: DataView, at: number) => emitHeader(out, at, index, {}),
  };
}

/**
 * A VXLAN device that takes its tunnel from packet metadata, learns nothing, sends and accepts zero outer
 * sums. It is created down. One name and one port a namespace, else EEXIST.
 */
export function vxlanExternalCreation(name: string, port: number): Request {
  return {
    operation: "create vxlan device",
    object: name,
    type: RTM_NEWLINK,
    flags: FLAG.request | FLAG.ack | FLAG.create | FLAG.exclusive,
    emit: (out: DataView, start: number): number => {
      const at = emitText(out, emitHeader(out, start, 0, {}), NAME, name);
      return emitNest(out, at, INFO, (a: number) =>
        emitNest(out, emitText(out, a, INFO_KIND, "vxlan"), INFO_DATA, (b: number) => {
          const port16 = emitU16be(out, b, VXLAN_PORT, port);
          return VXLAN_SETTINGS.reduce(
            (next: number, [type, value]: readonly [number, number]) =>
              emitU8(out, next, type, value),
            port16,
          );
        }),
      );
    },
  };
}

/** A bridge with the kernel's own settings. It is created down. One name a namespace, else EEXIST. */
export function bridgeCreation(name: string): Request {
  return {
    operation: "create bridge",
    object: name,
    type: RTM_NEWLINK,
    flags: FLAG.request | FLAG.ack | FLAG.create | FLAG.exclusive,
    emit: (out: DataView, start: number): number => {
      const at = emitText(out, emitHeader(out, start, 0, {}), NAME, name);
      return emitNest(out, at, INFO, (a: number) => emitText(out, a, INFO_KIND, "bridge"));
    },
  };
}

const VXLAN_SETTINGS: readonly (readonly [type: number, value: number])[] = [
  [VXLAN_EXTERNAL, 1],
  [VXLAN_LEARNING, 0],
  [VXLAN_UDP_SUM, 0],
  [VXLAN_ZERO_SUM6_SEND, 1],
  [VXLAN_ZERO_SUM6_RECEIVE, 1],
];
