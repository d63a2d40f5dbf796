/** What every codec owes: what it emits it parses again, and no octets throw or parse to what cannot be emitted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, type Reader } from "../../src/wire/reader.ts";

const ROOM_OCTETS = 4096;

export interface Codec<T> {
  readonly what: string;
  readonly values: fc.Arbitrary<T>;
  readonly emit: (out: DataView, at: number, value: T) => number;
  readonly parse: (r: Reader) => T;
}

export function holdsRoundTrip<T>({ what, values, emit, parse }: Codec<T>): void {
  test(`${what}: emit then parse is the identity, whatever the buffer held before`, () =>
    fc.assert(
      fc.property(values, fc.nat(255), fc.nat(7), (value, dirt, at) => {
        const buffer = new Uint8Array(ROOM_OCTETS).fill(dirt);
        const end = emit(new DataView(buffer.buffer), at, value);
        assert.deepEqual(decode(what, buffer.slice(at, end), parse), { ok: true, value });
        assert.ok(
          buffer.subarray(0, at).every((octet) => octet === dirt),
          "nothing before",
        );
        assert.ok(
          buffer.subarray(end).every((octet) => octet === dirt),
          "nothing behind",
        );
      }),
    ));

  test(`${what}: whatever the octets, no throw, and what parses can be emitted`, () => {
    // Noise seldom parses: mutate what does.
    const emitted = values.map((value) => {
      const out = new Uint8Array(ROOM_OCTETS);
      return out.slice(0, emit(new DataView(out.buffer), 0, value));
    });
    const mutated = fc
      .tuple(emitted, fc.array(fc.tuple(fc.nat(64), fc.nat(255)), { maxLength: 3 }), fc.nat(80))
      .map(([octets, changes, cut]) => {
        for (const [at, octet] of changes) if (at < octets.length) octets[at] = octet;
        return octets.slice(0, cut > 64 ? octets.length : cut);
      });
    let parsed = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 96 }), mutated), (octets) => {
        const got = decode(what, octets, parse);
        if (!got.ok) return;
        parsed++;
        const out = new DataView(new ArrayBuffer(ROOM_OCTETS));
        assert.equal(emit(out, 0, got.value), octets.length, "as many octets as were read");
        assert.deepEqual(decode(what, new Uint8Array(out.buffer, 0, octets.length), parse), got);
      }),
    );
    assert.ok(parsed > 0, "some octets parsed");
  });
}

export const octets = (count: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: count, maxLength: count });

export const u8: fc.Arbitrary<number> = fc.nat(0xff);
export const u16: fc.Arbitrary<number> = fc.nat(0xffff);
export const u32: fc.Arbitrary<number> = fc.nat(0xffffffff);

/** Octet strings in fours, up to `max`. */
export const words = (max: number): fc.Arbitrary<Uint8Array> =>
  fc.nat(max / 4).chain((n) => octets(4 * n));

/** Six octets and up to `units` eights: what stands behind type and length in units of eight. */
export const unitsOfEight = (units: number): fc.Arbitrary<Uint8Array> =>
  fc.nat(units).chain((n) => octets(6 + 8 * n));

/** Plain objects, as parsers make them. */
export const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true });
