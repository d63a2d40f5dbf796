/** `lab.yaml`: what the lab must know beyond the intent. Optional, and every field of it too. */
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { type IpFamily, isNetworkPrefix, parsePrefix } from "../base/ip.ts";
import { err, ok, type Result } from "../base/result.ts";
import { LIMIT } from "../rows/abi.generated.ts";

export interface UnderlaySettings {
  /** Octets of the largest packet that the underlay's bridge carries; null: what the uplinks have. */
  readonly mtu: number | null;
  /** Length of the underlay's prefix, of each family. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  /** Routers between the hosts, each with an uplink of every host, in the order of the hosts' uplinks; none: a bridge. */
  readonly spines: readonly SpineSettings[];
  readonly links: Links;
}

export interface SpineSettings {
  readonly name: string;
  /** Its part of what each host sends, in proportion to the others'. */
  readonly weight: number;
}

/** Prefixes that the links between hosts and spines are numbered from; null: they have no addresses of the family. */
export type Links = Readonly<Record<IpFamily, string | null>>;

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

/** As many as a peer of the datapath has next hops. */
const SPINES_MAX: number = LIMIT.PEER_ADJACENCIES_MAX;

const spineList: z.ZodType<readonly SpineSettings[]> = z
  .array(
    z.strictObject({
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, '1 to 40 of a-z, 0-9 and "-"'),
      weight: z.int().min(1).max(256).default(1),
    }),
  )
  .max(SPINES_MAX)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    error: "two spines have one name",
  });

/** A number of them, all alike, or a list. */
const spines: z.ZodType<readonly SpineSettings[]> = z.union([
  z
    .int()
    .min(0)
    .max(SPINES_MAX)
    .transform((count) =>
      Array.from({ length: count }, (_, i) => ({ name: `spine${i + 1}`, weight: 1 })),
    ),
  spineList,
]);

const linkPrefix = (family: IpFamily): z.ZodType<string | null> =>
  z
    .string()
    .refine(
      (text) => {
        const prefix = parsePrefix(text);
        return prefix?.family === family && isNetworkPrefix(prefix);
      },
      { error: `an ${family === "ipv4" ? "IPv4" : "IPv6"} prefix, as 'address/bits'` },
    )
    .nullable();

const links: z.ZodType<Links> = z
  .strictObject({
    ipv4: linkPrefix("ipv4").default("100.64.0.0/16"),
    ipv6: linkPrefix("ipv6").default("fd00:64::/64"),
  })
  .refine(({ ipv4, ipv6 }) => ipv4 !== null || ipv6 !== null, {
    error: "links need addresses of one family at least",
  });

const schema: z.ZodType<LabSettings> = z.strictObject({
  underlay: z
    .strictObject({
      mtu: z.int().min(576).max(65535).nullable().default(null),
      ipv4Prefix: z.int().min(8).max(30).default(24),
      ipv6Prefix: z.int().min(16).max(126).default(64),
      spines: spines.default([]),
      links: links.prefault({}),
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
