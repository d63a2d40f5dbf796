/** What zod says about a document's shape, as findings: place, the value that offended, what to write instead. */
import type { z } from "zod";
import type { FindingCode } from "./finding.ts";
import type { Finding, ObjectName } from "./intent.ts";
import { nearest } from "./nearest.ts";
import { type Complaint, findingIn } from "./report.ts";
import { fieldNamesAt } from "./schema/fields.ts";
import type { Kind } from "./schema/kinds.ts";
import { pathOf, type YamlDocument } from "./yaml.ts";

type Issue = z.core.$ZodIssue;

/** zod's answer, as far as we use it. */
export type Parsed<Shape> =
  | { readonly success: true; readonly data: Shape }
  | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };

/** Findings for the issues of one document; `kind` is null for numbers.yaml. */
export function findingsOf(
  kind: Kind | null,
  document: YamlDocument,
  object: ObjectName | null,
  issues: readonly Issue[],
): readonly Finding[] {
  const out: Finding[] = [];
  for (const issue of issues) {
    // The kind was recognised, and a wrong apiVersion has its own finding.
    if (kind !== null && issue.path.length === 1 && issue.path[0] === "apiVersion") continue;
    const path = issue.path.map((part: PropertyKey) =>
      typeof part === "number" ? part : String(part),
    );
    const at = path.reduce<string>(pathOf, "$");
    if (issue.code === "unrecognized_keys")
      for (const key of issue.keys)
        out.push(
          findingIn(document.source, object, pathOf(at, key), unknownField(kind, path, key)),
        );
    else {
      const value = valueAt(document.value, path);
      out.push(findingIn(document.source, object, at, complaintOf(issue, path, value)));
    }
  }
  return out;
}

function unknownField(
  kind: Kind | null,
  path: readonly (string | number)[],
  key: string,
): Complaint {
  const fields =
    kind === null ? ["apiVersion", "numbers", "resting"] : fieldNamesAt(kind, schemaPath(path));
  return {
    code: "unknown-field",
    message: `there is no field ${key}`,
    suggestion: nearest(key, fields) ?? `one of ${fields.join(", ")}`,
  };
}

function complaintOf(
  issue: Exclude<Issue, { code: "unrecognized_keys" }>,
  path: readonly (string | number)[],
  value: unknown,
): Complaint {
  const shown = value === undefined ? "" : `${JSON.stringify(value)}: `;
  switch (issue.code) {
    case "invalid_type":
      return value === undefined
        ? {
            code: "missing-field",
            message: `${path.at(-1) ?? "it"} is missing (${issue.expected})`,
          }
        : { code: "wrong-type", message: `${shown}expected ${issue.expected}` };
    case "invalid_value": {
      const choices = issue.values.map(String);
      const code: FindingCode = value === undefined ? "missing-field" : "bad-value";
      const message =
        value === undefined
          ? `${path.at(-1) ?? "it"} is missing (${choices.join(" or ")})`
          : `${shown}expected ${choices.join(" or ")}`;
      return { code, message, suggestion: nearest(String(value), choices) };
    }
    case "custom": {
      const suggestion: unknown = issue.params?.suggestion;
      return {
        code: "bad-value",
        message: `${shown}${issue.message}`,
        suggestion: typeof suggestion === "string" ? suggestion : null,
      };
    }
    case "too_small":
      return {
        code: "bad-value",
        message: `${shown}${boundText(issue.origin, "least", issue.minimum)}`,
      };
    case "too_big":
      return {
        code: "bad-value",
        message: `${shown}${boundText(issue.origin, "most", issue.maximum)}`,
      };
    default:
      return { code: "bad-value", message: `${shown}${issue.message}` };
  }
}

function boundText(origin: string, side: "least" | "most", bound: number | bigint): string {
  return origin === "array" ? `at ${side} ${bound} items` : `at ${side} ${bound}`;
}

/** "spec.uplinks[]": a path in the schema. */
function schemaPath(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === "number" ? "[]" : `.${part}`))
    .join("")
    .replace(/^\./, "");
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = new Map<string, unknown>(Object.entries(at)).get(String(part));
  }
  return at;
}
