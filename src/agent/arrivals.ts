/**
 * Ports whose interface has come to this host: hosts that are not ours, and networks that learn from the wire, are told
 * in the endpoint's name where it is now (RFC 5227 section 3, RFC 4861 section 7.2.6), for it need not say so itself.
 */
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { announcementOf } from "../endpoints/question.ts";
import type { HostRow, PortRow, Row } from "../rows/rows.ts";
import type { Question } from "./endpoints.ts";

export class Arrivals {
  /** `tenant/name` of ports that were there the last time; null: nobody has looked yet, and all were there before us. */
  #present: ReadonlySet<string> | null = null;

  /** What is to be said of those of `present` that were not there the last time. */
  announcements(present: readonly string[], readRows: () => readonly Row[]): readonly Question[] {
    const before = this.#present;
    this.#present = new Set(present);
    if (before === null || present.every((name) => before.has(name))) return [];
    const rows = readRows();
    const others = networksOfOthers(rows);
    return rows
      .filter((row) => row.table === "port")
      .filter((port) => {
        const name = `${port.tenant}/${port.name}`;
        return others.has(port.network) && this.#present?.has(name) && !before.has(name);
      })
      .flatMap((port) => announcementsOf(port, rows));
  }
}

/** Networks in which somebody has to hear it: a host of another kind, or one that learns. */
const networksOfOthers = (rows: readonly Row[]): ReadonlySet<number> =>
  new Set(
    rows
      .filter((row) => row.table === "admit" && (row.dscpKeep || row.learns))
      .flatMap((row) => (row.table === "admit" ? row.network : [])),
  );

function announcementsOf({ port, network }: PortRow, rows: readonly Row[]): readonly Question[] {
  const isHere = (row: Row): row is HostRow =>
    row.table === "host" && row.kind === "port" && row.target === port && row.network === network;
  return rows.filter(isHere).flatMap((row): readonly Question[] => {
    const [address, mac] = [parseIp(row.address), parseMac(row.mac ?? "")];
    if (!address || !mac) return [];
    return [
      { do: "send-from-port", port, frame: announcementOf(address, mac, { isRouter: false }) },
    ];
  });
}
