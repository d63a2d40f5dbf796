/** The texts of an intent that is read again and again, and hearing of what happens to them. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readIntentFiles } from "../../src/io/files.ts";
import { IntentFiles, watchIntent } from "../../src/io/intent-files.ts";

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "weft-t-intent-files-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

test("what changed is read again, and the rest is as it was", async (t) => {
  const where = directory(t);
  const put = (name: string, text: string): void => writeFileSync(join(where, name), text);
  put("a.yaml", "a");
  put("b.yaml", "b");
  const files = new IntentFiles(where);
  const first = await files.read();
  assert.deepEqual(first, await readIntentFiles(where));
  assert.deepEqual(await files.readChanged(), { ok: true, value: null });
  for (const change of [
    (): void => put("a.yaml", "other"),
    (): void => put("c.yaml", "c"),
    (): void => renameSync(join(where, "b.yaml"), join(where, "d.yaml")),
    (): void => rmSync(join(where, "c.yaml")),
    (): void => put("numbers.yaml", "n"),
  ]) {
    change();
    assert.deepEqual(await files.readChanged(), await readIntentFiles(where));
    assert.deepEqual(await files.readChanged(), { ok: true, value: null });
  }
  const [before, now] = [await files.read(), await files.read()];
  assert.ok(before.ok && now.ok);
  assert.equal(before.value[0], now.value[0], "read twice, though nothing changed");
});

test("what goes wrong is told once, and over when it is", async (t) => {
  const where = directory(t);
  const files = new IntentFiles(where);
  const none = await files.read();
  assert.ok(!none.ok && none.error.kind === "no-documents");
  assert.deepEqual(await files.readChanged(), { ok: true, value: null });
  writeFileSync(join(where, "a.yaml"), Uint8Array.of(0xff));
  const bad = await files.readChanged();
  assert.ok(!bad.ok && bad.error.kind === "not-utf8");
  writeFileSync(join(where, "a.yaml"), "good");
  assert.deepEqual(await files.readChanged(), await readIntentFiles(where));
});

test("a watch tells of the intent's files, whether they are written or replaced, and of no others", async (t) => {
  const where = directory(t);
  const one = join(where, "one.txt");
  writeFileSync(one, "");
  let [inDirectory, ofFile] = [0, 0];
  const watches = [
    watchIntent(where, () => inDirectory++),
    watchIntent(one, () => ofFile++),
    watchIntent(join(where, "absent"), () => assert.fail("nothing is there")),
  ];
  t.after(() => {
    for (const watch of watches) watch.close();
  });
  const heard = async (act: () => void): Promise<readonly [boolean, boolean]> => {
    const before = [inDirectory, ofFile];
    act();
    await new Promise((settle) => setTimeout(settle, 100));
    return [inDirectory > (before[0] ?? 0), ofFile > (before[1] ?? 0)];
  };
  const yaml = join(where, "a.yaml");
  assert.deepEqual(await heard(() => writeFileSync(yaml, "a")), [true, false]);
  assert.deepEqual(await heard(() => writeFileSync(join(where, "a.txt"), "a")), [false, false]);
  assert.deepEqual(await heard(() => renameSync(join(where, "a.txt"), yaml)), [true, false]);
  assert.deepEqual(await heard(() => rmSync(yaml)), [true, false]);
  assert.deepEqual(await heard(() => writeFileSync(one, "b")), [false, true]);
  writeFileSync(join(where, "two.txt"), "c");
  assert.deepEqual(await heard(() => renameSync(join(where, "two.txt"), one)), [false, true]);
  assert.deepEqual(await heard(() => writeFileSync(one, "d")), [false, true]);
});
