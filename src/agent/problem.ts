/** Things of this host that keep rows from being in force: for status, log, and the refusal to start. */
import type { DeviceError } from "./devices.ts";

export interface Problem {
  readonly code: string;
  readonly object: string;
  readonly message: string;
  readonly suggestion: string | null;
}

export function problemOf(code: string, object: string, error: DeviceError): Problem {
  const call = error.kind === "netlink" ? `${error.operation} ${error.object}` : error.call;
  return {
    code,
    object,
    message: `${object}: ${call}: ${error.name}: ${error.detail}`,
    suggestion: null,
  };
}

/** Whether it tells that an uplink is lost, which others may make up for. */
export const isLostUplink = ({ code }: Problem): boolean =>
  code === "missing-uplink" || code === "uplink-down";

/** What is wrong with an uplink; `link` is null when this host has no such interface. */
export function uplinkProblem(
  row: { readonly interface: string; readonly mtu: number },
  link: { readonly up: boolean; readonly mtu: number } | null,
): Problem | null {
  const object = `uplink ${row.interface}`;
  if (!link)
    return {
      code: "missing-uplink",
      object,
      message: `${object}: this host has no interface ${row.interface}`,
      suggestion: "name the underlay interface in Host spec.uplinks[].interface",
    };
  if (!link.up)
    return {
      code: "uplink-down",
      object,
      message: `${object}: the interface is down`,
      suggestion: `ip link set ${row.interface} up`,
    };
  if (link.mtu < row.mtu)
    return {
      code: "uplink-mtu",
      object,
      message: `${object}: its MTU is ${link.mtu}, the intent counts on ${row.mtu}`,
      suggestion: `set the interface's MTU to ${row.mtu}, or Host spec.uplinks[].mtu to ${link.mtu}`,
    };
  return null;
}
