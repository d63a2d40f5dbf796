/** ESP's octets as planned, against packets that scapy seals: every suite, mode and length of padding. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { octetsOf, type Stack } from "../../src/plan/overhead.ts";

const PYTHON = "/usr/bin/python3";
const libraries = spawnSync(PYTHON, ["-c", "import scapy, cryptography"]);
const skip =
  libraries.status === 0 ? false : "python3-scapy and python3-cryptography are not there";

/** Through every padding of the widest alignment, and the ends of the sweep. */
const PAYLOADS = [64, ...Array.from({ length: 17 }, (_, i) => 1401 + i), 9000];

const stacks = (["vxlan", "nvgre"] as const).flatMap((encapsulation) =>
  (["ipv4", "ipv6"] as const).flatMap((underlay) =>
    (["transport", "tunnel"] as const).flatMap((mode) =>
      (["aes-gcm", "chacha20-poly1305", "aes-cbc-sha256"] as const).flatMap((suite) =>
        [false, true]
          // scapy has no ESP in UDP over IPv6.
          .filter((natTraversal) => !natTraversal || underlay === "ipv4")
          .map(
            (natTraversal): Stack => ({
              encapsulation,
              underlay,
              outerTags: 0,
              groupPolicy: false,
              esp: { mode, suite, natTraversal },
            }),
          ),
      ),
    ),
  ),
);

test("is as long as scapy's", { skip }, () => {
  const cases = stacks.flatMap((stack) => PAYLOADS.map((payload) => ({ stack, payload })));
  const text = execFileSync(PYTHON, [join(import.meta.dirname, "esp.py")], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lengths: readonly number[] = JSON.parse(text);
  const planned = cases.map(({ stack, payload }) => octetsOf(stack, payload).packet);
  assert.equal(cases.length, 36 * PAYLOADS.length);
  assert.deepEqual(planned, lengths);
});
