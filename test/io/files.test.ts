import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findNumbersPath, readIntentFiles, writeText } from "../../src/io/files.ts";

const root = mkdtempSync(join(tmpdir(), "weft-t-files-"));
after(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string, files: Readonly<Record<string, string | Uint8Array>>): string => {
  const directory = join(root, name);
  mkdirSync(directory);
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(directory, file), content);
  return directory;
};

test("a directory: *.yaml and *.yml by code unit, with numbers.yaml and without lab.yaml", async () => {
  const directory = at("many", {
    "b.yaml": "b",
    "B.yml": "B",
    "a.yaml": "a",
    "numbers.yaml": "n",
    "lab.yaml": "l",
    "notes.txt": "t",
  });
  mkdirSync(join(directory, "sub"));
  writeFileSync(join(directory, "sub", "c.yaml"), "c");
  assert.deepEqual(await readIntentFiles(directory), {
    ok: true,
    value: ["B.yml", "a.yaml", "b.yaml", "numbers.yaml"].map((name) => ({
      path: join(directory, name),
      text: name.split(".")[0]?.slice(0, 1) ?? "",
    })),
  });
});

test("a file brings the numbers.yaml beside it, and nothing else", async () => {
  const directory = at("file", { "x.txt": "x", "y.yaml": "y" });
  const path = join(directory, "x.txt");
  assert.deepEqual(await readIntentFiles(path), { ok: true, value: [{ path, text: "x" }] });
  const numbers = join(directory, "numbers.yaml");
  writeFileSync(numbers, "n");
  assert.deepEqual(await readIntentFiles(path), {
    ok: true,
    value: [
      { path, text: "x" },
      { path: numbers, text: "n" },
    ],
  });
  assert.deepEqual(await findNumbersPath(path), { ok: true, value: numbers });
  assert.deepEqual(await findNumbersPath(directory), { ok: true, value: numbers });
});

test("what cannot be read says which path and why", async () => {
  const bad = at("bad", { "a.yaml": Uint8Array.of(0x61, 0xff) });
  const none = at("none", { "numbers.yaml": "" });
  for (const [path, kind, names] of [
    [join(root, "absent"), "not-readable", join(root, "absent")],
    [bad, "not-utf8", join(bad, "a.yaml")],
    [none, "no-documents", none],
  ] as const) {
    const answer = await readIntentFiles(path);
    assert.ok(!answer.ok);
    assert.deepEqual([answer.error.kind, answer.error.path], [kind, names]);
    assert.notEqual(answer.error.detail, "");
  }
});

test("a text is replaced as a whole, and a failed write leaves nothing behind", async () => {
  const directory = at("write", { "numbers.yaml": "old" });
  const path = join(directory, "numbers.yaml");
  assert.deepEqual(await writeText(path, "new"), { ok: true, value: null });
  assert.equal(readFileSync(path, "utf8"), "new");
  mkdirSync(join(directory, "d"));
  writeFileSync(join(directory, "d", "x"), "");
  const refused = await writeText(join(directory, "d"), "new");
  assert.ok(!refused.ok);
  assert.equal(refused.error.kind, "not-writable");
  assert.deepEqual(readdirSync(directory).sort(), ["d", "numbers.yaml"]);
});
