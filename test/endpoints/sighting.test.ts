/** What frames show of their senders' addresses, and what they do not; and the questions and announcements of ours. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../../src/base/ip.ts";
import { announcementOf, questionFor } from "../../src/endpoints/question.ts";
import { sightingIn } from "../../src/endpoints/sighting.ts";
import {
  arp,
  checksum,
  ethernet,
  hex,
  icmp6,
  ip,
  ip6,
  join,
  mac,
  macOption,
  u32,
} from "../datapath/frame.ts";

const ME = "02:00:00:00:00:01";
const EVERYBODY = "ff:ff:ff:ff:ff:ff";
const ROUTER = "0a:77:c0:00:02:01";

const claim = (sender: string, senderMac = ME, operation = 1): Uint8Array =>
  ethernet(
    { to: EVERYBODY, from: ME },
    0x0806,
    arp({ operation, senderMac, sender, target: "10.1.0.9" }),
  );

interface Advertisement {
  readonly type?: number;
  readonly flags?: number;
  readonly hops?: number;
  readonly next?: number;
  readonly option?: Uint8Array;
}

function advertisement(target: string, more: Advertisement = {}): Uint8Array {
  const { type = 136, flags = 0x20000000, hops = 255, next = 58 } = more;
  const ends = { from: "fd00::1", to: "ff02::1" };
  const body = join(u32(flags), ip(target), more.option ?? macOption(2, ME));
  return ethernet(
    { to: "33:33:00:00:00:01", from: ME },
    0x86dd,
    ip6({ ...ends, next, hops }, icmp6(ends, type, body)),
  );
}

describe("an address is shown", () => {
  test("by the sender of an ARP request or reply", () => {
    for (const operation of [1, 2])
      assert.deepEqual(sightingIn(claim("10.1.0.7", ME, operation)), {
        ...{ address: "10.1.0.7", mac: ME, overrides: true },
      });
  });

  test("by the target of an advertisement, which overrides or not", () => {
    assert.deepEqual(sightingIn(advertisement("fd00::7")), {
      ...{ address: "fd00::7", mac: ME, overrides: true },
    });
    assert.equal(sightingIn(advertisement("fd00::7", { flags: 0 }))?.overrides, false);
    assert.equal(sightingIn(advertisement("fd00::7", { flags: 0xe0000000 }))?.overrides, true);
  });

  test("whatever stands behind the message", () =>
    assert.equal(sightingIn(join(claim("10.1.0.7"), new Uint8Array(18)))?.address, "10.1.0.7"));
});

describe("no address is shown", () => {
  for (const [why, frame] of [
    ["by a probe", claim("0.0.0.0")],
    ["by nobody's MAC", claim("10.1.0.7", "00:00:00:00:00:00")],
    ["by a group's MAC", claim("10.1.0.7", "01:00:5e:00:00:01")],
    ["by ARP of another kind", claim("10.1.0.7", ME, 3)],
    ["that is link-local", claim("169.254.1.1")],
    ["that is a group's", claim("224.0.0.1")],
    ["that is the sender's own loopback", claim("127.0.0.1")],
    ["by a solicitation", advertisement("fd00::7", { type: 135, option: macOption(1, ME) })],
    ["by an advertisement without a MAC", advertisement("fd00::7", { option: new Uint8Array(0) })],
    ["by one with a source's MAC only", advertisement("fd00::7", { option: macOption(1, ME) })],
    ["by one that crossed a router", advertisement("fd00::7", { hops: 254 })],
    ["by one of a link-local address", advertisement("fe80::7")],
    ["by one of an IPv4 address in disguise", advertisement("::ffff:10.1.0.7")],
    ["by UDP", advertisement("fd00::7", { next: 17 })],
    ["by something else", ethernet({ to: EVERYBODY, from: ME }, 0x88b5, new Uint8Array(60))],
    ["by a message that is cut off", claim("10.1.0.7").slice(0, 41)],
    ["by an advertisement that is cut off", advertisement("fd00::7").slice(0, 84)],
  ] as const)
    test(why, () => assert.equal(sightingIn(frame), null));
});

test("whatever the octets: no throw", () =>
  fc.assert(
    fc.property(
      fc.constantFrom(claim("10.1.0.7"), advertisement("fd00::7")),
      fc.array(fc.tuple(fc.nat(85), fc.nat(255))),
      fc.nat(90),
      (frame, flips, octets) => {
        const noise = frame.slice(0, octets);
        for (const [at, value] of flips) if (at < noise.length) noise[at] = value;
        sightingIn(noise);
      },
    ),
  ));

const address = (text: string): NonNullable<ReturnType<typeof parseIp>> => {
  const parsed = parseIp(text);
  assert.ok(parsed);
  return parsed;
};

/** An IPv6 packet's ICMPv6 checksum holds. */
const isSound = (frame: Uint8Array): boolean => {
  const payload = frame.slice(54);
  return checksum(frame.slice(22, 54), u32(payload.length), u32(58), payload) === 0;
};

describe("questions", () => {
  test("by ARP: a probe, which shows nothing of us", () => {
    for (const [to, destination] of [
      [null, EVERYBODY],
      [ME, ME],
    ] as const) {
      const frame = questionFor(address("10.1.0.7"), mac(ROUTER), to === null ? null : mac(to));
      const want = ethernet(
        { to: destination, from: ROUTER },
        0x0806,
        arp({ senderMac: ROUTER, sender: "0.0.0.0", target: "10.1.0.7" }),
      );
      assert.equal(hex(frame), hex(want));
      assert.equal(sightingIn(frame), null);
    }
  });

  test("by neighbour discovery: from our MAC's link-local address, to the target or its group", () => {
    const source = "fe80::877:c0ff:fe00:201";
    for (const [to, destination, destinationMac] of [
      [null, "ff02::1:ff34:5678", "33:33:ff:34:56:78"],
      [ME, "fd00::1234:5678", ME],
    ] as const) {
      const frame = questionFor(address("fd00::1234:5678"), mac(ROUTER), to && mac(to));
      const ends = { from: source, to: destination };
      const body = join(u32(0), ip("fd00::1234:5678"), macOption(1, ROUTER));
      const want = ethernet(
        { to: destinationMac, from: ROUTER },
        0x86dd,
        ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, 135, body)),
      );
      assert.equal(hex(frame), hex(want));
      assert.ok(isSound(frame));
    }
  });
});

describe("announcements", () => {
  test("by ARP: one that everybody believes", () => {
    const frame = announcementOf(address("10.1.0.254"), mac(ROUTER), { isRouter: true });
    const want = ethernet(
      { to: EVERYBODY, from: ROUTER },
      0x0806,
      arp({ senderMac: ROUTER, sender: "10.1.0.254", target: "10.1.0.254" }),
    );
    assert.equal(hex(frame), hex(want));
  });

  test("by neighbour discovery: unsolicited, overriding, a router's or not", () => {
    for (const [isRouter, flags] of [
      [true, 0xa0000000],
      [false, 0x20000000],
    ] as const) {
      const frame = announcementOf(address("fd00::fe"), mac(ROUTER), { isRouter });
      const ends = { from: "fd00::fe", to: "ff02::1" };
      const body = join(u32(flags), ip("fd00::fe"), macOption(2, ROUTER));
      const want = ethernet(
        { to: "33:33:00:00:00:01", from: ROUTER },
        0x86dd,
        ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, 136, body)),
      );
      assert.equal(hex(frame), hex(want));
      assert.ok(isSound(frame));
      assert.equal(sightingIn(frame)?.address, "fd00::fe");
    }
  });
});
