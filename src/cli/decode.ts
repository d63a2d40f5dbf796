/** `weft decode`: frame by frame, what weft would do with a capture, and why. */
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { compileHost } from "../intent/compile.ts";
import { readInput, STANDARD_INPUT } from "../io/input.ts";
import { type DecodeOptions, decodeFrame } from "../pipeline/decode.ts";
import { openTables, type UnderlayTables, underlayTablesOf } from "../pipeline/underlay-tables.ts";
import { emptyIdBook } from "../rows/rows.ts";
import type { CapturedFrame } from "../wire/capture.ts";
import { parseCapture } from "../wire/capture-file.ts";
import { parseHex } from "../wire/octets.ts";
import { VXLAN_PORT } from "../wire/vxlan.ts";
import { answerOf, lineOf } from "./decode-text.ts";
import { readIntent } from "./intent-input.ts";

export const decode: Command = {
  name: "decode",
  summary: "Say what weft would do with each frame of a capture, and why. NDJSON with --json.",
  arguments: ["[file]"],
  options: [
    { flags: "--hex", summary: "read hex, a frame a line (standard input if no file is named)" },
    { flags: "--json", summary: "a JSON object a frame" },
    { flags: "--port <n>", summary: `the UDP port of VXLAN (default ${VXLAN_PORT})` },
    { flags: "--udp6-zero <do>", summary: "accept or drop VXLAN over IPv6 with no UDP checksum" },
    { flags: "--allow-inner-vlan", summary: "let VXLAN carry tagged inner frames" },
    { flags: "--intent <path>", summary: "hold frames against an intent, as --host receives them" },
    { flags: "--host <name>", summary: "the host of the intent" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const options = await optionsOf(shell, given);
    if (options === null) return EXIT.usage;
    const input = await framesOf(shell, given);
    if (input === null) return EXIT.usage;
    let isWhole = input.isWhole;
    for (const frame of input.frames) {
      const decoded = decodeFrame(frame, options);
      if (decoded === null) {
        const { number, bytes, wireOctets } = frame;
        shell.err(
          `frame ${number}: only ${bytes.length} of ${wireOctets} octets were captured: too few to say`,
        );
        isWhole = false;
      } else if (given.json === true) shell.out(JSON.stringify(answerOf(frame.number, decoded)));
      else shell.out(lineOf(frame.number, decoded));
    }
    return isWhole ? EXIT.ok : EXIT.usage;
  },
};

interface Frames {
  readonly frames: readonly CapturedFrame[];
  /** Nothing of the input was unreadable. */
  readonly isWhole: boolean;
}

/** The frames of the input, after telling of what cannot be read; null: none of it can. */
async function framesOf(shell: Shell, given: Given): Promise<Frames | null> {
  const isHex = given.hex === true;
  const path = textOf(given, "file") ?? (isHex ? STANDARD_INPUT : null);
  if (path === null) {
    shell.err("decode what? a pcap or pcapng file (- for standard input), or --hex");
    return null;
  }
  const input = await readInput(path);
  if (!input.ok) {
    shell.err(`${path}: ${input.error.kind}: ${input.error.detail}`);
    return null;
  }
  if (isHex) return hexFrames(shell, path, new TextDecoder().decode(input.value));
  const { frames, faults } = parseCapture(input.value);
  for (const { kind, offset, detail } of faults)
    shell.err(`${path}: octet ${offset}: ${kind}: ${detail}`);
  return { frames, isWhole: faults.length === 0 };
}

/** A frame's number is its line's. Empty lines are none. */
function hexFrames(shell: Shell, path: string, text: string): Frames {
  const frames: CapturedFrame[] = [];
  let isWhole = true;
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const bytes = parseHex(line);
    if (bytes !== null) frames.push({ number: i + 1, bytes, wireOctets: bytes.length });
    else {
      shell.err(`${path}: line ${i + 1}: not octets in hex: ${excerptOf(line)}`);
      isWhole = false;
    }
  }
  return { frames, isWhole };
}

const EXCERPT_CHARACTERS = 40;
const excerptOf = (line: string): string =>
  JSON.stringify(
    line.length > EXCERPT_CHARACTERS ? `${line.slice(0, EXCERPT_CHARACTERS)}…` : line.trimEnd(),
  );

async function optionsOf(shell: Shell, given: Given): Promise<DecodeOptions | null> {
  const udp6Zero = textOf(given, "udp6Zero") ?? "accept";
  if (udp6Zero !== "accept" && udp6Zero !== "drop") {
    shell.err(`--udp6-zero is accept or drop, not ${udp6Zero}`);
    return null;
  }
  const tables = await chosenTables(shell, given);
  return tables && { tables, udp6Zero };
}

async function chosenTables(shell: Shell, given: Given): Promise<UnderlayTables | null> {
  const path = textOf(given, "intent");
  const host = textOf(given, "host");
  const port = textOf(given, "port");
  const allowsTags = given.allowInnerVlan === true;
  if (path === undefined && host === undefined) {
    const vxlanPort = Number(port ?? VXLAN_PORT);
    if (Number.isInteger(vxlanPort) && vxlanPort > 0 && vxlanPort < 65_536)
      return openTables({ vxlanPort, innerTags: allowsTags ? "keep" : "drop" });
    shell.err(`--port is a UDP port, not ${port}`);
    return null;
  }
  if (path === undefined || host === undefined) {
    shell.err("--intent and --host go together");
    return null;
  }
  if (port !== undefined || allowsTags) {
    shell.err("--port and --allow-inner-vlan are the intent's to say");
    return null;
  }
  return intentTables(shell, path, host);
}

/** As on a host that was given this intent and could apply all of it. */
async function intentTables(
  shell: Shell,
  path: string,
  host: string,
): Promise<UnderlayTables | null> {
  const input = await readIntent(shell, path);
  if (input === null) return null;
  if (input.errors > 0) {
    shell.err(`${path}: the intent has ${input.errors} errors: weft check ${path}`);
    return null;
  }
  if (input.intent.hosts.has(host))
    return underlayTablesOf(compileHost(input.intent, host, emptyIdBook).rows, new Map());
  shell.err(`no host ${host} in the intent: it has ${[...input.intent.hosts.keys()].join(", ")}`);
  return null;
}
