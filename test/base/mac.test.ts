import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIp } from "../../src/base/ip.ts";
import {
  formatMac,
  isGroupMac,
  linkLocalOf,
  multicastMacOf,
  parseMac,
} from "../../src/base/mac.ts";

function mac(text: string): Uint8Array {
  const parsed = parseMac(text);
  assert.ok(parsed, text);
  return parsed;
}

test("text in, octets, canonical text out", () => {
  assert.deepEqual(mac("02:0A:ff:00:00:01"), Uint8Array.of(2, 10, 255, 0, 0, 1));
  assert.equal(formatMac(mac("02:0A:FF:00:00:01")), "02:0a:ff:00:00:01");
});

test("what is no MAC", () => {
  for (const text of [
    "",
    "02:00:00:00:00",
    "02:00:00:00:00:01:02",
    "02-00-00-00-00-01",
    "2:0:0:0:0:1",
    "02:00:00:00:00:0g",
    " 02:00:00:00:00:01",
  ])
    assert.equal(parseMac(text), null, text);
});

test("group addresses have the lowest bit of the first octet set", () => {
  assert.equal(isGroupMac(mac("ff:ff:ff:ff:ff:ff")), true);
  assert.equal(isGroupMac(mac("01:00:5e:00:00:01")), true);
  assert.equal(isGroupMac(mac("02:00:00:00:00:01")), false);
});

test("the link-local address inverts the universal bit (RFC 4291 appendix A)", () => {
  assert.equal(formatIp({ octets: linkLocalOf(mac("02:00:00:00:00:01")) }), "fe80::ff:fe00:1");
  assert.equal(
    formatIp({ octets: linkLocalOf(mac("34:56:78:9a:bc:de")) }),
    "fe80::3656:78ff:fe9a:bcde",
  );
});

test("an IPv6 group's MAC (RFC 2464 7)", () =>
  assert.deepEqual(
    multicastMacOf({ octets: Buffer.from("ff0200000000000000000001ff123456", "hex") }),
    mac("33:33:ff:12:34:56"),
  ));
