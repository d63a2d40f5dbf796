/** What the state file gives back, and which ids are given when it gives nothing. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { emptyTables, entriesOf, keyText } from "../../src/agent/entries.ts";
import {
  type AgentState,
  emptyState,
  idsBeyond,
  readState,
  StateFile,
  setStateAside,
} from "../../src/agent/state.ts";
import {
  emptyIdBook,
  type IdBook,
  type RowParts,
  type RowsChange,
  unchangedIds,
} from "../../src/rows/rows.ts";

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "weft-t-state-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

const state: AgentState = {
  host: "h1",
  ids: { ...emptyIdBook, ports: { next: 3, idsByName: { "a/one": 1, "a/two": 2 } } },
  parts: new Map([["", [{ table: "vtep", address: "192.0.2.1", shared: false }]]]),
};

const writeState = async (where: string): Promise<unknown> => {
  const file = new StateFile(where);
  const written = await file.write(state);
  await file.close();
  return written;
};

test("a state comes back as it was written, and an absent one is empty", async (t) => {
  const where = join(directory(t), "not", "yet", "there");
  assert.deepEqual(await readState(where), { ok: true, value: emptyState });
  assert.deepEqual(await writeState(where), { ok: true, value: null });
  assert.deepEqual(await readState(where), { ok: true, value: state });
});

const changes: readonly (readonly [RowParts, RowsChange])[] = [
  [
    new Map([["a/n", [{ table: "vtep", address: "192.0.2.2", shared: true }]]]),
    {
      parts: new Set(["", "a/n"]),
      ids: {
        ...unchangedIds(state.ids),
        ports: { next: 4, idsByName: { "a/one": null, "a/three": 3 } },
      },
    },
  ],
  [new Map([["a/n", []]]), { parts: new Set(["a/n"]), ids: unchangedIds(afterFirst()) }],
];

function afterFirst(): IdBook {
  return { ...state.ids, ports: { next: 4, idsByName: { "a/two": 2, "a/three": 3 } } };
}

test("changes come back too, but for the one that was being written", async (t) => {
  const where = directory(t);
  const file = new StateFile(where);
  t.after(() => file.close());
  assert.ok((await file.write(state)).ok);
  const wanted: AgentState[] = [state];
  for (const [parts, change] of changes) {
    const next = { host: "h1", ids: afterFirst(), parts };
    assert.deepEqual(await file.change(next, change), { ok: true, value: null });
    wanted.push(next);
    assert.deepEqual(await readState(where), { ok: true, value: next });
  }
  const path = join(where, "state.ndjson");
  const whole = readFileSync(path, "utf8");
  const ends = [...whole.matchAll(/\n/g)].map((end) => end.index + 1);
  assert.equal(ends.length, 2 + changes.length);
  for (let octets = ends[1] ?? 0; octets < whole.length; octets += 7) {
    writeFileSync(path, whole.slice(0, octets));
    const lines = ends.filter((end) => end <= octets).length;
    assert.deepEqual(await readState(where), { ok: true, value: wanted[lines - 2] });
  }
  for (const spoiled of [
    whole.replace("a/three", "a/trees"),
    whole.replace(/(.*\n)(.*\n)(.*\n)/, "$1$2"),
  ]) {
    writeFileSync(path, spoiled);
    const read = await readState(where);
    assert.ok(!read.ok && read.error.kind === "state-unreadable", "it was believed");
    assert.match(read.error.detail, /checksum/);
  }
});

test("a file is long when most of it is history, and short again when it is written anew", async (t) => {
  const where = directory(t);
  const file = new StateFile(where);
  t.after(() => file.close());
  const rows = Array.from({ length: 2000 }, (_, i) => ({
    table: "vtep" as const,
    address: `192.0.2.${i}`,
    shared: false,
  }));
  const parts = new Map(Array.from({ length: 300 }, (_, i) => [`a/n${i}`, i === 7 ? rows : []]));
  const many = { ...state, parts };
  assert.ok((await file.write(many)).ok);
  const change = { parts: new Set(["a/n7"]), ids: unchangedIds(state.ids) };
  let writes = 0;
  while (!file.isLong && writes < 100) {
    assert.ok((await file.change(many, change)).ok);
    writes++;
  }
  assert.ok(writes > 3 && writes < 100, `${writes} changes`);
  const long = statSync(join(where, "state.ndjson")).size;
  assert.ok((await file.write(many)).ok);
  assert.ok(!file.isLong && statSync(join(where, "state.ndjson")).size < long / 3);
  assert.deepEqual(await readState(where), { ok: true, value: many });
});

for (const [what, spoil, says] of [
  ["is cut short", (text: string): string => text.slice(0, 100), /0 of at least 1/],
  ["was edited", (text: string): string => text.replace("192.0.2.1", "192.0.2.9"), /checksum/],
  [
    "is of another version",
    (text: string): string => text.replace(/"version":\d+/, '"version":1'),
    /of version 1/,
  ],
  ["is something else", (): string => "null", /null/],
] as const)
  test(`a state that ${what} is told apart, and can be set aside`, async (t) => {
    const where = directory(t);
    await writeState(where);
    const file = join(where, "state.ndjson");
    const spoiled = spoil(readFileSync(file, "utf8"));
    writeFileSync(file, spoiled);
    const read = await readState(where);
    assert.ok(!read.ok && read.error.kind === "state-unreadable");
    assert.match(read.error.detail, says);
    const aside = await setStateAside(where);
    assert.ok(aside.ok);
    assert.equal(readFileSync(aside.value, "utf8"), spoiled);
    assert.deepEqual(await readState(where), { ok: true, value: emptyState });
  });

test("a directory that cannot be written is an error, not a throw", async (t) => {
  const file = join(directory(t), "file");
  writeFileSync(file, "");
  for (const done of [await readState(file), await new StateFile(file).write(state)])
    assert.ok(!done.ok && done.error.kind === "system" && /EEXIST|ENOTDIR/.test(done.error.name));
});

test("new ids are above those that the kernel holds, and above those given before", () => {
  const tables = emptyTables();
  for (const [table, id] of [
    ["port", 7],
    ["port", 2],
    ["group", 300],
  ] as const) {
    const key = Uint8Array.of(id & 0xff, id >> 8, 0, 0);
    entriesOf(tables, table).set(keyText(key), { key, row: Uint8Array.of(1) });
  }
  const ids = idsBeyond({ ...state.ids, groups: { next: 400, idsByName: {} } }, tables);
  assert.deepEqual([ids.ports.next, ids.peers.next, ids.groups.next], [8, 1, 400]);
  assert.deepEqual(ids.ports.idsByName, state.ids.ports.idsByName);
});
