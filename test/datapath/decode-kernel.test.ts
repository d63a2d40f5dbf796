/**
 * A capture of Linux' own vxlan, over both families, with a UDP checksum and without: every tunnel packet is one that
 * weft would take, whatever format the capture has. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type DecodedFrame, decodeFrame } from "../../src/pipeline/decode.ts";
import { openTables } from "../../src/pipeline/underlay-tables.ts";
import { parseCapture } from "../../src/wire/capture-file.ts";
import { eventually, ip, joined } from "../kernel/scratch.ts";

const TUNNELS = [
  ["vxlan4", "10.9.1", "type vxlan id 5001 dstport 4789 local 198.51.100.@ remote 198.51.100.~"],
  [
    "vxlan6",
    "10.9.2",
    "type vxlan id 5002 dstport 4789 local 2001:db8:1::@ remote 2001:db8:1::~ udp6zerocsumtx udp6zerocsumrx",
  ],
  [
    "sum6",
    "10.9.3",
    "type vxlan id 5003 dstport 4789 local 2001:db8:1::@ remote 2001:db8:1::~ udp6zerocsumrx",
  ],
] as const;

const PINGS = 3;

const read = (path: string): readonly DecodedFrame[] => {
  const options = {
    tables: openTables({ vxlanPort: 4789, innerTags: "drop" }),
    udp6Zero: "accept",
  } as const;
  return parseCapture(readFileSync(path)).frames.map(
    (frame) => decodeFrame(frame, options) ?? assert.fail(`frame ${frame.number}`),
  );
};

const isEcho = ({ layers }: DecodedFrame): boolean =>
  layers.some(({ protocol }) => protocol === "icmp");

/** A pcap file of what crosses v0 while `act` runs, once it has `echoes` echoes. */
async function capture(
  t: TestContext,
  name: string,
  act: () => void,
  echoes: number,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "v0.pcap");
  const words = ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-i", "v0", "-w", file];
  const tcpdump = spawn("ip", ["netns", "exec", name, ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await once(tcpdump.stderr, "data");
    act();
    await eventually(`${echoes} echoes`, () => read(file).filter(isEcho).length >= echoes);
  } finally {
    tcpdump.kill("SIGINT");
    if (tcpdump.exitCode === null) await once(tcpdump, "exit");
  }
  return file;
}

test("Linux' tunnel packets, from pcap and pcapng: each is taken, under its number", async (t) => {
  const [a, b] = joined(t);
  for (const [host, n, m] of [
    [a, 1, 2],
    [b, 2, 1],
  ] as const)
    for (const [name, prefix, how] of TUNNELS)
      ip(
        host,
        `link add ${name} ${how.replaceAll("@", `${n}`).replaceAll("~", `${m}`)}`,
        `link set ${name} up`,
        `address add ${prefix}.${n}/24 dev ${name}`,
      );
  const ping = (): void => {
    for (const [, prefix] of TUNNELS)
      execFileSync("ip", [
        "netns",
        "exec",
        a,
        "ping",
        "-c",
        `${PINGS}`,
        "-i",
        "0.01",
        `${prefix}.2`,
      ]);
  };
  const file = await capture(t, a, ping, 2 * PINGS * TUNNELS.length);
  assert.deepEqual(parseCapture(readFileSync(file)).faults, []);
  const frames = read(file);
  for (const format of ["pcapng", "nsecpcap"]) {
    execFileSync("editcap", ["-F", format, file, `${file}.${format}`], { stdio: "ignore" });
    assert.deepEqual(read(`${file}.${format}`), frames, format);
  }
  const isTunnel = ({ layers }: DecodedFrame): boolean =>
    layers.some(({ protocol }) => protocol === "vxlan");
  for (const frame of frames)
    assert.equal(frame.action, isTunnel(frame) ? "decap" : "pass", JSON.stringify(frame));
  const echoes = (vni: number): number => frames.filter((f) => f.vni === vni && isEcho(f)).length;
  assert.deepEqual([5001, 5002, 5003].map(echoes), new Array(3).fill(2 * PINGS));
  const sums = frames
    .filter(({ vni }) => vni === 5003)
    .map(({ layers }) => layers.find(({ protocol }) => protocol === "udp")?.fields.checksum);
  assert.ok(sums.length > 0 && !sums.includes("none"), `${sums}`);
});
