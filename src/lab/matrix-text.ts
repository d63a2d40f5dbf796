/** A matrix for people: a block for each router and each network without one, a table of what is denied between networks, every failure in full. */
import type { MatrixReport, ProbeResult } from "../verify/judgement.ts";

interface Place {
  /** "tenant/network". */
  readonly network: string;
  /** "tenant/router", or the network if it has none. */
  readonly space: string;
}

/** By "tenant/port". */
export type PlacesByPort = ReadonlyMap<string, Place>;

export function renderMatrix(report: MatrixReport, places: PlacesByPort): readonly string[] {
  const inside = report.probes.filter((p: ProbeResult) => p.intended === "allow");
  const between = report.probes.filter((p: ProbeResult) => p.intended === "deny");
  const networkOf = (port: string): string => places.get(port)?.network ?? "";
  const spaceOf = (port: string): string => places.get(port)?.space ?? "";
  const blocks = [...Map.groupBy(inside, (p: ProbeResult) => spaceOf(p.from))];
  const { total, asIntended, wrong, unproven } = report.summary;
  return [
    ...blocks.flatMap(([space, probes]) => [...insideBlock(space, probes), ""]),
    ...(between.length > 0 ? [...betweenTable(between, networkOf), ""] : []),
    ...failureLines(report.probes),
    `${total} probes: ${asIntended} came out right, ${wrong} wrong, ${unproven} unproven`,
  ];
}

/** Who reaches whom from one router's networks; the last of them may be ports that another router lets in. "+": arrived with every protocol; "-": did not; "?": not proven; ".": nothing to probe. */
function insideBlock(space: string, probes: readonly ProbeResult[]): readonly string[] {
  const ports = portsIn(probes);
  const cells = Map.groupBy(probes, (p: ProbeResult) => `${p.from} ${p.to}`);
  const width = String(ports.length).length + 1;
  const cell = (from: string, to: string): string =>
    markOf(cells.get(`${from} ${to}`) ?? []).padStart(width);
  const label = (port: string, i: number): string => `${String(i + 1).padStart(4)} ${port}`;
  const nameWidth = Math.max(space.length, ...ports.map((p, i) => label(p, i).length)) + 2;
  const head = ports.map((_: string, i: number) => String(i + 1).padStart(width)).join("");
  return [
    `${space.padEnd(nameWidth)}${head}`,
    ...ports.map(
      (from: string, i: number) =>
        label(from, i).padEnd(nameWidth) + ports.map((to: string) => cell(from, to)).join(""),
    ),
  ];
}

function markOf(probes: readonly ProbeResult[]): string {
  if (probes.length === 0) return ".";
  if (probes.some((p: ProbeResult) => p.observed === "deny")) return "-";
  return probes.some((p: ProbeResult) => p.observed === "unproven") ? "?" : "+";
}

const portsIn = (probes: readonly ProbeResult[]): readonly string[] =>
  [...new Set(probes.flatMap((p: ProbeResult) => [p.from, p.to]))].sort();

/** Denied probes between each two networks: how many were proven of how many. */
function betweenTable(
  probes: readonly ProbeResult[],
  networkOf: (port: string) => string,
): readonly string[] {
  const names = [...new Set(portsIn(probes).map(networkOf))].sort();
  const cells = Map.groupBy(probes, (p: ProbeResult) => `${networkOf(p.from)} ${networkOf(p.to)}`);
  const cell = (from: string, to: string): string => {
    const all = cells.get(`${from} ${to}`) ?? [];
    const denied = all.filter((p: ProbeResult) => p.observed === "deny").length;
    return all.length === 0
      ? "."
      : denied === all.length
        ? `${denied}`
        : `${denied}/${all.length}!`;
  };
  const rows = names.map((from: string) => names.map((to: string) => cell(from, to)));
  const width = 2 + Math.max(...rows.flat().map((text: string) => text.length), 2);
  const title = "denied between networks";
  const nameWidth = Math.max(title.length, ...names.map((name: string) => name.length + 5)) + 2;
  const head = names.map((_: string, i: number) => String(i + 1).padStart(width)).join("");
  return [
    `${title.padEnd(nameWidth)}${head}`,
    ...rows.map(
      (row, i: number) =>
        `${String(i + 1).padStart(4)} ${names[i] ?? ""}`.padEnd(nameWidth) +
        row.map((text: string) => text.padStart(width)).join(""),
    ),
  ];
}

function failureLines(probes: readonly ProbeResult[]): readonly string[] {
  const failures = probes.filter((p: ProbeResult) => p.observed !== p.intended);
  if (failures.length === 0) return [];
  return [...failures.map(failureLine), ""];
}

function failureLine(p: ProbeResult): string {
  const kind = p.observed === "unproven" ? "unproven" : "wrong";
  const observed = p.observed === "unproven" ? whyUnproven(p) : `observed ${p.observed}`;
  const verdict = p.verdict === null ? "" : `, verdict ${p.verdict}`;
  return `${kind.padEnd(8)} ${p.protocol.padEnd(4)} ${p.from} -> ${p.to}: intended ${p.intended}, ${observed}${verdict}`;
}

function whyUnproven(p: ProbeResult): string {
  if (p.verdict === null) return "not seen at its source";
  if (p.control === null) return "the target heard nobody else";
  return "dropped for another reason than the rows say";
}
