/** Intent → findings, and the rows of each host: the passes in order. Objects with errors are left out. */
import { sortRows } from "../rows/order.ts";
import { emptyIdBook, type IdBook, type Row } from "../rows/rows.ts";
import { HostRows } from "./host-parts.ts";
import type { Finding, Intent } from "./intent.ts";
import { parseIntent } from "./load.ts";
import { checkAddresses } from "./passes/addresses.ts";
import { checkExports } from "./passes/exports.ts";
import { checkGroups } from "./passes/groups.ts";
import { checkHosts } from "./passes/hosts.ts";
import { checkLimits, type Entries } from "./passes/limits.ts";
import type { Overlay } from "./passes/locals.ts";
import { checkMacs } from "./passes/macs.ts";
import { checkNames } from "./passes/names.ts";
import { checkNumbers } from "./passes/numbers.ts";
import { checkReach } from "./passes/reach.ts";
import { checkRouters } from "./passes/routers.ts";
import { compileSegments, type Segment } from "./passes/segments.ts";
import { checkSupport } from "./passes/support.ts";
import { compileVrfs } from "./passes/vrfs.ts";
import { countErrors, labelOf, nameOf, sortFindings } from "./report.ts";
import { soundPartOf, unsoundLabels } from "./sound.ts";
import type { TextFile } from "./yaml.ts";

const checks: readonly ((intent: Intent) => readonly Finding[])[] = [
  checkNames,
  checkSupport,
  checkNumbers,
  checkHosts,
  checkAddresses,
  checkGroups,
  checkMacs,
  checkRouters,
  checkExports,
];

interface Analysis {
  readonly findings: readonly Finding[];
  readonly sound: Intent;
  readonly overlay: Overlay;
  readonly entriesByHost: ReadonlyMap<string, Entries>;
}

/** An intent never changes, and is compiled for many hosts: what concerns all of them is worked out once. */
const analyses = new WeakMap<Intent, Analysis>();

export function analysisOf(intent: Intent): Analysis {
  const known = analyses.get(intent);
  if (known) return known;
  const findings: Finding[] = [];
  for (const check of checks) findings.push(...check(intent));
  const before = soundPartOf(intent, findings);
  const { segments: joined, findings: unjoined } = compileSegments(before);
  findings.push(...unjoined);
  const routed = soundPartOf(intent, findings);
  findings.push(...checkReach(compileVrfs(routed, byNetwork(joined))));
  const reached = overlayOf(intent, joined, findings);
  const { findings: full, entriesByHost } = checkLimits(before, reached.overlay);
  findings.push(...full);
  const { sound, overlay } = full.length > 0 ? overlayOf(intent, joined, findings) : reached;
  const analysis = { findings: sortFindings(findings), sound, overlay, entriesByHost };
  analyses.set(intent, analysis);
  return analysis;
}

const byNetwork = (segments: readonly Segment[]): Overlay["segments"] =>
  new Map(segments.map((segment) => [segment.network.key, segment]));

/** What is sound in `intent`, as it is. */
function overlayOf(
  intent: Intent,
  joined: readonly Segment[],
  findings: readonly Finding[],
): { readonly sound: Intent; readonly overlay: Overlay } {
  const sound = soundPartOf(intent, findings);
  const segments = byNetwork(withoutUnsound(joined, findings));
  return { sound, overlay: { segments, vrfs: compileVrfs(sound, segments) } };
}

function withoutUnsound(
  segments: readonly Segment[],
  findings: readonly Finding[],
): readonly Segment[] {
  const unsound = unsoundLabels(findings);
  if (unsound.size === 0) return segments;
  return segments
    .filter(({ network }) => !unsound.has(labelOf(nameOf(network))))
    .map((segment) => ({
      ...segment,
      membersByHost: new Map(
        [...segment.membersByHost].filter(([, { host }]) => !unsound.has(labelOf(nameOf(host)))),
      ),
    }));
}

/** Everything that is wrong with what an intent means; what is wrong with its text, `parseIntent` says. */
export function checkIntent(intent: Intent): readonly Finding[] {
  return analysisOf(intent).findings;
}

/**
 * The rows of the host called `name`, sorted, with its ids: those in `ids` stay. None for a host that is unknown, unmanaged or has
 * an error itself.
 */
export function compileHost(
  intent: Intent,
  name: string,
  ids: IdBook = emptyIdBook,
): { readonly rows: readonly Row[]; readonly ids: IdBook } {
  const { sound, overlay } = analysisOf(intent);
  const [fabric] = sound.fabrics.values();
  const self = sound.hosts.get(name);
  if (!fabric || !self?.spec.managed) return { rows: [], ids };
  const host = new HostRows(self.key, ids);
  host.replace(fabric, self, overlay);
  return { rows: sortRows([...host.parts.values()].flat()), ids: host.ids };
}

/** Texts → intent and every finding about it, in the order of reading. */
export function compileIntent(files: readonly TextFile[]): {
  readonly intent: Intent;
  readonly findings: readonly Finding[];
  /** How many of the findings are errors. */
  readonly errors: number;
} {
  const { intent, findings: shape } = parseIntent(files);
  const findings = allFindings(intent, shape);
  return { intent, findings, errors: countErrors(findings) };
}

/** What is wrong with an intent: with its texts, which is `shape`, and with what it means. */
export function allFindings(intent: Intent, shape: readonly Finding[]): readonly Finding[] {
  // A document that could not be read may be the fabric.
  const unread = shape.some(({ code }) => code === "yaml-syntax" || code === "duplicate-key");
  const checked = checkIntent(intent).filter(({ code }) => !unread || code !== "no-fabric");
  return sortFindings([...shape, ...checked]);
}
