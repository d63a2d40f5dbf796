/** The matrix's frames, read by tshark: every header, every checksum, and the nonce where it belongs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../src/base/ip.ts";
import { parseMac } from "../../src/base/mac.ts";
import {
  destinationOf,
  emitProbeFrame,
  findNonce,
  isSentBy,
  type ProbeFrame,
  type Station,
} from "../../src/lab/frame.ts";
import { dissect } from "./dissect.ts";

function station(mac: string, ...addresses: readonly string[]): Station {
  const octets = parseMac(mac);
  assert.ok(octets);
  return {
    mac: octets,
    addresses: addresses.map((text) => {
      const ip = parseIp(text);
      assert.ok(ip, text);
      return ip;
    }),
  };
}

const nonce = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0, 0, 1, 2);
const NONCE = "deadbeef00000102";
const v4 = {
  from: station("02:00:00:00:01:01", "fd00:1::1", "10.1.0.1"),
  to: station("02:00:00:00:01:02", "10.1.0.2", "fd00:1::2"),
};
const v6 = {
  from: station("02:00:00:00:01:01", "fd00:1::1", "10.1.0.1"),
  to: station("02:00:00:00:01:02", "fd00:1::ab:cdef"),
};
const router = Uint8Array.of(0x06, 0x77, 0x65, 0x66, 0x74, 0x01);
const bare = { from: station("02:00:00:00:01:01"), to: station("02:00:00:00:01:02", "10.1.0.2") };

const cases: readonly {
  readonly what: string;
  readonly probe: Omit<ProbeFrame, "nonce" | "via"> & Partial<Pick<ProbeFrame, "via">>;
  readonly fields: Readonly<Record<string, string>>;
}[] = [
  {
    what: "ARP announces the sender to everybody, with the nonce in the padding",
    probe: { ...v4, protocol: "arp" },
    fields: {
      "eth.dst": "ff:ff:ff:ff:ff:ff",
      "eth.src": "02:00:00:00:01:01",
      "arp.opcode": "1",
      "arp.src.hw_mac": "02:00:00:00:01:01",
      "arp.src.proto_ipv4": "10.1.0.1",
      "arp.dst.proto_ipv4": "10.1.0.1",
      "eth.trailer": `${NONCE}${"00".repeat(10)}`,
    },
  },
  {
    what: "an echo request",
    probe: { ...v4, protocol: "icmp" },
    fields: {
      "eth.dst": "02:00:00:00:01:02",
      "ip.src": "10.1.0.1",
      "ip.dst": "10.1.0.2",
      "ip.checksum.status": "1",
      "icmp.type": "8",
      "icmp.checksum.status": "1",
      "data.data": NONCE,
    },
  },
  {
    what: "a UDP datagram",
    probe: { ...v4, protocol: "udp" },
    fields: {
      "eth.dst": "02:00:00:00:01:02",
      "ip.checksum.status": "1",
      "udp.dstport": "9",
      "udp.length": "16",
      "udp.checksum.status": "1",
      "data.data": NONCE,
    },
  },
  {
    what: "a TCP SYN",
    probe: { ...v4, protocol: "tcp" },
    fields: {
      "tcp.dstport": "9",
      "tcp.flags": "0x0002",
      "tcp.checksum.status": "1",
      "tcp.payload": NONCE,
    },
  },
  {
    what: "a neighbour advertisement to all nodes, with the nonce in an option",
    probe: { ...v6, protocol: "arp" },
    fields: {
      "eth.dst": "33:33:00:00:00:01",
      "ipv6.src": "fd00:1::1",
      "ipv6.dst": "ff02::1",
      "ipv6.hlim": "255",
      "icmpv6.type": "136",
      "icmpv6.checksum.status": "1",
      "icmpv6.nd.na.flag.s": "0",
      "icmpv6.nd.na.target_address": "fd00:1::1",
      "icmpv6.opt.linkaddr": "02:00:00:00:01:01",
    },
  },
  {
    what: "an ICMPv6 echo request",
    probe: { ...v6, protocol: "icmp" },
    fields: {
      "eth.dst": "02:00:00:00:01:02",
      "ipv6.dst": "fd00:1::ab:cdef",
      "ipv6.plen": "16",
      "icmpv6.type": "128",
      "icmpv6.checksum.status": "1",
    },
  },
  {
    what: "UDP over IPv6",
    probe: { ...v6, protocol: "udp" },
    fields: { "ipv6.plen": "16", "udp.checksum.status": "1", "data.data": NONCE },
  },
  {
    what: "by the gateway the packet is for the target and the frame for the router",
    probe: { ...v4, protocol: "udp", via: { mac: router, family: "ipv4" } },
    fields: {
      "eth.dst": "06:77:65:66:74:01",
      "eth.src": "02:00:00:00:01:01",
      "ip.src": "10.1.0.1",
      "ip.dst": "10.1.0.2",
      "ip.ttl": "64",
      "udp.checksum.status": "1",
      "data.data": NONCE,
    },
  },
  {
    what: "by the gateway in the family that it routes",
    probe: { ...v4, protocol: "icmp", via: { mac: router, family: "ipv6" } },
    fields: {
      "eth.dst": "06:77:65:66:74:01",
      "ipv6.src": "fd00:1::1",
      "ipv6.dst": "fd00:1::2",
      "ipv6.hlim": "64",
      "icmpv6.type": "128",
      "icmpv6.checksum.status": "1",
    },
  },
  {
    what: "a station without addresses speaks from its link-local one, and to the target's",
    probe: { ...bare, protocol: "tcp" },
    fields: {
      "ipv6.src": "fe80::ff:fe00:101",
      "ipv6.dst": "fe80::ff:fe00:102",
      "tcp.checksum.status": "1",
      "tcp.payload": NONCE,
    },
  },
];

for (const { what, probe: wanted, fields } of cases)
  test(what, () => {
    const probe = { via: null, ...wanted };
    const frame = emitProbeFrame({ ...probe, nonce });
    const read = dissect(frame, [...Object.keys(fields), "_ws.malformed"]);
    assert.deepEqual(read.slice(0, Object.keys(fields).length), Object.values(fields));
    assert.equal(read[Object.keys(fields).length] ?? "", "", "not malformed");
    assert.deepEqual(
      frame.slice(0, 6),
      destinationOf(probe),
      "goes where the expected verdict was looked up",
    );
    const found = findNonce(frame, nonce.subarray(0, 4));
    assert.deepEqual(found && Buffer.from(found).toString("hex"), NONCE);
    assert.equal(findNonce(frame, Uint8Array.of(1, 2, 3, 4)), null, "another run's mark");
    assert.equal(findNonce(frame.subarray(0, 14), nonce.subarray(0, 4)), null);
  });

test("a probe is known from an answer that quotes it, also behind a router", () => {
  const direct = emitProbeFrame({ ...v4, protocol: "udp", via: null, nonce });
  assert.ok(isSentBy(direct, v4.from));
  assert.ok(!isSentBy(direct, v4.to));
  for (const family of ["ipv4", "ipv6"] as const) {
    const frame = emitProbeFrame({ ...v4, protocol: "udp", via: { mac: router, family }, nonce });
    frame.set(router, 6);
    assert.ok(isSentBy(frame, v4.from), family);
    assert.ok(!isSentBy(frame, v4.to), family);
    assert.ok(!isSentBy(frame, bare.from), "a station without an address");
  }
  const announcement = emitProbeFrame({ ...v4, protocol: "arp", via: null, nonce });
  assert.ok(isSentBy(announcement, v4.from));
  announcement.set(router, 6);
  assert.ok(!isSentBy(announcement, v4.from), "no router passes that on");
});
