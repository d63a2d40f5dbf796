/** Files → intent: YAML, then the shape of each document, then one map a kind. Never stops at the first fault. */
import { compareText } from "../base/text.ts";
import type {
  Fabric,
  Finding,
  Host,
  Intent,
  Network,
  ObjectName,
  Pool,
  Port,
  RecordedNumbers,
  Source,
  Tenant,
} from "./intent.ts";
import { nearest } from "./nearest.ts";
import { findingIn, labelOf } from "./report.ts";
import {
  API_VERSION,
  fabricSchema,
  hostSchema,
  KINDS,
  type Kind,
  LATER_KINDS,
  networkSchema,
  poolSchema,
  portSchema,
  tenantSchema,
} from "./schema/kinds.ts";
import { numbersFileSchema } from "./schema/numbers-file.ts";
import { findingsOf, type Parsed } from "./shape.ts";
import { parseYaml, pathOf, type TextFile, type YamlDocument } from "./yaml.ts";

/** The lock file's name, beside the intent. */
const NUMBERS_FILE = "numbers.yaml";

/** A document that says which of our kinds it is. */
interface Stated {
  readonly kind: Kind;
  /** Null if it has no usable name. */
  readonly object: ObjectName | null;
  readonly document: YamlDocument;
}

export function parseIntent(files: readonly TextFile[]): {
  readonly intent: Intent;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const stated: Stated[] = [];
  const loader = new Loader(findings);
  for (const file of files) {
    const { documents, findings: faults } = parseYaml(file);
    findings.push(...faults);
    for (const document of documents) {
      if (file.path.split("/").at(-1) === NUMBERS_FILE) loader.readNumbers(document);
      else {
        const one = stateOf(document, findings);
        if (one) stated.push(one);
      }
    }
  }
  const twice = duplicates(stated, findings);
  for (const one of stated) loader.read(one, twice);
  return { intent: loader.intent(files), findings };
}

/** What a document says that it is; null, with a finding, if that is nothing of ours. */
function stateOf(document: YamlDocument, findings: Finding[]): Stated | null {
  const { value, source } = document;
  if (!isRecord(value)) {
    const message = "a document is an object with apiVersion, kind, metadata and spec";
    findings.push(findingIn(source, null, "$", { code: "not-a-document", message }));
    return null;
  }
  const { apiVersion, kind } = value;
  const object = objectNameIn(value);
  const complain = (
    path: string,
    code: Finding["code"],
    message: string,
    suggestion: string | null,
  ): void => {
    findings.push(findingIn(source, object, path, { code, message, suggestion }));
  };
  const known = KINDS.find((one) => one === kind);
  if (apiVersion !== API_VERSION)
    complain(
      "$.apiVersion",
      "wrong-api-version",
      `apiVersion is ${JSON.stringify(apiVersion ?? null)}`,
      `apiVersion: ${API_VERSION}`,
    );
  if (known) return { kind: known, object, document };
  const text = typeof kind === "string" ? kind : JSON.stringify(kind ?? null);
  if (LATER_KINDS.includes(text))
    complain(
      "$.kind",
      "kind-not-supported",
      `this version does not act on kind ${text}`,
      "take the document out of the directory until it does",
    );
  else
    complain(
      "$.kind",
      "unknown-kind",
      `there is no kind ${text}`,
      nearest(text, [...KINDS, ...LATER_KINDS]),
    );
  return null;
}

function objectNameIn(value: Readonly<Record<string, unknown>>): ObjectName | null {
  const { kind, metadata } = value;
  if (typeof kind !== "string" || !isRecord(metadata)) return null;
  const { name, tenant } = metadata;
  if (typeof name !== "string") return null;
  return { kind, tenant: typeof tenant === "string" ? tenant : null, name };
}

/** Names that several documents claim; a finding at each, for none of them is the true one. */
function duplicates(stated: readonly Stated[], findings: Finding[]): ReadonlySet<string> {
  const claims = Map.groupBy(
    stated.filter((one) => one.object !== null),
    (one) => (one.object ? labelOf(one.object) : ""),
  );
  const twice = new Set<string>();
  for (const [label, claimants] of claims) {
    if (claimants.length < 2) continue;
    twice.add(label);
    for (const { object, document } of claimants) {
      const others = claimants
        .filter((other) => other.document !== document)
        .map((other) => placeText(other.document.source))
        .join(", ");
      findings.push(
        findingIn(document.source, object, "$.metadata.name", {
          code: "duplicate-name",
          message: `also declared at ${others}`,
          suggestion: "give each its own name, or remove one",
        }),
      );
    }
  }
  return twice;
}

function placeText(source: Source): string {
  const place = source.placesByPath.get("$.metadata.name");
  return `${source.file}:${place?.line ?? 1}`;
}

/** Collects objects and what is wrong with their shape. */
class Loader {
  readonly #findings: Finding[];
  readonly #fabrics = new Map<string, Fabric>();
  readonly #pools = new Map<string, Pool>();
  readonly #tenants = new Map<string, Tenant>();
  readonly #hosts = new Map<string, Host>();
  readonly #networks = new Map<string, Network>();
  readonly #ports = new Map<string, Port>();
  readonly #broken = new Set<string>();
  readonly #numbersByNetwork = new Map<string, number>();
  readonly #restingByNumber = new Map<number, string>();

  constructor(findings: Finding[]) {
    this.#findings = findings;
  }

  read(one: Stated, twice: ReadonlySet<string>): void {
    switch (one.kind) {
      case "Fabric":
        this.#add(one, twice, this.#fabrics, fabricSchema.safeParse(one.document.value));
        break;
      case "Pool":
        this.#add(one, twice, this.#pools, poolSchema.safeParse(one.document.value));
        break;
      case "Tenant":
        this.#add(one, twice, this.#tenants, tenantSchema.safeParse(one.document.value));
        break;
      case "Host":
        this.#add(one, twice, this.#hosts, hostSchema.safeParse(one.document.value));
        break;
      case "Network":
        this.#add(one, twice, this.#networks, networkSchema.safeParse(one.document.value));
        break;
      case "Port":
        this.#add(one, twice, this.#ports, portSchema.safeParse(one.document.value));
        break;
    }
  }

  #add<Shape extends { readonly metadata: { readonly name: string; readonly tenant?: string } }>(
    one: Stated,
    twice: ReadonlySet<string>,
    into: Map<string, Shape & { readonly key: string; readonly source: Source }>,
    parsed: Parsed<Shape>,
  ): void {
    const { document, object, kind } = one;
    if (!parsed.success) {
      this.#findings.push(...findingsOf(kind, document, object, parsed.error.issues));
      if (object) this.#broken.add(labelOf(object));
      return;
    }
    const { name, tenant } = parsed.data.metadata;
    const label = labelOf({ kind, tenant: tenant ?? null, name });
    if (twice.has(label)) {
      this.#broken.add(label);
      return;
    }
    const key = tenant === undefined ? name : `${tenant}/${name}`;
    into.set(key, { ...parsed.data, key, source: document.source });
  }

  readNumbers(document: YamlDocument): void {
    const parsed = numbersFileSchema.safeParse(document.value);
    if (!parsed.success) {
      this.#findings.push(...findingsOf(null, document, null, parsed.error.issues));
      return;
    }
    for (const [network, number] of Object.entries(parsed.data.numbers))
      this.#numbersByNetwork.set(network, number);
    for (const [number, network] of Object.entries(parsed.data.resting))
      this.#restingByNumber.set(Number(number), network);
    for (const [network, number] of this.#numbersByNetwork) {
      const resting = this.#restingByNumber.get(number);
      if (resting === undefined) continue;
      const path = pathOf("$.numbers", network);
      const message = `${number} rests (it was ${resting}'s)`;
      const suggestion = `remove ${number} from resting`;
      this.#findings.push(
        findingIn(document.source, null, path, { code: "bad-value", message, suggestion }),
      );
    }
  }

  intent(files: readonly TextFile[]): Intent {
    const recorded: RecordedNumbers = {
      numbersByNetwork: byKey(this.#numbersByNetwork),
      restingByNumber: new Map([...this.#restingByNumber].sort(([a], [b]) => a - b)),
    };
    return {
      files: files.map((file) => file.path).sort(compareText),
      fabrics: byKey(this.#fabrics),
      pools: byKey(this.#pools),
      tenants: byKey(this.#tenants),
      hosts: byKey(this.#hosts),
      networks: byKey(this.#networks),
      ports: byKey(this.#ports),
      recorded,
      broken: this.#broken,
    };
  }
}

function byKey<Value>(values: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...values].sort(([a], [b]) => compareText(a, b)));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
