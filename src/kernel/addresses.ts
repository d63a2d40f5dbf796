/** Addresses on the devices of the socket's namespace. */
import type { Result } from "../base/result.ts";
import { type Address, addressDump, parseAddress } from "../wire/netlink/address.ts";
import { ask, type NetlinkError, type NetlinkSocket } from "./netlink.ts";

/** Of both families, all devices. */
export function readAddresses(on: NetlinkSocket): Result<readonly Address[], NetlinkError> {
  return ask(on, addressDump(), parseAddress);
}
