/** The header in front of what is handed over, and the trailer behind what is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PUNT_REASON, TRAILER_MAGIC } from "../../src/rows/abi.generated.ts";
import { pack, type Values } from "../../src/rows/pack.ts";
import { PUNT_REASONS } from "../../src/rows/punt-reasons.ts";
import { emitAction } from "../../src/slow/action.ts";
import { parsePunted } from "../../src/slow/punted.ts";
import { filler, hex, join } from "../datapath/frame.ts";

const written = (values: Values<"puntHeader">, frame = filler(60)): Uint8Array =>
  join(
    pack("puntHeader", {
      magic: TRAILER_MAGIC.PUNT_MAGIC,
      reason: PUNT_REASON.PUNT_TTL,
      ...values,
    }),
    frame,
  );

test("all that the datapath knew, and the inner frame alone", () => {
  const values = { port: 1, peer: 2, network: 3, space: 4, owner: 5, mtu: 6 };
  assert.deepEqual(parsePunted(written({ ...values, innerAt: 40 })), {
    ...{ ...values, reason: "ttl", frame: filler(60).slice(40) },
  });
});

test("every reason has its name, by its number", () => {
  const numbers = Object.entries(PUNT_REASON).filter(([name]) => name !== "PUNT_REASONS");
  for (const [name, reason] of numbers) {
    const kebab = name.replace("PUNT_", "").toLowerCase().replaceAll("_", "-");
    assert.equal(parsePunted(written({ reason }))?.reason, kebab);
    assert.equal(PUNT_REASONS[reason - 1], kebab);
  }
  assert.equal(numbers.length, PUNT_REASON.PUNT_REASONS - 1);
});

test("what the datapath has not written is none", () => {
  for (const octets of [
    new Uint8Array(0),
    filler(39),
    filler(100),
    written({ magic: TRAILER_MAGIC.INJECT_MAGIC }),
    written({ reason: 0 }),
    written({ reason: 99 }),
  ])
    assert.equal(parsePunted(octets), null);
});

test("an inner frame without a whole Ethernet header is none", () => {
  for (const innerAt of [47, 60, 5000]) assert.equal(parsePunted(written({ innerAt })), null);
  assert.equal(parsePunted(written({ innerAt: 46 }))?.frame.length, 14);
});

test("each action has its kind and whom it is for behind the frame", () => {
  const frame = filler(20);
  const trailer = (kind: number): Uint8Array =>
    pack("injectTrailer", { magic: TRAILER_MAGIC.INJECT_MAGIC, kind, id: 7 });
  for (const [action, kind] of [
    [{ do: "send-from-port", port: 7, frame }, 1],
    [{ do: "send-to-port", port: 7, frame }, 2],
    [{ do: "send-to-network", network: 7, frame }, 3],
    [{ do: "send-to-group", group: 7, frame }, 5],
  ] as const)
    assert.equal(hex(emitAction(action)), hex(join(frame, trailer(kind))));
  for (const [first, type] of [
    [0x45, [8, 0]],
    [0x60, [0x86, 0xdd]],
  ] as const) {
    const packet = join([first], filler(30));
    const emitted = emitAction({ do: "route", space: 7, packet });
    assert.equal(hex(emitted), hex(join(filler(12).fill(0), type, packet, trailer(4))));
  }
});
