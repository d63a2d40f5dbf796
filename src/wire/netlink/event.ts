/** What the kernel tells its subscribers, by multicast group: one message, one event. */
import { err, ok, type Result } from "../../base/result.ts";
import { type DecodeError, decode, type Reader } from "../reader.ts";
import { type Address, parseAddress, RTM_DELADDR, RTM_NEWADDR } from "./address.ts";
import { type Link, parseLink, RTM_DELLINK, RTM_NEWLINK } from "./link.ts";
import type { Message } from "./message.ts";
import { type Neighbour, parseNeighbour, RTM_DELNEIGH, RTM_NEWNEIGH } from "./neighbour.ts";
import { parseRoute, type Route, RTM_DELROUTE, RTM_NEWROUTE } from "./route.ts";

/** `gone`: it was removed, and this is how it last looked. */
export type NetlinkEvent =
  | { readonly on: "link"; readonly gone: boolean; readonly link: Link }
  | { readonly on: "address"; readonly gone: boolean; readonly address: Address }
  | { readonly on: "route"; readonly gone: boolean; readonly route: Route }
  | { readonly on: "neighbour"; readonly gone: boolean; readonly neighbour: Neighbour };

/** Numbers of RTNLGRP_*, by what one wants to hear of. */
export const GROUPS = {
  link: [1],
  neighbour: [3],
  address: [5, 9],
  route: [7, 11],
} as const;
export type GroupName = keyof typeof GROUPS;

const PARSERS: Readonly<Record<number, (r: Reader) => NetlinkEvent | null>> = {
  [RTM_NEWLINK]: (r: Reader) => linkEvent(r, false),
  [RTM_DELLINK]: (r: Reader) => linkEvent(r, true),
  [RTM_NEWADDR]: (r: Reader) => ({ on: "address", gone: false, address: parseAddress(r) }),
  [RTM_DELADDR]: (r: Reader) => ({ on: "address", gone: true, address: parseAddress(r) }),
  [RTM_NEWROUTE]: (r: Reader) => ({ on: "route", gone: false, route: parseRoute(r) }),
  [RTM_DELROUTE]: (r: Reader) => ({ on: "route", gone: true, route: parseRoute(r) }),
  [RTM_NEWNEIGH]: (r: Reader) => neighbourEvent(r, false),
  [RTM_DELNEIGH]: (r: Reader) => neighbourEvent(r, true),
};

function linkEvent(r: Reader, gone: boolean): NetlinkEvent | null {
  const link = parseLink(r);
  return link && { on: "link", gone, link };
}

function neighbourEvent(r: Reader, gone: boolean): NetlinkEvent | null {
  const neighbour = parseNeighbour(r);
  return neighbour && { on: "neighbour", gone, neighbour };
}

/** The event in `message`; null for kinds that nobody here acts on. */
export function parseEvent(message: Message): Result<NetlinkEvent | null, DecodeError> {
  const parse = PARSERS[message.type];
  if (!parse) return ok(null);
  const got = decode("netlink.event", message.body, parse);
  return got.ok ? got : err(got.error);
}
