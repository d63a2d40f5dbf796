/** docs/operations has a page for each verdict and no other, and what its pages tell people to type exists. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { VERDICTS } from "../../src/rows/abi.generated.ts";

const SECTIONS = ["What it means", "How to confirm it", "What to change"];
/** Up to these the frame went on. */
const PASSED = VERDICTS.indexOf("passed");
const LAST_FORWARDING = VERDICTS.indexOf("passed-shared");
/** What no program leaves with: the frame has another verdict, too. */
const BESIDE: ReadonlySet<string> = new Set([
  "replica-failed",
  "learned",
  "moved",
  "learn-refused",
  "learn-full",
  "icmp-sent",
  "icmp-limited",
  "forwarded-straggler",
  "neighbour-miss",
  "neighbour-own",
  "neighbour-unicast",
  "neighbour-expired",
  "mss-clamped",
  "discovered",
]);
/** Of later numbers: the frame went on. */
const FORWARDED: ReadonlySet<string> = new Set(["answered", "punted"]);
const PLACES = [
  "from a port",
  "from the underlay",
  "from a port and from the underlay",
  "at the idle vxlan device",
  "from the slow path",
];

const read = (file: string): string => readFileSync(file, "utf8");
const files = globSync("docs/operations/*.md").sort();
const index = read("docs/operations/README.md");

function fateOf(number: number): string {
  if (BESIDE.has(VERDICTS[number] ?? "")) return "counted beside the frame's own";
  if (FORWARDED.has(VERDICTS[number] ?? "")) return "forwarded";
  if (number > LAST_FORWARDING) return "dropped";
  return number < PASSED ? "forwarded" : "passed on";
}

interface Page {
  readonly title: string;
  readonly facts: string;
  readonly sentence: string;
  /** Text by heading, in order. */
  readonly sections: ReadonlyMap<string, string>;
}

function parsePage(text: string): Page {
  const [head = "", ...rest] = text.split(/^## /m);
  const [title = "", facts = "", sentence = "", ...more] = head.trimEnd().split("\n\n");
  assert.deepEqual(more, [], "a title, the facts, a sentence");
  const sections = rest.map((part): [string, string] => {
    const end = part.indexOf("\n");
    return [part.slice(0, end), part.slice(end + 1).trim()];
  });
  return { title, facts, sentence, sections: new Map(sections) };
}

test("a page for each verdict, and none for anything else", () => {
  const pages = files
    .map((file) => basename(file, ".md"))
    .filter((name) => name !== "README")
    .sort();
  // Verdict 0 is never counted.
  assert.deepEqual(pages, VERDICTS.slice(1).toSorted());
});

for (const [number, verdict] of VERDICTS.entries()) {
  const file = `docs/operations/${verdict}.md`;
  if (number === 0 || !existsSync(file)) continue;
  test(`${verdict}: its number, its fate, and three sections`, () => {
    const { title, facts, sentence, sections } = parsePage(read(file));
    assert.equal(title, `# ${verdict}`);
    const [said, how, where = ""] = facts.split(" · ");
    assert.deepEqual([said, how], [`Verdict ${number}`, fateOf(number)]);
    assert.ok(PLACES.includes(where), where);
    assert.deepEqual([...sections.keys()], SECTIONS);
    for (const [heading, text] of sections) assert.ok(text.length > 20, `${heading} says nothing`);
    assert.match(sections.get("How to confirm it") ?? "", /^ {4}\S/m, "something to type");
    assert.ok(index.includes(`| ${number} | [${verdict}](${verdict}.md) | ${sentence} |`));
  });
}

test("documents that pages refer to are there", () => {
  for (const file of files) {
    for (const [path] of read(file).matchAll(/docs\/[\w./-]+\.md/g))
      assert.ok(existsSync(path), `${file}: ${path}`);
    for (const [, path = ""] of read(file).matchAll(/\]\(([^)]+)\)/g))
      assert.ok(existsSync(`docs/operations/${path}`), `${file}: ${path}`);
  }
});

/** What stands behind `bin/weft` in a text, up to a pipe, a comment or the end of the code. */
const callsIn = (text: string): readonly string[] =>
  [...text.matchAll(/bin\/weft ([^|`#\n]+)/g)].map(([, words = ""]) => words.trim());

const calls = [...files, "README.md"].flatMap((file) =>
  callsIn(read(file)).map((call) => ({ file, call })),
);

/** What `weft COMMAND --help` says; null if there is no such command, or if it is but the first word of some. */
function helpOf(command: string): string | null {
  const words = [...command.split(" "), "--help"];
  const { stdout } = spawnSync("bin/weft", words, { encoding: "utf8", timeout: 60_000 });
  const [usage = ""] = stdout.split("\n");
  const found = usage.startsWith(`Usage: weft ${command} `) && !usage.endsWith("[command]");
  return found ? stdout : null;
}

/** Commands have one word or two. */
function commandIn(call: string, helps: Map<string, string | null>): string | null {
  const [one = "", two = ""] = call.split(" ");
  for (const command of [`${one} ${two}`, one]) {
    if (!/^[a-z]+( [a-z]+)?$/.test(command)) continue;
    if (!helps.has(command)) helps.set(command, helpOf(command));
    if (helps.get(command)) return command;
  }
  return null;
}

describe("commands in pages", () => {
  const helps = new Map<string, string | null>();

  test("there are some", () => assert.ok(calls.length > VERDICTS.length, `${calls.length}`));

  test("each exists, with its options and as many arguments as it takes", () => {
    for (const { file, call } of calls) {
      const where = `${file}: bin/weft ${call}`;
      const command = commandIn(call, helps);
      assert.ok(command, where);
      const help = helps.get(command) ?? "";
      const words = call.slice(command.length).trim().split(/ +/).filter(Boolean);
      let positional = 0;
      for (let i = 0; i < words.length; i++) {
        const word = words[i] ?? "";
        if (!word.startsWith("-")) positional++;
        else {
          const option = new RegExp(`^ +${word}( <\\w+>)? `, "m").exec(help);
          assert.ok(option, `${where}: no option ${word}`);
          if (option[1]) i++;
        }
      }
      const usage = help.split("\n")[0] ?? "";
      const needed = usage.match(/<\w+>/g)?.length ?? 0;
      const most = needed + (usage.match(/\[(?!options)\w+\]/g)?.length ?? 0);
      assert.ok(positional >= needed && positional <= most, `${where}: ${usage}`);
    }
  });

  test("one that is not there would be found", () => {
    assert.equal(commandIn("frobnicate /etc/weft", helps), null);
    assert.equal(commandIn("show columns /etc/weft", helps), null);
  });
});
