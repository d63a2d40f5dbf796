/** `lab.yaml`: what the lab must know beyond the intent. Optional, and every field of it too. */
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { err, ok, type Result } from "../base/result.ts";

export interface UnderlaySettings {
  /** Octets of the largest packet that the underlay's bridge carries; null: what the uplinks have. */
  readonly mtu: number | null;
  /** Length of the underlay's prefix, of each family. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
}

export interface LabFileError {
  readonly kind: "lab-file";
  readonly file: string;
  readonly detail: string;
}

export interface LabSettings {
  readonly underlay: UnderlaySettings;
  readonly agents: {
    /** Seconds between an agent's looks at the kernel's tables; null: the agent's own default. */
    readonly auditSeconds: number | null;
  };
}

const schema: z.ZodType<LabSettings> = z.strictObject({
  underlay: z
    .strictObject({
      mtu: z.int().min(576).max(65535).nullable().default(null),
      ipv4Prefix: z.int().min(8).max(30).default(24),
      ipv6Prefix: z.int().min(16).max(126).default(64),
    })
    .prefault({}),
  agents: z.strictObject({ auditSeconds: z.int().min(1).nullable().default(null) }).prefault({}),
});

/** The settings in `directory`/lab.yaml, or the defaults if there is no such file. */
export function readLabSettings(directory: string): Result<LabSettings, LabFileError> {
  const file = `${directory}/lab.yaml`;
  const text = readIfThere(file);
  if (!text.ok) return text;
  const document = parseDocument(text.value ?? "{}");
  const [broken] = document.errors;
  if (broken) return err({ kind: "lab-file", file, detail: broken.message });
  const parsed = schema.safeParse(document.toJS() ?? {});
  return parsed.success
    ? ok(parsed.data)
    : err({ kind: "lab-file", file, detail: z.prettifyError(parsed.error) });
}

function readIfThere(file: string): Result<string | null, LabFileError> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return ok(null);
    return err({ kind: "lab-file", file, detail: String(thrown) });
  }
}
