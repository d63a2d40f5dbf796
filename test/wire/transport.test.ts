/** UDP, TCP, ICMP and neighbour discovery. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checksumOf, sumOctets, sumPseudoHeader } from "../../src/wire/checksum.ts";
import {
  emitEcho,
  emitIcmp,
  emitIcmp6,
  ICMPV6_ECHO_REQUEST,
  parseEcho,
  parseIcmp,
} from "../../src/wire/icmp.ts";
import {
  emitNd,
  type NdMessage,
  type NdOption,
  parseNd,
  solicitedNodeOf,
} from "../../src/wire/nd.ts";
import { parseHex } from "../../src/wire/octets.ts";
import { decode, type Reader } from "../../src/wire/reader.ts";
import { emitTcp, parseTcpHeader, TCP_FLAG, type TcpSegment } from "../../src/wire/tcp.ts";
import { emitUdp, emitUdpHeader, parseUdpHeader } from "../../src/wire/udp.ts";
import { holdsRoundTrip, octets, record, u8, u16, u32, unitsOfEight, words } from "./codec.ts";

const hex = (text: string): Uint8Array => parseHex(text) ?? assert.fail(text);

const ends = fc.oneof(
  record({ source: octets(4), destination: octets(4) }),
  record({ source: octets(16), destination: octets(16) }),
);
const ends6 = {
  source: hex("fe80000000000000000000fffe000101"),
  destination: hex("fe80000000000000000000fffe000102"),
};
const payload = fc.uint8Array({ maxLength: 64 });

holdsRoundTrip({
  what: "udp header",
  values: record({ sourcePort: u16, destinationPort: u16, octets: u16, checksum: u16 }),
  emit: emitUdpHeader,
  parse: parseUdpHeader,
});

test("a UDP sum of zero is sent as all ones (RFC 768)", () => {
  const nobody = { source: new Uint8Array(4), destination: new Uint8Array(4) };
  const datagram = { sourcePort: 0xffff - 17 - 8 - 8, destinationPort: 0 };
  const out = new DataView(new ArrayBuffer(8));
  emitUdp(out, 0, nobody, { ...datagram, payload: new Uint8Array(0) });
  assert.equal(out.getUint16(6), 0xffff);
});

const segment = {
  sourcePort: u16,
  destinationPort: u16,
  sequence: u32,
  acknowledgment: u32,
  flags: u8,
  window: u16,
  urgent: u16,
  options: words(40),
};

holdsRoundTrip<TcpSegment>({
  what: "tcp",
  values: record({ ...segment, payload }),
  emit: (out, at, value) => emitTcp(out, at, ends6, value),
  parse: (r: Reader) => ({ ...parseTcpHeader(r), payload: r.octets(r.left) }),
});

test("a SYN with an MSS option (RFC 9293 3.1, 3.2)", () => {
  const got = decode(
    "tcp",
    hex("c000 01bb 00000001 00000000 60 02 ffff 0000 0000 020405b4"),
    parseTcpHeader,
  );
  assert.ok(got.ok);
  assert.equal(got.value.flags, TCP_FLAG.syn);
  assert.deepEqual(got.value.options, hex("020405b4"));
});

test("a TCP header of fewer than 20 octets is refused", () => {
  const got = decode(
    "tcp",
    hex("c000 01bb 00000001 00000000 40 02 ffff 0000 0000"),
    parseTcpHeader,
  );
  assert.ok(!got.ok);
  assert.equal(got.error.fault, "bad-length");
});

test("emitted transport checksums verify over their pseudo-header", () =>
  fc.assert(
    fc.property(ends, payload, u16, (endpoints, data, port) => {
      const out = new DataView(new ArrayBuffer(256));
      const fixed = { sequence: 1, acknowledgment: 2, window: 3, urgent: 0 };
      const ports = { sourcePort: port, destinationPort: 9 };
      const tcp = {
        ...ports,
        ...fixed,
        flags: TCP_FLAG.ack,
        options: hex("01010101"),
        payload: data,
      };
      for (const [protocol, end] of [
        [17, (): number => emitUdp(out, 0, endpoints, { ...ports, payload: data })],
        [6, (): number => emitTcp(out, 0, endpoints, tcp)],
        [58, (): number => emitIcmp6(out, 0, endpoints, { type: 128, code: 0, body: data })],
      ] as const) {
        const octets_ = end();
        const pseudo = sumPseudoHeader(endpoints, protocol, octets_);
        assert.equal(checksumOf(sumOctets(out, 0, octets_, pseudo)), 0);
      }
      assert.equal(
        checksumOf(sumOctets(out, 0, emitIcmp(out, 0, { type: 8, code: 0, body: data }))),
        0,
      );
    }),
  ));

const message = record({ type: u8, code: u8, body: payload });
holdsRoundTrip({ what: "icmp", values: message, emit: emitIcmp, parse: parseIcmp });
holdsRoundTrip({
  what: "icmpv6",
  values: message,
  emit: (out, at, value) => emitIcmp6(out, at, ends6, value),
  parse: parseIcmp,
});
holdsRoundTrip({
  what: "echo",
  values: record({ identifier: u16, sequence: u16, data: payload }),
  emit: emitEcho,
  parse: parseEcho,
});

const options: fc.Arbitrary<readonly NdOption[]> = fc.array(
  record({ type: u8, body: unitsOfEight(3) }),
  { maxLength: 4 },
);
const messages: fc.Arbitrary<NdMessage> = fc.oneof(
  record({ kind: fc.constant("router-solicitation" as const), options }),
  record({
    kind: fc.constant("router-advertisement" as const),
    hopLimit: u8,
    flags: u8,
    lifetimeSeconds: u16,
    reachableMs: u32,
    retransmitMs: u32,
    options,
  }),
  record({ kind: fc.constant("neighbour-solicitation" as const), target: octets(16), options }),
  record({
    kind: fc.constant("neighbour-advertisement" as const),
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    target: octets(16),
    options,
  }),
  record({
    kind: fc.constant("redirect" as const),
    target: octets(16),
    destination: octets(16),
    options,
  }),
);

/** Type and body; anything else is no neighbour discovery. */
function parseMessage(r: Reader): NdMessage {
  const type = r.u8();
  r.skip(3);
  if (type >= 133 && type <= 137) return parseNd(r, type);
  r.fail("bad-value");
  return { kind: "router-solicitation", options: [] };
}

holdsRoundTrip({
  what: "neighbour discovery",
  values: messages,
  emit: (out, at, value) => emitNd(out, at, ends6, value),
  parse: parseMessage,
});

test("an option of length zero is refused (RFC 4861 4.6)", () => {
  const got = decode("nd", hex("00000000 0000"), (r) => parseNd(r, 133));
  assert.ok(!got.ok);
  assert.deepEqual([got.error.fault, got.error.offset], ["bad-length", 6]);
});

test("the solicited-node group (RFC 4291 2.7.1, its example)", () =>
  assert.deepEqual(
    solicitedNodeOf(hex("4037 0000 0000 0000 0001 0800 200e 8c6c")),
    hex("ff02 0000 0000 0000 0000 0001 ff0e 8c6c"),
  ));

test("ICMPv6 echo requests are type 128 (RFC 4443 4.1)", () =>
  assert.equal(ICMPV6_ECHO_REQUEST, 128));
