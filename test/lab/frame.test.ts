/** The matrix's frames, read by tshark: every header, every checksum, and the nonce where it belongs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../src/base/ip.ts";
import { parseMac } from "../../src/base/mac.ts";
import {
  destinationOf,
  emitProbeFrame,
  findNonce,
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
const bare = { from: station("02:00:00:00:01:01"), to: station("02:00:00:00:01:02", "10.1.0.2") };

const cases: readonly {
  readonly what: string;
  readonly probe: Omit<ProbeFrame, "nonce">;
  readonly fields: Readonly<Record<string, string>>;
}[] = [
  {
    what: "ARP asks everybody, with the nonce in the padding",
    probe: { ...v4, protocol: "arp" },
    fields: {
      "eth.dst": "ff:ff:ff:ff:ff:ff",
      "eth.src": "02:00:00:00:01:01",
      "arp.opcode": "1",
      "arp.src.hw_mac": "02:00:00:00:01:01",
      "arp.src.proto_ipv4": "10.1.0.1",
      "arp.dst.proto_ipv4": "10.1.0.2",
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
    what: "a neighbour solicitation to the target's group, with the nonce in an option",
    probe: { ...v6, protocol: "arp" },
    fields: {
      "eth.dst": "33:33:ff:ab:cd:ef",
      "ipv6.src": "fd00:1::1",
      "ipv6.dst": "ff02::1:ffab:cdef",
      "ipv6.hlim": "255",
      "icmpv6.type": "135",
      "icmpv6.checksum.status": "1",
      "icmpv6.nd.ns.target_address": "fd00:1::ab:cdef",
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

for (const { what, probe, fields } of cases)
  test(what, () => {
    const frame = emitProbeFrame({ ...probe, nonce });
    const read = dissect(frame, [...Object.keys(fields), "_ws.malformed"]);
    assert.deepEqual(read.slice(0, Object.keys(fields).length), Object.values(fields));
    assert.equal(read[Object.keys(fields).length] ?? "", "", "not malformed");
    assert.deepEqual(
      frame.slice(0, 6),
      destinationOf(probe.protocol, probe.from, probe.to),
      "goes where the expected verdict was looked up",
    );
    const found = findNonce(frame, nonce.subarray(0, 4));
    assert.deepEqual(found && Buffer.from(found).toString("hex"), NONCE);
    assert.equal(findNonce(frame, Uint8Array.of(1, 2, 3, 4)), null, "another run's mark");
    assert.equal(findNonce(frame.subarray(0, 14), nonce.subarray(0, 4)), null);
  });
