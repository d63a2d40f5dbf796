/** A trace for people and for programs. */

import type { TraceProtocol } from "../pipeline/trace/probe-packet.ts";
import type { Field, Fields, Lookup } from "../pipeline/trace/recorded-tables.ts";
import type { Leg, LiveTrace, Neighbour, Trace } from "../pipeline/trace/trace.ts";
import type { End, Outer, Step, Walk } from "../pipeline/trace/walk.ts";
import { VERDICTS, type VerdictName } from "../rows/abi.generated.ts";
import { renderTable } from "./table.ts";

export interface Asked {
  readonly protocol: TraceProtocol;
  readonly port: number;
}

const PAGES = "docs/operations";
const pageOf = (verdict: VerdictName): string => `${PAGES}/${verdict}.md`;

/** The promised shape: docs/operations/trace.md. */
export function answerOf(
  { arrives, forward, back }: Trace,
  { protocol, port }: Asked,
  live: LiveTrace | null,
): object {
  return {
    ...{ protocol, port: port === 0 ? null : port, arrives },
    forward: legOf(forward),
    back: back && legOf(back),
    live: live && { seen: live.seen, received: live.isReceived },
  };
}

function legOf(leg: Leg): object {
  const { from, to, arrives, why, mtu } = leg;
  return {
    ...{ from, to, arrives, why, mtu },
    neighbour: leg.neighbour && {
      ...{ address: leg.neighbour.address, gateway: leg.neighbour.isGateway },
      ...{ mac: leg.neighbour.mac, ...walkOf(leg.neighbour.walk) },
    },
    ...(leg.walk ? walkOf(leg.walk) : { end: null, steps: [] }),
  };
}

const walkOf = ({ steps, end }: Walk): object => ({ end: endOf(end), steps: steps.map(stepOf) });

const endOf = (end: End): object => (end.at === "sender" ? { at: end.at } : end);

function stepOf(step: Step): object {
  const { host, hook, from, verdict, beside, mtu, before, after, outer, uplinks, lookups } = step;
  const counted = Object.keys(beside);
  return {
    ...{ host, hook, from, lookups, verdict, page: pageOf(verdict), beside: counted, mtu },
    ...{ before, after, outer, uplinks },
  };
}

export function linesOf(
  { forward, back, arrives }: Trace,
  { protocol, port }: Asked,
  live: LiveTrace | null,
): readonly string[] {
  const what = port === 0 ? protocol : `${protocol} port ${port}`;
  const answered = forward.walk?.end.at === "sender" && forward.arrives;
  return [
    ...legLines(forward, what),
    ...(back ? ["", ...legLines(back, `${what}, the answer`)] : []),
    "",
    arrives
      ? `arrives${answered ? ", and is answered by the gateway" : " in both directions"}`
      : `does not arrive: ${(back ?? forward).why}`,
    ...(live ? liveLines(forward, live) : []),
  ];
}

function liveLines({ to }: Leg, { seen, isReceived }: LiveTrace): readonly string[] {
  return [
    "",
    "one such packet was sent",
    ...seen.map(({ host, hook, verdict }) => `  ${host}, ${hook}: ${verdict}`),
    `  ${to} ${isReceived ? "received it" : "did not receive it"}`,
  ];
}

function legLines(leg: Leg, what: string): readonly string[] {
  const mtu =
    leg.mtu === null ? [] : [`the largest IP packet that goes this way: ${leg.mtu} octets`];
  const { walk, neighbour } = leg;
  return [
    `${leg.from} to ${leg.to}, ${what}`,
    ...(neighbour ? neighbourLines(neighbour) : []),
    ...(walk ? walk.steps.flatMap(stepLines) : []),
    ...(walk ? [`  ${endText(walk)}`] : []),
    ...mtu.map((line) => `  ${line}`),
    ...(leg.why !== null && !walk ? [`  ${leg.why}`] : []),
  ];
}

function neighbourLines({ address, isGateway, mac, walk }: Neighbour): readonly string[] {
  const [first] = walk.steps;
  const who = `who has ${address}${isGateway ? ", the gateway" : ""}?`;
  const by = walk.end.at === "sender" ? `${first?.host} answers for it` : endText(walk);
  return [`  ${who} ${mac ?? "no answer"}: ${by}`, ...walk.steps.flatMap(stepLines)];
}

function stepLines(step: Step): readonly string[] {
  const from = step.hook === "from-port" ? `from ${step.from}` : `from the underlay, ${step.from}`;
  const { before, after, outer, beside } = step;
  const details = [
    ...(after && after.destination !== before.destination
      ? [
          `MAC ${before.source} > ${before.destination} becomes ${after.source} > ${after.destination}`,
        ]
      : []),
    ...(after && after.ttl !== before.ttl ? [`TTL ${before.ttl} becomes ${after.ttl}`] : []),
    ...(outer
      ? [
          outerText(outer),
          `next hop: as ${step.host}'s routes say, by ${step.uplinks.join(" or ")}`,
        ]
      : []),
    `${step.verdict}${Object.keys(beside).length > 0 ? `, and ${Object.keys(beside).join(", ")}` : ""}`,
  ];
  return [
    `  ${step.host}, ${from}${step.mtu === null ? "" : `: MTU ${step.mtu}`}`,
    ...renderTable(distinct(step.lookups).map(cellsOf), "words").map((line) => `    ${line}`),
    ...details.map((line) => `    ${line}`),
  ];
}

/** Asked again with the same answer is told once. */
function distinct(lookups: readonly Lookup[]): readonly Lookup[] {
  const seen = new Set<string>();
  return lookups.filter((lookup) => {
    const text = JSON.stringify(lookup);
    return !seen.has(text) && seen.add(text);
  });
}

const cellsOf = ({ table, key, row }: Lookup): readonly string[] => [
  table,
  fieldsText(key),
  row === null ? "none" : fieldsText(row) || "yes",
];

const fieldsText = (fields: Fields): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== null && value !== false && value !== 0)
    .map(([name, value]) => (value === true ? name : `${name} ${fieldText(value)}`))
    .join(", ");

function fieldText(value: Field): string {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(fieldText).join(" ");
  return `(${fieldsText(Object.fromEntries(Object.entries(value)))})`;
}

function outerText({ encapsulation, vni, source, destination, ttl, entropy }: Outer): string {
  const [kind, number, hash] =
    encapsulation === "vxlan"
      ? ["VXLAN", `VNI ${vni}`, `UDP source port ${entropy}`]
      : ["NVGRE", `VSID ${vni}`, `FlowID ${entropy}`];
  return `${kind} ${number}, ${source} > ${destination}, TTL ${ttl}, ${hash}`;
}

function endText({ steps, end }: Walk): string {
  const last = steps[steps.length - 1];
  const page = last && VERDICTS.includes(last.verdict) ? ` (${pageOf(last.verdict)})` : "";
  switch (end.at) {
    case "port":
      return `delivered to ${end.port} on ${end.host}`;
    case "sender":
      return steps[0]?.verdict === "answered"
        ? `answered by ${steps[0].host}`
        : `dropped by ${steps[0]?.host}, and its sender told: ${steps[0]?.verdict}${page}`;
    case "foreign":
      return `left for ${end.host}, which weft does not program`;
    case "agent":
      return `handed to the agent of ${end.host}: ${end.reason}${page}`;
    case "dropped":
      return `dropped by ${end.host}: ${end.verdict}${page}`;
    case "flooded":
      return `flooded by ${end.host}, and none of ${end.copies} copies goes there`;
    default:
      return "goes in a circle";
  }
}
