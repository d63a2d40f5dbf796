/** What the datapath itself has learned is carried into the maps of another layout, and back. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { Fabric, WEFT } from "./fabric.ts";
import { buildRelease } from "./release.ts";

test("learned MACs survive an upgrade to another layout, and the way back", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weft-t-release-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const release = buildRelease(directory);
  const fabric = Fabric.make(t);
  fabric.document("Network", "net", "a").spec.learning = "flood-and-learn";
  fabric.document("Network", "net", "a").spec.bumPps = 1000;
  fabric.write();
  for (const agent of [fabric.start("h1"), fabric.start("h2")]) await agent.ready();
  assert.ok(fabric.pings("a1", 2));
  assert.ok((await fabric.counted("h1", "learned")) > 0);
  // a1 knows a2 by its own neighbour table: it sends nothing that is flooded.
  for (const { weft, abi } of [release, { weft: WEFT, abi: LIMIT.WEFT_ABI }]) {
    await fabric.agent("h1").stop("SIGKILL");
    await fabric.startFrom("h1", weft).ready();
    // Counters begin anew with a layout, so all that is counted is from after.
    assert.ok(fabric.pings("a1", 2), `nothing gets through under layout ${abi}`);
    const [learned, flooded, encapsulated] = await Promise.all(
      ["learned", "flooded", "encapsulated"].map((name) => fabric.counted("h1", name)),
    );
    assert.deepEqual({ learned, flooded }, { learned: 0, flooded: 0 }, `layout ${abi}`);
    assert.ok((encapsulated ?? 0) > 0);
  }
});
