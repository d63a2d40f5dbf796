/** Answers to echo requests, of both families. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { echoReplyTo } from "../../src/wire/echo.ts";
import { checksum, filler, hex, icmp6, ip4, ip6, join, u16 } from "../datapath/frame.ts";

const ENDS = { from: "10.1.0.5", to: "10.1.0.1", protocol: 1 };
const BACK = { from: "10.1.0.1", to: "10.1.0.5", protocol: 1 };
const ENDS6 = { from: "fd00::5", to: "fd00::1" };
const BACK6 = { from: "fd00::1", to: "fd00::5" };
const body = join(u16(7), u16(9), filler(41));

function icmp(type: number, code = 0, error = 0): Uint8Array {
  const fields = (sum: number): Uint8Array => join([type, code], u16(sum), body);
  return fields(checksum(fields(0)) ^ error);
}

describe("IPv4", () => {
  test("the same octets back, from whom was asked (RFC 792)", () => {
    const reply = echoReplyTo(ip4({ ...ENDS, tos: 0x4b, ttl: 3 }, icmp(8)));
    assert.ok(reply);
    // The class comes back, congestion marks do not.
    assert.equal(hex(reply), hex(ip4({ ...BACK, tos: 0x48 }, icmp(0))));
  });

  test("padding does not come back, nor do options", () => {
    const asked = ip4({ ...ENDS, options: [1, 1, 1, 0] }, icmp(8));
    const reply = echoReplyTo(join(asked, filler(6)));
    assert.ok(reply);
    assert.equal(hex(reply), hex(ip4(BACK, icmp(0))));
  });

  for (const [what, packet] of Object.entries({
    "an answer": ip4(ENDS, icmp(0)),
    "an error": ip4(ENDS, icmp(3)),
    "a code that there is not": ip4(ENDS, icmp(8, 1)),
    "a wrong checksum": ip4(ENDS, icmp(8, 0, 1)),
    "a first fragment": ip4({ ...ENDS, fragment: 0x2000 }, icmp(8)),
    "a later fragment": ip4({ ...ENDS, fragment: 3 }, icmp(8)),
    "a packet cut short": ip4(ENDS, icmp(8)).subarray(0, 60),
    "a message without a body": ip4(ENDS, [8, 0], u16(0xf7ff)),
    "another protocol": ip4({ ...ENDS, protocol: 17 }, icmp(8)),
    "no packet": filler(30),
  }))
    test(`no answer to ${what}`, () => assert.equal(echoReplyTo(packet), null));
});

describe("IPv6", () => {
  test("the same octets back (RFC 4443 4.2)", () => {
    const reply = echoReplyTo(ip6({ ...ENDS6, next: 58, class: 0x4b }, icmp6(ENDS6, 128, body)));
    assert.ok(reply);
    assert.equal(
      hex(reply),
      hex(ip6({ ...BACK6, next: 58, class: 0x48 }, icmp6(BACK6, 129, body))),
    );
  });

  for (const [what, packet] of Object.entries({
    "an answer": ip6({ ...ENDS6, next: 58 }, icmp6(ENDS6, 129, body)),
    "a checksum over other addresses": ip6(
      { ...ENDS6, next: 58 },
      icmp6({ from: "fd00::6", to: "fd00::1" }, 128, body),
    ),
    "a packet cut short": ip6({ ...ENDS6, next: 58 }, icmp6(ENDS6, 128, body)).subarray(0, 80),
    "one behind another header": ip6({ ...ENDS6, next: 60 }, icmp6(ENDS6, 128, body)),
  }))
    test(`no answer to ${what}`, () => assert.equal(echoReplyTo(packet), null));
});
