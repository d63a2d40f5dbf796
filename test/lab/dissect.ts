/** One frame, read by tshark. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A pcap file (magic, version 2.4, Ethernet) of one frame, as tshark's fields. */
export function dissect(frame: Uint8Array, fields: readonly string[]): readonly string[] {
  const pcap = new DataView(new ArrayBuffer(40 + frame.length));
  pcap.setUint32(0, 0xa1b2c3d4);
  pcap.setUint16(4, 2);
  pcap.setUint16(6, 4);
  pcap.setUint32(16, 65535);
  pcap.setUint32(20, 1);
  pcap.setUint32(32, frame.length);
  pcap.setUint32(36, frame.length);
  const octets = new Uint8Array(pcap.buffer);
  octets.set(frame, 40);
  const checks = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  const wanted = fields.flatMap((field) => ["-e", field]);
  const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  try {
    const file = join(directory, "frame.pcap");
    writeFileSync(file, octets);
    const args = ["-r", file, ...checks, "-T", "fields", "-E", "occurrence=f", ...wanted];
    const done = spawnSync("tshark", args, { encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.replace(/\n$/, "").split("\t");
  } finally {
    rmSync(directory, { recursive: true });
  }
}
