/** What arrives on an uplink: whose it is, whether it is sound, and where its inner frame goes. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  ADMIT_FLAG,
  PORT_FLAG,
  VERDICTS,
  type VerdictName,
  VNI_IN_FLAG,
  VTEP_FLAG,
} from "../../src/rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../../src/rows/pack.ts";
import {
  arp,
  checksum,
  ethernet,
  filler,
  hex,
  type Ip4,
  type Ip6,
  ip,
  ip4,
  ip6,
  join,
  mac,
  nvgre,
  tcp,
  u16,
  u32,
  udp,
  vxlan,
} from "./frame.ts";
import {
  DROP,
  LOCAL,
  NETWORK,
  NEXT,
  NEXT_HOP,
  OTHER_NETWORK,
  PEERS,
  PORTS,
  REDIRECT,
  Rig,
  UPLINK,
} from "./rig.ts";

const [FAR] = PEERS;
const ME = PORTS[1];
const WIRE = { to: UPLINK, from: NEXT_HOP };

let rig: Rig;
before(() => {
  rig = new Rig("from-underlay");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  rig.setVniIn({ encapsulation: "vxlan" });
  rig.setVniIn({ encapsulation: "nvgre" });
});

const inner = (
  payload: Uint8Array = ip4(
    { from: "10.1.0.9", to: "10.1.0.1", protocol: 17 },
    udp(1, 2, filler(40)),
  ),
  type = 0x0800,
  ends: { to?: string; from?: string } = {},
): Uint8Array => ethernet({ to: ME, from: FAR.mac, ...ends }, type, payload);

const FROM = { vxlan: PEERS[0].address, nvgre: PEERS[1].address } as const;

const viaVxlan = (
  frame: Uint8Array,
  header: Partial<Ip4> = {},
  shim: Uint8Array = vxlan(NETWORK),
): Uint8Array =>
  ethernet(
    WIRE,
    0x0800,
    ip4(
      { from: FROM.vxlan, to: LOCAL.ipv4, protocol: 17, ...header },
      udp(50_000, 4789, join(shim, frame)),
    ),
  );

const viaNvgre = (
  frame: Uint8Array,
  header: Partial<Ip4> = {},
  shim: Uint8Array = nvgre(NETWORK),
): Uint8Array =>
  ethernet(
    WIRE,
    0x0800,
    ip4({ from: FROM.nvgre, to: LOCAL.ipv4, protocol: 47, ...header }, shim, frame),
  );

const viaVxlan6 = (frame: Uint8Array, header: Partial<Ip6> = {}): Uint8Array =>
  ethernet(
    WIRE,
    0x86dd,
    ip6(
      { from: PEERS[2].address, to: LOCAL.ipv6, next: 17, ...header },
      udp(50_000, 4789, join(vxlan(NETWORK), frame)),
    ),
  );

const viaNvgre6 = (frame: Uint8Array, header: Partial<Ip6> = {}): Uint8Array =>
  ethernet(
    WIRE,
    0x86dd,
    ip6({ from: PEERS[3].address, to: LOCAL.ipv6, next: 47, ...header }, nvgre(NETWORK), frame),
  );

/** Dropped whole, for this reason alone. */
function refused(why: VerdictName, frame: Uint8Array): void {
  const { action, delta, octets } = rig.run("uplink", frame, "uplink");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
  assert.equal(hex(octets), hex(frame));
}

/** Goes on to whoever is next, untouched. */
function passed(frame: Uint8Array, why: VerdictName = "passed"): void {
  const { action, delta, octets } = rig.run("uplink", frame, "uplink");
  assert.deepEqual({ action, delta }, { action: NEXT, delta: { [why]: 1 } });
  assert.equal(hex(octets), hex(frame));
}

/** Taken out of its outer headers and delivered as `want`. */
function delivered(frame: Uint8Array, want: Uint8Array = inner()): void {
  const { action, delta, octets } = rig.run("uplink", frame, "uplink");
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { delivered: 1 } });
  assert.equal(hex(octets), hex(want));
}

describe("each encapsulation over each family delivers the inner frame octet by octet", () => {
  const payloads: readonly (readonly [string, Uint8Array])[] = [
    ["IPv4", inner()],
    [
      "IPv6",
      inner(ip6({ from: "fd00::9", to: "fd00::1", next: 6 }, tcp(1, 2, filler(100))), 0x86dd),
    ],
    ["ARP", inner(arp({ senderMac: FAR.mac, sender: "10.1.0.9", target: "10.1.0.1" }), 0x0806)],
    ["802.3 with a length", inner(filler(60), 60)],
    ["an EtherType of one's own", inner(filler(46), 0x88b5)],
    ["the largest", inner(filler(1500), 0x88b5)],
  ];
  for (const [what, frame] of payloads)
    test(what, () => {
      for (const via of [viaVxlan, viaNvgre, viaVxlan6, viaNvgre6]) delivered(via(frame), frame);
    });
});

describe("what is none of ours passes untouched", () => {
  test("other protocols, ports, EtherTypes", () => {
    const plain = { from: FROM.vxlan, to: LOCAL.ipv4 };
    const plain6 = { from: PEERS[2].address, to: LOCAL.ipv6 };
    for (const frame of [
      ethernet(
        WIRE,
        0x0806,
        arp({ senderMac: NEXT_HOP, sender: "192.0.2.2", target: "192.0.2.1" }),
      ),
      ethernet(WIRE, 0x0800, ip4({ ...plain, protocol: 17 }, udp(4789, 53, filler(40)))),
      ethernet(WIRE, 0x0800, ip4({ ...plain, protocol: 6 }, tcp(4789, 4789, filler(40)))),
      ethernet(WIRE, 0x0800, ip4({ ...plain, protocol: 1 }, filler(40))),
      ethernet(WIRE, 0x86dd, ip6({ ...plain6, next: 58 }, filler(40))),
      ethernet(WIRE, 0x86dd, ip6({ ...plain6, next: 17 }, udp(4789, 4790, filler(40)))),
      ethernet(WIRE, 0x88cc, filler(46)),
      ethernet(WIRE, 0x0800, [0x65], filler(60)),
      ethernet(WIRE, 0x86dd, [0x45], viaVxlan6(inner()).slice(15)),
      ethernet(WIRE, 0x0800, [0x44], filler(60)),
    ])
      passed(frame);
  });

  test("a tunnel to an address that is not ours, sound or not", () => {
    for (const to of ["192.0.2.77", "239.1.10.0"]) {
      passed(viaVxlan(inner(), { to }));
      passed(viaVxlan(inner(), { to }, vxlan(NETWORK, 0)));
      passed(viaVxlan(inner(), { to, fragment: 0x2000 }));
      passed(viaNvgre(inner(), { to }));
      passed(viaNvgre(inner(), { to }, nvgre(NETWORK, 0xb000)));
      passed(viaNvgre(inner(), { to, fragment: 0x0001 }));
    }
    passed(viaVxlan6(inner(), { to: "2001:db8::77" }));
    passed(viaNvgre6(inner(), { to: "2001:db8::77" }));
  });

  test("GRE of another version, or with something else inside", () => {
    for (const flags of [0x2001, 0x2002, 0x2007])
      passed(viaNvgre(inner(), {}, nvgre(NETWORK, flags)));
    for (const type of [0x0800, 0x86dd, 0x880b])
      passed(viaNvgre(inner(), {}, nvgre(NETWORK, 0x2000, type)));
    passed(viaNvgre(new Uint8Array(0), {}, Uint8Array.of(0, 0, 8)));
    passed(viaNvgre(new Uint8Array(0), {}, Uint8Array.of(0, 0, 8, 0)));
  });

  test("IPv6 with IPv4 addresses written as IPv6: not the IPv4 peer, not the IPv4 tunnel address", () => {
    passed(viaVxlan6(inner(), { from: `::ffff:${FROM.vxlan}` }));
    passed(viaNvgre6(inner(), { from: `::ffff:${FROM.nvgre}` }));
    passed(viaVxlan6(inner(), { to: `::ffff:${LOCAL.ipv4}` }));
  });

  test("IPv6 with extension headers", () => {
    const hop = [17, 0, 0, 0, 0, 0, 0, 0];
    const datagram = udp(1, 4789, join(vxlan(NETWORK), inner()));
    const ends = { from: PEERS[2].address, to: LOCAL.ipv6 };
    for (const next of [0, 43, 60])
      passed(ethernet(WIRE, 0x86dd, ip6({ ...ends, next }, hop, datagram)));
    // An atomic fragment is one, too.
    passed(ethernet(WIRE, 0x86dd, ip6({ ...ends, next: 44 }, hop, datagram)));
  });
});

describe("VXLAN (RFC 7348 section 5)", () => {
  test("without the I flag", () => {
    refused("vxlan-flags", viaVxlan(inner(), {}, vxlan(NETWORK, 0)));
    refused("vxlan-flags", viaVxlan(inner(), {}, vxlan(NETWORK, 0xf7ffffff)));
  });

  test("reserved bits are ignored on receipt", () => {
    delivered(viaVxlan(inner(), {}, vxlan(NETWORK, 0xffffffff)));
    delivered(viaVxlan(inner(), {}, join(u32(0x08000000), u32((NETWORK << 8) | 0xff))));
  });

  test("numbers 0 and 0xffffff are numbers", () => {
    for (const vni of [0, 0xffffff]) {
      refused("unknown-vni", viaVxlan(inner(), {}, vxlan(vni)));
      rig.setVniIn({ vni });
      delivered(viaVxlan(inner(), {}, vxlan(vni)));
      const vtep = join(new Array<number>(10).fill(0), [255, 255], ip(LOCAL.ipv4));
      rig.remove("vni_in", pack("vniInKey", { vtep, vni, encapsulation: 1 }));
    }
  });

  test("a sum that is wrong is not looked at (RFC 7348 allows that)", () => {
    const frame = viaVxlan(inner());
    frame.set([0xde, 0xad], 14 + 20 + 6);
    delivered(frame);
  });
});

describe("NVGRE (RFC 7637 section 3.2)", () => {
  test("checksum, sequence, no key, routing, recursion: refused", () => {
    for (const flags of [0xa000, 0x3000, 0xb000, 0x0000, 0x1000, 0x6000, 0x2800, 0x2400])
      refused("nvgre-header", viaNvgre(inner(), {}, nvgre(NETWORK, flags)));
  });

  test("the rest of the reserved bits is ignored (RFC 2784 section 2.3)", () => {
    for (const flags of [0x2200, 0x2100, 0x2008, 0x23f8])
      delivered(viaNvgre(inner(), {}, nvgre(NETWORK, flags)));
  });

  test("the FlowID is not part of the number", () => {
    delivered(viaNvgre(inner(), {}, nvgre(NETWORK, 0x2000, 0x6558, 0xff)));
  });
});

describe("the outer packet", () => {
  test("IPv4 options are skipped", () => {
    for (const octets of [4, 40]) {
      const options = new Uint8Array(octets).fill(1);
      for (const via of [viaVxlan, viaNvgre]) delivered(via(inner(), { options }));
    }
  });

  test("fragments: the first of ours and any of GRE is refused, later ones are nobody's", () => {
    refused("outer-fragment", viaVxlan(inner(), { fragment: 0x2000 }));
    for (const fragment of [0x0001, 0x2001, 0x1fff]) passed(viaVxlan(inner(), { fragment }));
    for (const fragment of [0x2000, 0x0001, 0x2001])
      refused("outer-fragment", viaNvgre(inner(), { fragment }));
    // DF, and the bit that nobody has defined
    for (const fragment of [0x0000, 0x4000, 0x8000]) {
      delivered(viaVxlan(inner(), { fragment }));
      delivered(viaNvgre(inner(), { fragment }));
    }
  });

  test("IPv6 fragments likewise", () => {
    const ends = { from: PEERS[2].address, to: LOCAL.ipv6, next: 44 };
    const of = (next: number, offset: number, body: Uint8Array): Uint8Array =>
      ethernet(WIRE, 0x86dd, ip6(ends, [next, 0], u16(offset), u32(7), body));
    const datagram = udp(1, 4789, join(vxlan(NETWORK), inner()));
    refused("outer-fragment", of(17, 1, datagram));
    passed(of(17, 8, datagram));
    passed(of(17, 9, datagram));
    passed(of(17, 1, udp(1, 53, filler(40))));
    for (const offset of [1, 8, 9])
      refused("outer-fragment", of(47, offset, join(nvgre(NETWORK), inner())));
    passed(of(6, 1, filler(40)));
  });

  test("lengths that contradict the frame", () => {
    const octets = inner().length;
    const lie = (udpOctets: number, ipOctets?: number): Uint8Array =>
      ethernet(
        WIRE,
        0x0800,
        ip4(
          {
            from: FROM.vxlan,
            to: LOCAL.ipv4,
            protocol: 17,
            ...(ipOctets === undefined ? {} : { octets: ipOctets }),
          },
          udp(1, 4789, join(vxlan(NETWORK), inner()), udpOctets),
        ),
      );
    delivered(lie(16 + octets));
    for (const udpOctets of [0, 8, 15, 17 + octets, 0xffff])
      refused("outer-length", lie(udpOctets));
    for (const ipOctets of [0, 20, 35, 35 + octets, 37 + octets, 0xffff])
      refused("outer-length", lie(16 + octets, ipOctets));
    for (const total of [0, 20, 27, 29 + octets, 0xffff])
      refused("outer-length", viaNvgre(inner(), { octets: total }));
    for (const payload of [0, 15 + octets, 17 + octets])
      refused("outer-length", viaVxlan6(inner(), { octets: payload }));
    for (const payload of [0, 7, 9 + octets])
      refused("outer-length", viaNvgre6(inner(), { octets: payload }));
  });

  test("headers cut off", () => {
    const none = new Uint8Array(0);
    refused("outer-truncated", viaVxlan(none, {}, vxlan(NETWORK).slice(0, 7)));
    refused("outer-truncated", viaNvgre(none, {}, nvgre(NETWORK).slice(0, 7)));
    refused("outer-truncated", viaNvgre(none, {}, nvgre(NETWORK).slice(0, 4)));
    const short = ip4({ from: FROM.vxlan, to: LOCAL.ipv4, protocol: 17 }, filler(7));
    passed(ethernet(WIRE, 0x0800, short));
  });

  test("what the link has padded is taken off again", () => {
    for (const via of [viaVxlan, viaNvgre, viaVxlan6, viaNvgre6])
      for (const padding of [1, 4, 46]) delivered(join(via(inner()), filler(padding)));
    // Padding does not make a frame larger than the network's.
    const largest = inner(filler(1500), 0x88b5);
    delivered(join(viaVxlan(largest), filler(4)), largest);
  });
});

describe("the inner frame", () => {
  test("without an Ethernet header", () => {
    for (const octets of [0, 1, 13])
      for (const via of [viaVxlan, viaNvgre])
        refused("inner-truncated", via(inner().slice(0, octets)));
    // Padding is no inner frame.
    refused("inner-truncated", join(viaVxlan(inner().slice(0, 13)), filler(60)));
  });

  test("a runt is padded to what the kernel can handle, as a wire would", () => {
    for (const octets of [14, 15, 33]) {
      const runt = inner(filler(40), 0x88b5).slice(0, octets);
      for (const via of [viaVxlan, viaNvgre, viaVxlan6, viaNvgre6])
        delivered(via(runt), join(runt, new Uint8Array(34 - octets)));
    }
  });

  test("tags are refused", () => {
    for (const type of [0x8100, 0x88a8, 0x9100])
      for (const via of [viaVxlan, viaNvgre, viaVxlan6, viaNvgre6])
        refused("inner-tagged", via(inner(filler(50), type)));
  });

  test("a source that is a group, everybody, or nobody", () => {
    for (const from of ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"])
      for (const via of [viaVxlan, viaNvgre])
        refused("inner-source", via(inner(filler(50), 0x88b5, { from })));
    const low = inner(filler(50), 0x88b5, { from: "00:00:00:00:00:01" });
    delivered(viaVxlan(low), low);
  });

  test("larger than the network's", () => {
    for (const via of [viaVxlan, viaNvgre, viaVxlan6, viaNvgre6])
      refused("too-big", via(inner(filler(1501), 0x88b5)));
    rig.setVniIn({ mtu: 1400 });
    const frame = viaVxlan(inner(filler(1401), 0x88b5));
    refused("too-big", frame);
    assert.equal(rig.run("uplink", frame, "uplink", 1373).delta["too-big"], 1, "of an aggregate");
    assert.equal(rig.run("uplink", frame, "uplink", 1372).delta["too-big"], undefined);
  });
});

describe("who may send", () => {
  test("a number that we do not have, on this address, under this encapsulation", () => {
    refused("unknown-vni", viaVxlan(inner(), {}, vxlan(NETWORK + 1)));
    refused("unknown-vni", viaNvgre(inner(), {}, nvgre(OTHER_NETWORK)));
    const mapped = join(new Array<number>(10).fill(0), [255, 255], ip(LOCAL.ipv4));
    rig.remove("vni_in", pack("vniInKey", { vtep: mapped, vni: NETWORK, encapsulation: 2 }));
    refused("unknown-vni", viaNvgre(inner()));
    delivered(viaVxlan(inner()));
  });

  test("somebody unknown", () => {
    refused("unknown-peer", viaVxlan(inner(), { from: "192.0.2.99" }));
    refused("unknown-peer", viaNvgre(inner(), { from: "192.0.2.99" }));
    refused("unknown-peer", viaVxlan6(inner(), { from: "2001:db8::99" }));
  });

  test("somebody known, but not of this network", () => {
    rig.setVniIn({ vni: OTHER_NETWORK, network: OTHER_NETWORK });
    const frame = viaVxlan(inner(filler(50), 0x88b5, { to: PORTS[3] }), {}, vxlan(OTHER_NETWORK));
    refused("not-admitted", frame);
    rig.setAdmit(1, OTHER_NETWORK, 0);
    delivered(frame, inner(filler(50), 0x88b5, { to: PORTS[3] }));
    rig.remove("admit", pack("admitKey", { peer: 1, network: OTHER_NETWORK }));
  });

  test("on a shared address what we cannot place is another overlay's", () => {
    rig.setVtep(LOCAL.ipv4, VTEP_FLAG.VTEP_SHARED);
    passed(viaVxlan(inner(), {}, vxlan(NETWORK + 1)), "passed-shared");
    passed(viaVxlan(inner(), {}, vxlan(NETWORK, 0)), "passed-shared");
    passed(viaNvgre(inner(), {}, nvgre(NETWORK, 0xb000)), "passed-shared");
    passed(viaNvgre(inner(), { fragment: 0x2000 }), "passed-shared");
    passed(viaVxlan(inner(), { octets: 40 }), "passed-shared");
    // What is ours by its number is ours to refuse.
    refused("unknown-peer", viaVxlan(inner(), { from: "192.0.2.99" }));
    delivered(viaVxlan(inner()));
  });
});

describe("where the inner frame goes", () => {
  const to = (address: string): Uint8Array => inner(filler(50), 0x88b5, { to: address });

  test("never back into a tunnel", () => {
    for (const { mac: address } of PEERS) refused("split-horizon", viaVxlan(to(address)));
  });

  test("an FDB row that says drop, and rows that contradict one another", () => {
    const [other, key] = [
      "02:00:00:00:09:09",
      pack("fdbKey", { network: NETWORK, mac: mac("02:00:00:00:09:09") }),
    ];
    rig.setFdb(other, "drop", 0);
    refused("fdb-drop", viaVxlan(to(other)));
    for (const port of [99, 3]) {
      rig.setFdb(other, "port", port); // 3 is of another network
      const { action, delta } = rig.run("uplink", viaVxlan(to(other)), "uplink");
      assert.deepEqual({ action, delta }, { action: DROP, delta: { "no-port": 1 } });
    }
    rig.remove("fdb", key);
  });

  test("an unknown MAC to every port here, and to no peer", () => {
    const heard = rig.listen("uplink", "port1", "port2", "port3");
    const frame = to("02:00:00:00:09:09");
    const { action, delta } = rig.run("uplink", viaVxlan(frame), "uplink");
    assert.deepEqual({ action, delta }, { action: DROP, delta: { flooded: 1 } });
    const copies = Object.entries(heard()).map(([name, frames]) => [name, frames.map(hex)]);
    assert.deepEqual(Object.fromEntries(copies), {
      uplink: [],
      port1: [hex(frame)],
      port2: [hex(frame)],
      port3: [],
    });
  });

  test("an unknown MAC nowhere, where the network says so", () => {
    rig.setVniIn({ flags: VNI_IN_FLAG.VNI_IN_UNKNOWN_DROP });
    refused("unknown-unicast", viaVxlan(to("02:00:00:00:09:09")));
  });

  test("broadcast and multicast likewise, once each; with no port here, nowhere", () => {
    const heard = rig.listen("uplink", "port1", "port2", "port3");
    for (const address of ["ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"]) {
      const frame = to(address);
      const { delta } = rig.run("uplink", viaNvgre6(frame), "uplink");
      assert.deepEqual(delta, { flooded: 1 });
      const { uplink, port1, port2, port3 } = heard();
      assert.deepEqual([uplink, port3], [[], []]);
      assert.deepEqual([port1?.map(hex), port2?.map(hex)], [[hex(frame)], [hex(frame)]]);
    }
    rig.setFlood(NETWORK, [[]]);
    assert.deepEqual(rig.run("uplink", viaVxlan(to("ff:ff:ff:ff:ff:ff")), "uplink").delta, {
      "no-receiver": 1,
    });
  });
});

describe("the class of the inner packet", () => {
  const DSCP = { inner: 10 << 2, outer: 46 << 2 };
  /** RFC 6040 section 4.2, by inner then outer: Not-ECT, ECT(1), ECT(0), CE. */
  const after6040 = [
    [0, 0, 0, null],
    [1, 1, 1, 3],
    [2, 1, 2, 3],
    [3, 3, 3, 3],
  ] as const;

  const packet = (family: 4 | 6, tos: number): Uint8Array =>
    family === 4
      ? inner(ip4({ from: "10.1.0.9", to: "10.1.0.1", protocol: 17, tos }, udp(1, 2, filler(40))))
      : inner(
          ip6(
            { from: "fd00::9", to: "fd00::1", next: 17, class: tos, label: 0x54321 },
            udp(1, 2, filler(40)),
          ),
          0x86dd,
        );

  for (const [name, flags, admit, keeps] of [
    ["uniform", 0, 0, false],
    ["pipe", VNI_IN_FLAG.VNI_IN_DSCP_PIPE, 0, true],
    ["uniform, from a peer whose DSCP says nothing", 0, ADMIT_FLAG.ADMIT_DSCP_KEEP, true],
  ] as const)
    for (const family of [4, 6] as const)
      test(`${name}, IPv${family}: all sixteen of RFC 6040, the sum right after each`, () => {
        rig.setVniIn({ flags });
        rig.setVniIn({ vtep: LOCAL.ipv6, flags });
        for (const peer of [1, 3]) rig.setAdmit(peer, NETWORK, admit);
        for (const [was, row] of after6040.entries())
          for (const [outer, now] of row.entries()) {
            const frame = packet(family, DSCP.inner | was);
            for (const wire of [
              viaVxlan(frame, { tos: DSCP.outer | outer }),
              viaVxlan6(frame, { class: DSCP.outer | outer }),
            ]) {
              if (now === null) {
                refused("ecn", wire);
                continue;
              }
              const want = packet(family, (keeps ? DSCP.inner : DSCP.outer) | now);
              delivered(wire, want);
              if (family === 4) assert.equal(checksum(want.slice(14, 34)), 0);
            }
          }
      });

  test("behind outer options, too", () => {
    const options = new Uint8Array(40).fill(1);
    delivered(viaVxlan(packet(6, 2), { options, tos: 3 }), packet(6, 3));
    refused("ecn", viaVxlan(packet(6, 0), { options, tos: 3 }));
  });

  test("what has no class is delivered whatever the outer one says", () => {
    const frame = inner(filler(50), 0x88b5);
    delivered(viaVxlan(frame, { tos: 0xff }), frame);
  });

  test("sums stay right whatever they are", () => {
    for (let id = 0; id < 65_536; id++) {
      const body = packet(4, 2);
      body.set(u16(id), 18);
      body.set([0, 0], 24);
      const sum = checksum(body.subarray(14, 34));
      body.set(u16(sum), 24);
      // Some of all, and the one whose difference takes two rounds of folding.
      if (id % 257 !== 0 && sum !== 0xffe8) continue;
      const { octets } = rig.run("uplink", viaVxlan(body, { tos: 0xeb }), "uplink");
      assert.equal(octets[15], 0xeb);
      assert.equal(checksum(octets.slice(14, 34)), 0, `id ${id}`);
      assert.notEqual(hex(octets.slice(24, 26)), "ffff", `id ${id}: minus zero is no sum`);
    }
  });
});

test("a drop is told with the sender's address and the number", () => {
  rig.events();
  refused("unknown-peer", viaVxlan(inner(), { from: "192.0.2.98" }));
  const event = rig.events().at(-1);
  assert.ok(event);
  assert.equal(VERDICTS[integerOf("eventRow", event, "verdict")], "unknown-peer");
  assert.deepEqual(
    [integerOf("eventRow", event, "hook"), integerOf("eventRow", event, "vni")],
    [2, NETWORK],
  );
  assert.deepEqual([...octetsOf("eventRow", event, "source")].slice(10), [255, 255, 192, 0, 2, 98]);
});

test("nothing leaves the idle device", () => {
  const { action, delta } = rig.run("idle", inner(), "spare");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { "idle-device": 1 } });
});

test("what comes out of a tunnel is told of a traced port alone", () => {
  const run = (): readonly Uint8Array[] => {
    rig.events();
    assert.deepEqual(rig.run("uplink", viaVxlan(inner()), "uplink").delta, { delivered: 1 });
    return rig.events();
  };
  assert.equal(run().length, 0);
  rig.setAt("port", 1, {
    ...{ ifindex: rig.ifindex("port1"), network: NETWORK, mtu: 1500 },
    flags: PORT_FLAG.PORT_TRACE,
  });
  const [event, more] = run();
  assert.ok(event && !more, "one event");
  assert.equal(VERDICTS[integerOf("eventRow", event, "verdict")], "delivered");
  assert.equal(integerOf("eventRow", event, "port"), 1);
  assert.equal(
    hex(octetsOf("eventRow", event, "headers").subarray(0, inner().length)),
    hex(inner()),
  );
});
