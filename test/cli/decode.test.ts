/** `weft decode` as a command: files, hex lines, options, exit codes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { after, test } from "node:test";
import { ethernet, filler, hex, ip4, ip6, join, nvgre, udp, vxlan } from "../datapath/frame.ts";
import { pcapFile, pcapngFile } from "../wire/capture-files.ts";

const root = mkdtempSync(path(tmpdir(), "weft-t-decode-"));
after(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function weft(words: readonly string[], input: string | Uint8Array = ""): Run {
  const done = spawnSync(process.execPath, ["src/main/weft.ts", "decode", ...words], { input });
  return { code: done.status, out: done.stdout.toString(), err: done.stderr.toString() };
}

const lines = (out: string): readonly string[] => out.split("\n").filter((line) => line !== "");
const objects = (out: string): readonly Readonly<Record<string, unknown>>[] =>
  lines(out).map((line) => JSON.parse(line));

let made = 0;
function file(octets: Uint8Array): string {
  const name = path(root, `capture-${made++}`);
  writeFileSync(name, octets);
  return name;
}

const WIRE = { to: "02:57:00:00:00:01", from: "02:57:00:00:00:02" };
const stations = { to: "02:0a:00:00:00:01", from: "02:0a:00:00:00:03" };
const inner = ethernet(
  stations,
  0x0800,
  ip4({ from: "10.1.0.3", to: "10.1.0.1", protocol: 17 }, udp(1, 2, filler(30))),
);
const outer = { from: "192.0.2.2", to: "192.0.2.1", protocol: 17 };
const tunnel = (vni: number, flags?: number): Uint8Array =>
  ethernet(WIRE, 0x0800, ip4(outer, udp(50_000, 4789, join(vxlan(vni, flags), inner))));
const good = tunnel(5000);
const bad = tunnel(5000, 0);
const tagged = join(good.subarray(0, 14 + 20 + 8 + 8 + 12), [0x81, 0, 0, 7], good.subarray(62));
const foreign = ethernet(WIRE, 0x0800, ip4({ ...outer, protocol: 47 }, nvgre(100), inner));

test("--json: one object a frame, fields in the promised order, layer by layer", () => {
  const { code, out, err } = weft(["--hex", "--json"], `${hex(good)}\n`);
  assert.deepEqual([code, err], [0, ""]);
  const ends = (address: string, other: string): object => ({
    source: address,
    destination: other,
  });
  const ip = { ttl: 64, dscp: 0, ecn: 0, identification: 0, dontFragment: true };
  const rest = {
    moreFragments: false,
    fragmentOffset: 0,
    options: "",
    checksum: "good",
    notes: [],
  };
  const mac = ({ to, from }: { to: string; from: string }): object => ({
    destination: to,
    source: from,
    etherType: "0x0800",
    notes: [],
  });
  const ipv4 = { protocol: "ipv4", octets: 20, ipProtocol: 17, ...ip, ...rest };
  const layers = [
    { protocol: "ethernet", offset: 0, octets: 14, ...mac(WIRE) },
    { ...ipv4, offset: 14, ...ends("192.0.2.2", "192.0.2.1"), totalOctets: 20 + 16 + 72 },
    {
      protocol: "udp",
      offset: 34,
      octets: 8,
      sourcePort: 50_000,
      destinationPort: 4789,
      datagramOctets: 88,
      checksum: "none",
      notes: [],
    },
    { protocol: "vxlan", offset: 42, octets: 8, vni: 5000, flags: "0x08", notes: [] },
    { protocol: "ethernet", offset: 50, octets: 14, ...mac(stations) },
    { ...ipv4, offset: 64, ...ends("10.1.0.3", "10.1.0.1"), totalOctets: 58 },
    {
      protocol: "udp",
      offset: 84,
      octets: 8,
      sourcePort: 1,
      destinationPort: 2,
      datagramOctets: 38,
      checksum: "none",
      notes: [],
    },
    { protocol: "data", offset: 92, octets: 30, notes: [] },
  ];
  const [answer] = objects(out);
  assert.deepEqual(answer, {
    frame: 1,
    action: "decap",
    reason: null,
    encapsulation: "vxlan",
    vni: 5000,
    flowId: null,
    layers,
  });
  assert.deepEqual(Object.keys(answer ?? {}), [
    "frame",
    "action",
    "reason",
    "encapsulation",
    "vni",
    "flowId",
    "layers",
  ]);
});

test("for people: a line a frame, with what was read, why, and what is odd", () => {
  const odd = ethernet(
    WIRE,
    0x0800,
    ip4({ ...outer, ttl: 0 }, udp(7, 4789, join(vxlan(5000, 0), inner))),
  );
  const { code, out } = weft(["--hex"], `${hex(good)}\n${hex(odd)}\n`);
  assert.equal(code, 0);
  assert.deepEqual(lines(out), [
    "1\tdecap\t02:57:00:00:00:02 > 02:57:00:00:00:01, 192.0.2.2 > 192.0.2.1, udp 50000 > 4789, vxlan 5000 | 02:0a:00:00:00:03 > 02:0a:00:00:00:01, 10.1.0.3 > 10.1.0.1, udp 1 > 2, 30 octets",
    "2\tdrop vxlan-flags\t02:57:00:00:00:02 > 02:57:00:00:00:01, 192.0.2.2 > 192.0.2.1, udp 7 > 4789, vxlan ?, 72 octets: the I flag is clear, so the VNI is not valid [ipv4 hop-limit-zero; udp source-port-range; vxlan vni-flag-clear]",
  ]);
});

test("pcap and pcapng of both byte orders give the same", () => {
  const frames = [good, bad, foreign].map((bytes) => ({ bytes }));
  const wanted = weft(["--hex", "--json"], frames.map(({ bytes }) => hex(bytes)).join("\n"));
  assert.deepEqual(
    objects(wanted.out).map(({ action, reason }) => [action, reason]),
    [
      ["decap", null],
      ["drop", "vxlan-flags"],
      ["drop", "unknown-vni"],
    ],
  );
  for (const capture of [
    pcapFile(frames),
    pcapFile(frames, { isLittle: true, magic: 0xa1b23c4d }),
    pcapngFile(frames, true),
    pcapngFile(frames, false),
  ])
    assert.deepEqual(weft([file(capture), "--json"]), wanted);
  assert.deepEqual(weft(["-", "--json"], pcapFile(frames)), wanted, "standard input");
  assert.deepEqual(
    weft([file(Buffer.from(frames.map(({ bytes }) => hex(bytes)).join("\n"))), "--hex", "--json"]),
    wanted,
    "hex from a file",
  );
});

test("--hex: bad lines go to stderr, the rest continues, exit 2; numbers are those of the lines", () => {
  const spaced = hex(good).replaceAll(/(..)/g, "$1 ");
  const colons = hex(bad).replaceAll(/(..)(?=.)/g, "$1:");
  const input = ["zz", spaced, "", "abc", `${colons}\r`].join("\n");
  const { code, out, err } = weft(["--hex", "--json"], input);
  assert.equal(code, 2);
  assert.deepEqual(
    objects(out).map(({ frame, action }) => [frame, action]),
    [
      [2, "decap"],
      [5, "drop"],
    ],
  );
  assert.deepEqual(lines(err), [
    '-: line 1: not octets in hex: "zz"',
    '-: line 4: not octets in hex: "abc"',
  ]);
});

test("a capture cut off gives the frames before the cut, and exit 2", () => {
  for (const capture of [
    pcapFile([{ bytes: good }, { bytes: bad }]),
    pcapngFile([{ bytes: good }, { bytes: bad }]),
  ]) {
    const { code, out, err } = weft([file(capture.subarray(0, -10)), "--json"]);
    assert.equal(code, 2);
    assert.deepEqual(
      objects(out).map(({ frame }) => frame),
      [1],
    );
    assert.match(err, /^\S+capture-\d+: octet \d+: truncated: /);
  }
});

test("what is no capture, another link type, no file, bad options: exit 2, and nothing on stdout", () => {
  for (const [words, message] of [
    [[file(filler(100))], /not-a-capture: neither pcap nor pcapng: it begins with 00070e15/],
    [[file(pcapFile([{ bytes: good }], { linkType: 113 }))], /not-ethernet: link type 113/],
    [[path(root, "absent")], /not-readable: ENOENT/],
    [[root], /not-readable: EISDIR/],
    [[], /decode what\?/],
    [["--hex", "--udp6-zero=perhaps"], /--udp6-zero is accept or drop, not perhaps/],
    [["--hex", "--port", "70000"], /--port is a UDP port, not 70000/],
    [["--hex", "--host", "h1"], /--intent and --host go together/],
    [["--hex", "--intent", "examples/three-orgs", "--host", "h9"], /no host h9 in the intent/],
    [["--hex", "--frobnicate"], /unknown option/],
  ] as const) {
    const { code, out, err } = weft(words);
    assert.deepEqual([code, out], [2, ""], words.join(" "));
    assert.match(err, message);
  }
});

test("a frame of which too little was captured is told and left out", () => {
  const capture = pcapFile([
    { bytes: good.subarray(0, 40), wireOctets: good.length },
    { bytes: good.subarray(0, 96), wireOctets: good.length },
  ]);
  const { code, out, err } = weft([file(capture), "--json"]);
  assert.equal(code, 2);
  assert.deepEqual(
    objects(out).map(({ frame, action }) => [frame, action]),
    [[2, "decap"]],
  );
  assert.equal(err, `frame 1: only 40 of ${good.length} octets were captured: too few to say\n`);
});

test("options: inner tags, port, checksums over IPv6", () => {
  const over6 = ethernet(
    WIRE,
    0x86dd,
    ip6({ from: "2001:db8::2", to: "2001:db8::1", next: 17 }, udp(1, 4789, join(vxlan(7), inner))),
  );
  const reasons = (...words: readonly string[]): readonly unknown[] =>
    objects(weft(["--hex", "--json", ...words], [tagged, over6].map(hex).join("\n")).out).map(
      ({ reason }) => reason,
    );
  assert.deepEqual(reasons(), ["inner-tagged", null]);
  assert.deepEqual(reasons("--allow-inner-vlan"), [null, null]);
  assert.deepEqual(reasons("--udp6-zero=drop"), ["inner-tagged", "udp6-zero"]);
  assert.deepEqual(reasons("--udp6-zero=accept"), ["inner-tagged", null]);
  assert.deepEqual(reasons("--port", "8472"), ["not-tunnel", "not-tunnel"]);
});

test("--intent and --host: what that host would do, by its own rows", () => {
  const send = (from: string, to: string, vni: number, mac: string): Uint8Array =>
    ethernet(
      WIRE,
      0x0800,
      ip4(
        { from, to, protocol: 17 },
        udp(
          50_000,
          4789,
          join(vxlan(vni), ethernet({ to: mac, from: "02:00:00:00:01:03" }, 0x88b5, filler(46))),
        ),
      ),
    );
  const [h1, h2, here, there] = [
    "192.0.2.1",
    "192.0.2.2",
    "02:00:00:00:01:01",
    "02:00:00:00:01:03",
  ];
  const cases = [
    [send(h2, h1, 11_000, here), "decap", null],
    [send(h2, h1, 11_000, "ff:ff:ff:ff:ff:ff"), "decap", null],
    [send(h2, "192.0.2.77", 11_000, here), "pass", "not-tunnel"],
    [send("192.0.2.99", h1, 11_000, here), "drop", "unknown-peer"],
    [send(h2, h1, 777, here), "drop", "unknown-vni"],
    [send(h2, h1, 11_000, there), "drop", "split-horizon"],
  ] as const;
  const { code, out, err } = weft(
    ["--hex", "--json", "--intent", "examples/three-orgs", "--host", "h1"],
    cases.map(([frame]) => hex(frame)).join("\n"),
  );
  assert.deepEqual([code, err], [0, ""]);
  assert.deepEqual(
    objects(out).map(({ action, reason }) => [action, reason]),
    cases.map(([, action, reason]) => [action, reason]),
  );
});

test("--intent and --host: under a router's number, by the twin of routing", () => {
  const routed = (to: string, address: string): string => {
    const ends = { from: "10.1.0.3", to: address, protocol: 17, ttl: 63 };
    const frame = ethernet(
      { to, from: "0a:77:c0:00:02:02" },
      0x0800,
      ip4(ends, udp(1, 2, filler(30))),
    );
    const shim = udp(50_000, 4789, join(vxlan(11_999), frame));
    return hex(ethernet(WIRE, 0x0800, ip4(outer, shim)));
  };
  const mine = "0a:77:c0:00:02:01";
  const { out, err } = weft(
    ["--hex", "--json", "--intent", "examples/three-orgs", "--host", "h1"],
    [
      routed(mine, "10.2.0.1"),
      routed("0a:77:c0:00:02:03", "10.2.0.1"),
      routed(mine, "127.0.0.1"),
      routed(mine, "10.2.0.2"),
    ].join("\n"),
  );
  assert.equal(err, "");
  assert.deepEqual(
    objects(out).map(({ action, reason }) => [action, reason]),
    [
      ["decap", null],
      ["drop", "router-mac"],
      ["drop", "not-routable"],
      ["drop", "split-horizon"],
    ],
  );
});
