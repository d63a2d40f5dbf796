import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../src/base/result.ts";
import { LAYOUTS } from "../../src/rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../../src/rows/pack.ts";

const octets = (count: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: count, maxLength: count });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u16 = fc.integer({ min: 0, max: 0xffff });

const attach = fc.record({
  port: u32,
  network: u32,
  mac: octets(6),
  flags: u16,
  mtu: u32,
  ipv4: octets(4),
  ipv6: octets(16),
  bumIntervalNs: u32,
  bumBurstNs: u32,
});

test("what is packed is read back, field by field", () => {
  fc.assert(
    fc.property(attach, (values) => {
      const row = pack("attachRow", values);
      assert.equal(row.length, LAYOUTS.attachRow.octets);
      for (const name of [
        "port",
        "network",
        "flags",
        "mtu",
        "bumIntervalNs",
        "bumBurstNs",
      ] as const)
        assert.equal(integerOf("attachRow", row, name), values[name]);
      for (const name of ["mac", "ipv4", "ipv6"] as const)
        assert.deepEqual(octetsOf("attachRow", row, name), values[name]);
    }),
  );
});

test("a field changes its own octets and no others", () => {
  fc.assert(
    fc.property(attach, fc.constantFrom("port", "flags", "mtu"), u16, (values, name, other) => {
      const [was, now] = [
        pack("attachRow", values),
        pack("attachRow", { ...values, [name]: other }),
      ];
      const { at, octets: width } = LAYOUTS.attachRow.fields[name];
      for (const [i, octet] of was.entries())
        if (i < at || i >= at + width) assert.equal(now[i], octet, `octet ${i}`);
    }),
  );
});

test("integers are little-endian where C has them", () => {
  const key = pack("attachKey", { ifindex: 0x01020304, vid: 0x0506 });
  assert.deepEqual([...key], [4, 3, 2, 1, 6, 5, 0, 0]);
  const row = pack("adjacencyRow", { freshUntilNs: 0x0102030405060708n });
  assert.deepEqual([...row.slice(40)], [8, 7, 6, 5, 4, 3, 2, 1]);
});

test("what is left out is zero, padding included", () => {
  assert.deepEqual(pack("peerRow", {}), new Uint8Array(LAYOUTS.peerRow.octets));
  assert.deepEqual(pack("portRow", { mtu: 0 }), new Uint8Array(LAYOUTS.portRow.octets));
});

test("lists of integers and of structs stand one behind the other", () => {
  const peer = pack("peerRow", { adjacencies: 2, adjacency: [7, 8] });
  assert.deepEqual([...peer.slice(40, 56)], [2, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
  const member = [
    { peer: 1, vni: 2, encapsulation: 1, weight: 9 },
    { peer: 3, vni: 4, encapsulation: 2 },
  ];
  const group = pack("groupRow", { members: 2, member });
  assert.deepEqual([...group.slice(4, 16)], [1, 0, 0, 0, 2, 0, 0, 0, 1, 9, 0, 0]);
  assert.deepEqual([...group.slice(16, 28)], [3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0]);
  assert.ok(group.slice(28).every((octet) => octet === 0));
});

test("8-octet integers are read as numbers, exact below 2^53", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (packets) => {
      const row = pack("counterRow", { packets, octets: BigInt(packets) });
      assert.equal(integerOf("counterRow", row, "packets"), packets);
      assert.equal(integerOf("counterRow", row, "octets"), packets);
    }),
  );
});

test("a row within other octets is read at its offset", () => {
  const row = pack("counterRow", { packets: 5, octets: 6 });
  const two = Uint8Array.from([...new Uint8Array(16), ...row]);
  assert.equal(integerOf("counterRow", two, "octets", 16), 6);
  assert.equal(integerOf("counterRow", two.subarray(16), "octets"), 6);
});

test("a view of a field is a view, not a copy", () => {
  const row = pack("attachRow", { mac: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  octetsOf("attachRow", row, "mac")[0] = 9;
  assert.equal(octetsOf("attachRow", row, "mac")[0], 9);
});

test("what does not fit is our own bug, and never written", () => {
  for (const bad of [
    () => pack("attachKey", { vid: 0x1_0000 }),
    () => pack("attachKey", { vid: -1 }),
    () => pack("attachKey", { ifindex: 2 ** 32 }),
    () => pack("attachKey", { ifindex: 1.5 }),
    () => pack("attachKey", { ifindex: Number.NaN }),
    () => pack("attachRow", { mac: new Uint8Array(5) }),
    () => pack("attachRow", { mac: 7 }),
    () => pack("attachRow", { port: new Uint8Array(4) }),
    () => pack("peerRow", { adjacency: new Array<number>(17).fill(1) }),
    () => pack("groupRow", { member: [7] }),
    () => pack("groupRow", { member: new Array<object>(9).fill({}).map(() => ({ peer: 1 })) }),
    () => integerOf("attachRow", new Uint8Array(48), "mac"),
    () => octetsOf("attachRow", new Uint8Array(48), "port"),
  ])
    assert.throws(bad, InvariantError);
});
