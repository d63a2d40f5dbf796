/** One frame, read by tshark. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pcapFile } from "../wire/capture-files.ts";

/** The frame as tshark's fields. */
export function dissect(frame: Uint8Array, fields: readonly string[]): readonly string[] {
  const checks = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  const wanted = fields.flatMap((field) => ["-e", field]);
  const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  try {
    const file = join(directory, "frame.pcap");
    writeFileSync(file, pcapFile([{ bytes: frame }]));
    const args = ["-r", file, ...checks, "-T", "fields", "-E", "occurrence=f", ...wanted];
    const done = spawnSync("tshark", args, { encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.replace(/\n$/, "").split("\t");
  } finally {
    rmSync(directory, { recursive: true });
  }
}
