/**
 * Files → intent: YAML, then the shape of each document, then one map a kind. Never stops at the first fault.
 * What stands as it stood is not read again: the work of a change grows with the change.
 */
import { compareText } from "../base/text.ts";
import type {
  Fabric,
  Finding,
  Host,
  Intent,
  Network,
  Pool,
  Port,
  RecordedNumbers,
  Router,
  Tenant,
} from "./intent.ts";
import { OrderedMap } from "./ordered-map.ts";
import { keyOf, type ReadFile, type ReadPiece, readFile, type Stated } from "./read-file.ts";
import { findingIn, labelOf } from "./report.ts";
import { numbersFileSchema } from "./schema/numbers-file.ts";
import { findingsOf } from "./shape.ts";
import { type PieceSource, parseYaml, pathOf, splitYaml, type TextFile } from "./yaml.ts";

/** The lock file's name, beside the intent. */
const NUMBERS_FILE = "numbers.yaml";

const isNumbersFile = ({ path }: TextFile): boolean => path.split("/").at(-1) === NUMBERS_FILE;

/** Keys of what was declared, changed, moved in its file or taken out; null: something else was, too. */
export interface IntentChange {
  readonly networks: ReadonlySet<string>;
  readonly ports: ReadonlySet<string>;
  readonly routers: ReadonlySet<string>;
}

export interface LoadedIntent {
  readonly intent: Intent;
  readonly findings: readonly Finding[];
  /** Since the last time. */
  readonly change: IntentChange | null;
}

export const parseIntent = (files: readonly TextFile[]): LoadedIntent =>
  new IntentLoader().load(files);

/** Reads an intent again and again. */
export class IntentLoader {
  #filesByPath: ReadonlyMap<string, ReadFile> = new Map();
  #faulty = new Set<ReadPiece>();
  /** By label ("Port org-a/train-1"): whoever claims the name. */
  readonly #claims = new Map<string, readonly Stated[]>();
  readonly #twice = new Set<string>();
  readonly #broken = new Set<string>();
  readonly #fabrics = new OrderedMap<Fabric>();
  readonly #pools = new OrderedMap<Pool>();
  readonly #tenants = new OrderedMap<Tenant>();
  readonly #hosts = new OrderedMap<Host>();
  readonly #networks = new OrderedMap<Network>();
  readonly #ports = new OrderedMap<Port>();
  readonly #routers = new OrderedMap<Router>();
  #numbers: ReadNumbers = readNumbers([]);
  #numberTexts: readonly string[] = [];

  load(files: readonly TextFile[]): LoadedIntent {
    const sameNumbers = this.#loadNumbers(files.filter(isNumbersFile));
    const touched = this.#loadFiles(files.filter((file) => !isNumbersFile(file)));
    const change = {
      networks: new Set<string>(),
      ports: new Set<string>(),
      routers: new Set<string>(),
    };
    let others = false;
    for (const [label, { kind, key }] of touched) {
      this.#settle(label, kind, key);
      if (kind === "Network") change.networks.add(key);
      else if (kind === "Port") change.ports.add(key);
      else if (kind === "Router") change.routers.add(key);
      else others = true;
    }
    return {
      intent: this.#intent(files),
      findings: [...this.#findings()],
      change: others || !sameNumbers ? null : change,
    };
  }

  /** Names whose claimants are not those of before. */
  #loadFiles(files: readonly TextFile[]): ReadonlyMap<string, Touched> {
    const touched = new Map<string, Touched>();
    const filesByPath = new Map<string, ReadFile>();
    for (const file of files) {
      const before = this.#filesByPath.get(file.path) ?? null;
      const now = readFile(file, before);
      filesByPath.set(file.path, now);
      if (now !== before) this.#replace(before?.pieces ?? [], now.pieces, touched);
    }
    for (const [path, { pieces }] of this.#filesByPath)
      if (!filesByPath.has(path)) this.#replace(pieces, [], touched);
    this.#filesByPath = filesByPath;
    return touched;
  }

  #replace(
    before: readonly ReadPiece[],
    now: readonly ReadPiece[],
    touched: Map<string, Touched>,
  ): void {
    const [were, are] = [new Set(before), new Set(now)];
    for (const piece of before) {
      if (are.has(piece)) continue;
      this.#faulty.delete(piece);
      for (const one of piece.stated)
        this.#claim(one, touched, (claims) => claims.filter((claim) => claim !== one));
    }
    for (const piece of now) {
      if (were.has(piece)) continue;
      if (piece.findings.length > 0) this.#faulty.add(piece);
      for (const one of piece.stated) this.#claim(one, touched, (claims) => [...claims, one]);
    }
  }

  #claim(
    one: Stated,
    touched: Map<string, Touched>,
    change: (claims: readonly Stated[]) => readonly Stated[],
  ): void {
    // Nameless: its shape is wrong, and nothing can refer to it.
    if (one.name === null) return;
    const label = labelOf(one.name);
    const claims = change(this.#claims.get(label) ?? []);
    if (claims.length > 0) this.#claims.set(label, claims);
    else this.#claims.delete(label);
    touched.set(label, { kind: one.kind, key: keyOf(one.name) });
  }

  /** Puts the one sound claimant of a name in its place, or nobody. */
  #settle(label: string, kind: Stated["kind"], key: string): void {
    const claims = this.#claims.get(label) ?? [];
    const object = claims.length === 1 ? (claims[0]?.object ?? null) : null;
    put(this.#twice, label, claims.length > 1);
    put(this.#broken, label, claims.length > 0 && object === null);
    switch (kind) {
      case "Fabric":
        this.#fabrics.put(key, object?.kind === kind ? object : null);
        break;
      case "Pool":
        this.#pools.put(key, object?.kind === kind ? object : null);
        break;
      case "Tenant":
        this.#tenants.put(key, object?.kind === kind ? object : null);
        break;
      case "Host":
        this.#hosts.put(key, object?.kind === kind ? object : null);
        break;
      case "Network":
        this.#networks.put(key, object?.kind === kind ? object : null);
        break;
      case "Port":
        this.#ports.put(key, object?.kind === kind ? object : null);
        break;
      case "Router":
        this.#routers.put(key, object?.kind === kind ? object : null);
        break;
    }
  }

  /** Whether they are those of before. */
  #loadNumbers(files: readonly TextFile[]): boolean {
    const texts = files.flatMap(({ path, text }) => [path, text]);
    const before = this.#numberTexts;
    if (texts.length === before.length && texts.every((text, i) => text === before[i])) return true;
    this.#numberTexts = texts;
    this.#numbers = readNumbers(files);
    return false;
  }

  *#findings(): Iterable<Finding> {
    yield* this.#numbers.findings;
    for (const { findings } of this.#faulty) yield* findings;
    for (const label of this.#twice) yield* duplicates(this.#claims.get(label) ?? []);
  }

  #intent(files: readonly TextFile[]): Intent {
    return {
      files: files.map((file) => file.path).sort(compareText),
      fabrics: this.#fabrics.values(),
      pools: this.#pools.values(),
      tenants: this.#tenants.values(),
      hosts: this.#hosts.values(),
      networks: this.#networks.values(),
      ports: this.#ports.values(),
      routers: this.#routers.values(),
      recorded: this.#numbers.recorded,
      broken: new Set(this.#broken),
    };
  }
}

interface Touched {
  readonly kind: Stated["kind"];
  readonly key: string;
}

function put(into: Set<string>, label: string, there: boolean): void {
  if (there) into.add(label);
  else into.delete(label);
}

/** A finding at each document that claims a name, for none of them is the true one. */
function duplicates(claims: readonly Stated[]): readonly Finding[] {
  const places = claims
    .map(({ source }) => ({ source, line: lineOf(source) }))
    .sort((a, b) => compareText(a.source.file, b.source.file) || a.line - b.line);
  return claims.map(({ name, source }) => {
    const others = places.filter((other) => other.source !== source);
    return findingIn(source, name, "$.metadata.name", {
      code: "duplicate-name",
      message: `also declared at ${others.map((one) => `${one.source.file}:${one.line}`).join(", ")}`,
      suggestion: "give each its own name, or remove one",
    });
  });
}

const lineOf = (source: PieceSource): number =>
  source.readPlaces().get("$.metadata.name")?.line ?? 1;

interface ReadNumbers {
  readonly recorded: RecordedNumbers;
  readonly findings: readonly Finding[];
}

function readNumbers(files: readonly TextFile[]): ReadNumbers {
  const findings: Finding[] = [];
  const numbersByName = new Map<string, number>();
  const restingByNumber = new Map<number, string>();
  const parsed = files.flatMap((file) =>
    splitYaml(file.text).map((piece) => parseYaml(file.path, piece)),
  );
  for (const { documents, findings: faults } of parsed) {
    findings.push(...faults);
    for (const document of documents) {
      const shape = numbersFileSchema.safeParse(document.value);
      if (!shape.success) {
        findings.push(...findingsOf(null, document, null, shape.error.issues));
        continue;
      }
      for (const [name, number] of Object.entries(shape.data.numbers))
        numbersByName.set(name, number);
      for (const [number, name] of Object.entries(shape.data.resting))
        restingByNumber.set(Number(number), name);
      for (const [name, number] of numbersByName) {
        const resting = restingByNumber.get(number);
        if (resting === undefined) continue;
        const complaint = {
          code: "bad-value",
          message: `${number} rests (it was ${resting}'s)`,
          suggestion: `remove ${number} from resting`,
        } as const;
        findings.push(findingIn(document.source, null, pathOf("$.numbers", name), complaint));
      }
    }
  }
  const recorded = {
    numbersByName: new Map([...numbersByName].sort(([a], [b]) => compareText(a, b))),
    restingByNumber: new Map([...restingByNumber].sort(([a], [b]) => a - b)),
  };
  return { recorded, findings };
}
