/** `weft trace --live` in a lab: the packet is seen where the tables say, and is received. Needs root. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { labName, weft } from "./weft.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/three-orgs");
const LAB = labName("trace");

before(() => {
  const up = weft("lab", "up", EXAMPLE, "--name", LAB);
  assert.equal(up.exit, 0, up.err);
});
after(() => {
  assert.equal(weft("lab", "down", LAB).exit, 0);
});

function live(from: string, to: string): unknown {
  const { exit, out, err } = weft("trace", from, to, "--live", "--json", "--intent", EXAMPLE);
  assert.equal(err, "");
  const { arrives, live: told } = JSON.parse(out);
  return { exit, arrives, ...told };
}

const seen = (...sightings: readonly (readonly [string, string, string])[]): readonly object[] =>
  sightings.map(([host, hook, verdict]) => ({ host, hook, verdict }));

/** The target's answer is an echo of the packet, and is seen at its own port, too. */
const answered = (told: unknown): unknown => {
  assert.ok(
    typeof told === "object" && told !== null && "seen" in told && Array.isArray(told.seen),
  );
  return { ...told, seen: told.seen.slice(0, 2) };
};

test("inside a network: sent at one host, delivered at the other", () => {
  assert.deepEqual(answered(live("org-a/train-1", "org-a/train-3")), {
    ...{ exit: 0, arrives: true, received: true },
    seen: seen(["h1", "from-port", "encapsulated"], ["h2", "from-underlay", "delivered"]),
  });
});

test("between networks of a router", () => {
  assert.deepEqual(answered(live("org-a/train-1", "org-a/infer-2")), {
    ...{ exit: 0, arrives: true, received: true },
    seen: seen(["h1", "from-port", "encapsulated"], ["h2", "from-underlay", "delivered"]),
  });
});

test("to another organisation: sent, and not received there", () => {
  const { exit, arrives, received } = Object(live("org-a/train-1", "org-b/train-2"));
  assert.deepEqual({ exit, arrives, received }, { exit: 1, arrives: false, received: false });
});
