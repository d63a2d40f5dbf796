/** The datapath's counters, summed over CPUs. */
import { type LAYOUTS, VERDICTS } from "../rows/abi.generated.ts";
import { integerOf, type LayoutName } from "../rows/pack.ts";
import type { Row } from "../rows/rows.ts";
import type { Datapath } from "./datapath.ts";

const index = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
};

function sum<L extends LayoutName>(
  rows: readonly Uint8Array[],
  layout: L,
  field: keyof (typeof LAYOUTS)[L]["fields"] & string,
): number {
  return rows.reduce((total, row) => total + integerOf(layout, row, field), 0);
}

/** Events that were not told: sampled out, or the ring was full. */
export function readEventsLost(datapath: Datapath): number {
  return VERDICTS.reduce(
    (lost, _, id) =>
      lost + sum(datapath.map("event_budget").perCpu(index(id)), "eventBudgetRow", "lost"),
    0,
  );
}

/** The answer of `weft counters --json`. Verdicts that never happened are listed with zeros. */
export function readCounters(datapath: Datapath, host: string, rows: readonly Row[]): object {
  const verdicts = VERDICTS.slice(1).map((name, i) => {
    const perCpu = datapath.map("counter").perCpu(index(i + 1));
    return {
      id: i + 1,
      name,
      packets: sum(perCpu, "counterRow", "packets"),
      octets: sum(perCpu, "counterRow", "octets"),
    };
  });
  const ports = rows
    .filter((row) => row.table === "port")
    .map((row) => {
      const perCpu = datapath.map("port_counter").perCpu(index(row.port));
      return {
        port: `${row.tenant}/${row.name}`,
        network: `${row.tenant}/${row.networkName}`,
        interface: row.interface,
        fromPackets: sum(perCpu, "portCounterRow", "fromPackets"),
        fromOctets: sum(perCpu, "portCounterRow", "fromOctets"),
        toPackets: sum(perCpu, "portCounterRow", "toPackets"),
        toOctets: sum(perCpu, "portCounterRow", "toOctets"),
        dropped: sum(perCpu, "portCounterRow", "dropped"),
      };
    });
  return { host, verdicts, ports, eventsLost: readEventsLost(datapath) };
}
