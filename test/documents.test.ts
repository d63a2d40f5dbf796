/** What documents name is there: a clause table that points nowhere shows nothing. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { test } from "node:test";

for (const page of globSync("docs/protocols/*.md").sort())
  test(`${page}: every file that it names is there`, () => {
    const named = readFileSync(page, "utf8").matchAll(
      /`((?:src|test|datapath|docs)\/[\w./-]+\.\w+)`/g,
    );
    const paths = [...new Set([...named].map(([, path = ""]) => path))];
    assert.ok(paths.length > 0, "it names some");
    assert.deepEqual(
      paths.filter((path) => !existsSync(path)),
      [],
    );
  });
