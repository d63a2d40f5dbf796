/** A file is read in pieces, and says what it says as a whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseYaml, splitYaml, type YamlPiece } from "../../src/intent/yaml.ts";

const fragments = [
  "---",
  "--- ",
  "---\t# words",
  "--- {a: 1}",
  "---a",
  " ---",
  "...",
  "a: 1",
  "b: [1, 2]",
  "  c: |",
  "    text",
  'd: "one',
  'two"',
  "# words",
  "%YAML 1.2",
  "",
  "a: 2",
  "- x",
  "e: *f",
  "g: >-",
  "\u2028---",
  "h: '",
];

const textOf = fc
  .array(fc.constantFrom(...fragments), { maxLength: 12 })
  .chain((lines) =>
    fc.constantFrom("\n", "\r\n").map((end) => lines.map((line) => `${line}${end}`).join("")),
  );

/** Values and places of documents, and how many faults there are. */
function said(pieces: readonly YamlPiece[]): { documents: readonly unknown[]; faults: number } {
  const read = pieces.map((piece) => parseYaml("f.yaml", piece));
  const documents = read.flatMap((one) => one.documents);
  return {
    documents: documents.map(({ value, source }) => [value, [...source.readPlaces()]]),
    faults: read.flatMap(({ findings }) => findings).length,
  };
}

test("in pieces as a whole, unless it is faulty, which both say", () => {
  let [sound, faulty] = [0, 0];
  fc.assert(
    fc.property(textOf, (text) => {
      const pieces = splitYaml(text);
      assert.equal(pieces.map((piece) => piece.text).join(""), text);
      const [apart, whole] = [said(pieces), said([{ text, firstLine: 1 }])];
      if (whole.faults === 0) assert.deepEqual(apart, whole);
      else assert.ok(apart.faults > 0);
      if (whole.faults === 0 && pieces.length > 1) sound++;
      else faulty++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(sound > 100 && faulty > 100, `${sound} sound, ${faulty} faulty`);
});

for (const [what, text, lines] of [
  ["markers", "a: 1\n---\nb: 2\n--- # c\nc: 3\n", [1, 2, 4]],
  ["no marker", "a: 1\n---b: 2\n", [1]],
  ["a marker at the start", "---\na: 1\n", [1]],
  ["a directive: not divided", "%YAML 1.2\n---\na: 1\n---\nb: 2\n", [1]],
  ["an end marker: not divided", "a: 1\n...\n---\nb: 2\n", [1]],
  ["nothing", "", []],
] as const)
  test(`pieces: ${what}`, () =>
    assert.deepEqual(
      splitYaml(text).map((piece) => piece.firstLine),
      lines,
    ));
