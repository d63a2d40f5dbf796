import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { readFeatures, turnOff } from "../../src/kernel/ethtool.ts";
import { inside, joined, must } from "./scratch.ts";

/** `ethtool -k`: name → "on", "off [fixed]", … */
function asEthtoolSays(name: string, device: string): ReadonlyMap<string, string> {
  const text = execFileSync("ip", ["netns", "exec", name, "ethtool", "-k", device], {
    encoding: "utf8",
  });
  return new Map(
    [...text.matchAll(/^\s*([\w-]+): (.+)$/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
}

const TUNNEL_SEGMENTATION = [
  "tx-udp-segmentation",
  "tx-udp_tnl-segmentation",
  "tx-udp_tnl-csum-segmentation",
  "tx-gre-segmentation",
  "tx-gre-csum-segmentation",
  "tx-ipxip4-segmentation",
  "tx-ipxip6-segmentation",
];

test("reads features as ethtool -k does", (t) => {
  const [a] = joined(t);
  for (const device of ["v0", "lo"]) {
    const ours = must(inside(a, () => readFeatures(device)));
    const theirs = asEthtoolSays(a, device);
    const common = [...ours.keys()].filter((name) => theirs.has(name));
    assert.ok(common.length > 30, `only ${common.length} in common`);
    assert.ok(TUNNEL_SEGMENTATION.every((name) => common.includes(name)));
    for (const name of common) {
      const { active, changeable } = ours.get(name) ?? {};
      const said = theirs.get(name) ?? "";
      assert.deepEqual(
        { name, active, changeable },
        { name, active: said.startsWith("on"), changeable: !said.includes("[fixed]") },
      );
    }
  }
});

test("turns off what is on, says so, and changes nothing more", (t) => {
  const [a] = joined(t);
  const before = asEthtoolSays(a, "v0");
  const on = TUNNEL_SEGMENTATION.filter((name) => before.get(name) === "on");
  assert.ok(on.length >= 5, `a veth has these on: ${on}`);
  const off = (names: readonly string[]) => must(inside(a, () => turnOff("v0", names)));
  assert.deepEqual(off([...TUNNEL_SEGMENTATION, "tx-carrier-pigeon"]), {
    changed: on,
    unknown: ["tx-carrier-pigeon"],
    stuck: [],
  });
  const after = asEthtoolSays(a, "v0");
  for (const [name, said] of before)
    assert.equal(after.get(name), on.includes(name) ? "off" : said, name);
  assert.deepEqual(off(TUNNEL_SEGMENTATION), { changed: [], unknown: [], stuck: [] });
});

test("a feature that the driver keeps is reported as stuck", (t) => {
  const [a] = joined(t);
  assert.equal(asEthtoolSays(a, "lo").get("highdma"), "on [fixed]");
  assert.deepEqual(must(inside(a, () => turnOff("lo", ["highdma", "rx-gro"]))), {
    changed: ["rx-gro"],
    unknown: [],
    stuck: ["highdma"],
  });
});

test("no such interface is an error that names it", (t) => {
  const [a] = joined(t);
  for (const name of ["nope", "", "a-name-of-sixteen", "ä"]) {
    const got = inside(a, () => turnOff(name, ["rx-gro"]));
    assert.ok(!got.ok);
    assert.equal(got.error.name, "ENODEV");
    assert.ok(got.error.call.includes(name));
  }
});
