/** Findings: how they are made, ordered, counted and printed. */
import { compareText } from "../base/text.ts";
import type { FindingCode } from "./finding.ts";
import type { Finding, IntentObject, ObjectName, Place, Source } from "./intent.ts";

export interface Complaint {
  readonly severity?: "warning";
  readonly code: FindingCode;
  readonly message: string;
  readonly suggestion?: string | null;
}

/** A finding about `object`, at its `path` ("$.spec.vni"), or at what encloses it if that is not written. */
export function findingAt(object: IntentObject, path: string, complaint: Complaint): Finding {
  return findingIn(object.source, nameOf(object), path, complaint);
}

export function findingIn(
  source: Source,
  object: ObjectName | null,
  path: string,
  complaint: Complaint,
): Finding {
  const { line, column } = placeOf(source, path);
  return {
    severity: complaint.severity ?? "error",
    code: complaint.code,
    object,
    file: source.file,
    line,
    column,
    path,
    message: complaint.message,
    suggestion: complaint.suggestion ?? null,
  };
}

function placeOf(source: Source, path: string): Place {
  const places = source.readPlaces();
  let at = path;
  for (;;) {
    const place = places.get(at);
    if (place) return place;
    const shorter = at.replace(/(\.[^.[\]]+|\[[^\]]*\])$/, "");
    if (shorter === at) return { line: 1, column: 1 };
    at = shorter;
  }
}

export function nameOf(object: IntentObject): ObjectName {
  const { kind, metadata } = object;
  return { kind, tenant: "tenant" in metadata ? metadata.tenant : null, name: metadata.name };
}

/** "Network org-a/training": what `Intent.broken` holds, and how messages name an object. */
export function labelOf(object: ObjectName): string {
  return `${object.kind} ${object.tenant === null ? "" : `${object.tenant}/`}${object.name}`;
}

/** In the order of reading: by file, place, code. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(
    (a, b) =>
      compareText(a.file, b.file) ||
      a.line - b.line ||
      a.column - b.column ||
      compareText(a.code, b.code) ||
      compareText(a.message, b.message),
  );
}

export function countErrors(findings: readonly Finding[]): number {
  return findings.filter((finding) => finding.severity === "error").length;
}

/** One line for people: place, severity, code, message, fix. */
export function renderFinding(finding: Finding): string {
  const { file, line, column, severity, code, message, suggestion, object } = finding;
  const about = object ? `${labelOf(object)}: ` : "";
  const fix = suggestion === null ? "" : ` (fix: ${suggestion})`;
  return `${file}:${line}:${column}: ${severity} ${code}: ${about}${message}${fix}`;
}
