/** Forged tunnel packets, read by tshark: each encapsulation over each family, as the target's host expects them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMac } from "../../src/base/mac.ts";
import { emitForgery, type Forgery, type UnderlayHost } from "../../src/lab/forgery.ts";
import type { VniInRow } from "../../src/rows/rows.ts";
import { ARP_OPERATION, emitArp } from "../../src/wire/arp.ts";
import { BROADCAST_MAC, ETHER_TYPE, emitEthernet } from "../../src/wire/ethernet.ts";
import { dissect } from "./dissect.ts";

function host(n: number, ...vteps: readonly string[]): UnderlayHost {
  const mac = parseMac(`02:57:00:0${n}:00:00`);
  assert.ok(mac);
  return { host: `h${n}`, mac, vteps, namespace: "", interface: "uplink0" };
}

const from = host(1, "192.0.2.1", "2001:db8::1");
const to = host(2, "192.0.2.2", "2001:db8::2");

function forgery(encapsulation: VniInRow["encapsulation"], vtep: string): Forgery {
  const tunnel: VniInRow = {
    table: "vni_in",
    vtep,
    encapsulation,
    vni: 0xabcdef,
    network: 0xabcdef,
    mtu: 1400,
    dscp: "uniform",
    unknownUnicast: "flood",
    learning: null,
    isRouter: false,
    isGateway: false,
    mssClamp: false,
    space: 0xabcdef,
    owner: 0,
  };
  return { from, to, tunnel, via: null, vxlanPort: 4789 };
}

/** A whole ARP request. */
function inner(): Uint8Array {
  const out = new DataView(new ArrayBuffer(60));
  const header = { destination: BROADCAST_MAC, source: from.mac, etherType: ETHER_TYPE.arp };
  emitArp(out, emitEthernet(out, 0, header), {
    operation: ARP_OPERATION.request,
    senderMac: from.mac,
    senderAddress: Uint8Array.of(10, 0, 0, 1),
    targetMac: new Uint8Array(6),
    targetAddress: Uint8Array.of(10, 0, 0, 2),
  });
  return new Uint8Array(out.buffer);
}

const vxlan = {
  "udp.dstport": "4789",
  "udp.checksum": "0x0000",
  "vxlan.flags": "0x0800",
  "vxlan.vni": String(0xabcdef),
};
const nvgre = {
  "gre.flags_and_version": "0x2000",
  "gre.proto": "0x6558",
  "gre.key": "0xabcdef00",
};
const ipv4 = { "ip.src": "192.0.2.1", "ip.dst": "192.0.2.2", "ip.checksum.status": "1" };
const ipv6 = { "ipv6.src": "2001:db8::1", "ipv6.dst": "2001:db8::2" };

for (const [encapsulation, vtep, fields] of [
  ["vxlan", "192.0.2.2", { ...ipv4, "ip.len": String(20 + 16 + 60), ...vxlan }],
  ["vxlan", "2001:db8::2", { ...ipv6, "ipv6.plen": String(16 + 60), ...vxlan }],
  ["nvgre", "192.0.2.2", { ...ipv4, "ip.len": String(20 + 8 + 60), ...nvgre }],
  ["nvgre", "2001:db8::2", { ...ipv6, "ipv6.plen": String(8 + 60), ...nvgre }],
] as const)
  test(`${encapsulation} to ${vtep}`, () => {
    const frame = emitForgery(forgery(encapsulation, vtep), inner());
    assert.ok(frame);
    const wanted = {
      "eth.dst": "02:57:00:02:00:00",
      "eth.src": "02:57:00:01:00:00",
      ...fields,
      "arp.dst.proto_ipv4": "10.0.0.2",
    };
    assert.deepEqual(dissect(frame, Object.keys(wanted)), Object.values(wanted));
  });

test("a source without an address of the tunnel's family forges nothing", () => {
  const only4 = { ...forgery("vxlan", "2001:db8::2"), from: host(1, "192.0.2.1") };
  assert.equal(emitForgery(only4, inner()), null);
});
