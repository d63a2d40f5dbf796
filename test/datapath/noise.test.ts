/**
 * Bent frames into from_underlay as it hangs on a live interface: whatever comes, each is counted, once, and the
 * interface works as before. WEFT_NOISE_FRAMES=1000000 is the long run. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { VERDICTS, type VerdictName } from "../../src/rows/abi.generated.ts";
import { Random } from "../random.ts";
import { ethernet, filler, ip4, ip6, join, nvgre, udp, vxlan } from "./frame.ts";
import { type Delta, LOCAL, NETWORK, NEXT_HOP, PEERS, PORTS, Rig, UPLINK } from "./rig.ts";

const FRAMES = Number(process.env.WEFT_NOISE_FRAMES ?? "30000");
const SEED = 20_261_124;
const BATCH = 1000;
const MTU = 1500;

let rig: Rig;
before(() => {
  rig = new Rig("noise");
  rig.populate();
  for (const encapsulation of ["vxlan", "nvgre"] as const)
    for (const vtep of [LOCAL.ipv4, LOCAL.ipv6]) rig.setVniIn({ vtep, encapsulation, mtu: MTU });
});
after(() => rig.close());

/** Counted beside a frame's own verdict. */
const BESIDE: readonly VerdictName[] = ["replica-failed"];
/** Whoever gets one of these has passed every check of the outer packet, and of who sends it. */
const INNER: readonly VerdictName[] = [
  ...(["delivered", "flooded", "no-receiver", "unknown-unicast", "fdb-drop", "no-port"] as const),
  ...(["inner-truncated", "inner-tagged", "inner-source", "too-big", "ecn"] as const),
  ...(["split-horizon", "decap-failed"] as const),
];

const sum = (delta: Delta, names: readonly VerdictName[]): number =>
  names.reduce((n, name) => n + (delta[name] ?? 0), 0);

function innerFrame(random: Random): Uint8Array {
  const to = random.of<string>(PORTS[1], PORTS[2], PEERS[0].mac, "ff:ff:ff:ff:ff:ff");
  const from = random.of<string>(PEERS[1].mac, PEERS[1].mac, PEERS[1].mac, "01:00:5e:00:00:01");
  const body = filler(random.below(random.of(60, MTU)));
  const [v4, v6] = [
    { from: "10.1.0.9", to: "10.1.0.1", protocol: 17, tos: random.below(256) },
    { from: "fd00::9", to: "fd00::1", next: 17, class: random.below(256) },
  ];
  const type = random.of(0x0800, 0x0800, 0x86dd, 0x0806, 0x8100, 0x88b5);
  const payload = type === 0x0800 ? ip4(v4, body) : type === 0x86dd ? ip6(v6, body) : body;
  const frame = ethernet({ to, from }, type, payload);
  return random.chance(8) ? frame.slice(0, random.below(frame.length)) : frame;
}

/** A sound outer packet of a peer, with anything inside. */
function sound(random: Random): Uint8Array {
  const peer = random.of<(typeof PEERS)[number]>(...PEERS);
  const inner = innerFrame(random);
  const isVxlan = peer.encapsulation === "vxlan";
  const payload = isVxlan
    ? udp(random.below(65536), 4789, join(vxlan(NETWORK), inner))
    : join(nvgre(NETWORK, 0x2000, 0x6558, random.below(256)), inner);
  const [protocol, wire] = [isVxlan ? 17 : 47, { to: UPLINK, from: NEXT_HOP }];
  const ends = { from: peer.address, to: LOCAL[peer.family] };
  return peer.family === "ipv4"
    ? ethernet(wire, 0x0800, ip4({ ...ends, protocol, tos: random.below(256) }, payload))
    : ethernet(wire, 0x86dd, ip6({ ...ends, next: protocol, class: random.below(256) }, payload));
}

/** A sound one with octets of its outer headers changed, or cut, or no frame at all. */
function bent(random: Random): Uint8Array {
  const frame = sound(random);
  if (random.chance(10)) return random.octets(14 + random.below(200));
  if (random.chance(4)) return frame.slice(0, Math.max(14, random.below(frame.length)));
  // Behind the Ethernet addresses: which interface takes a frame is not ours to bend.
  for (let n = 1 + random.below(3); n > 0; n--)
    frame[12 + random.below(Math.min(60, frame.length - 12))] = random.below(256);
  return frame;
}

test(`seed ${SEED}: ${FRAMES} frames, each counted once, and the interface lives`, (t) => {
  const random = new Random(SEED);
  const wire = rig.live("uplink", "uplink");
  const total: Partial<Record<VerdictName, number>> = {};
  let sent = 0;
  rig.delta();
  while (sent < FRAMES) {
    for (let i = 0; i < BATCH; i++) {
      const frame = random.chance(2) ? sound(random) : bent(random);
      assert.ok(wire.send(frame).ok, Buffer.from(frame).toString("hex"));
    }
    sent += BATCH;
    const { packets } = rig.delta();
    const counted = sum(
      packets,
      VERDICTS.filter((name) => !BESIDE.includes(name)),
    );
    assert.equal(counted, BATCH, `frames ${sent - BATCH} to ${sent}: ${JSON.stringify(packets)}`);
    for (const name of VERDICTS)
      if (packets[name]) total[name] = (total[name] ?? 0) + packets[name];
  }
  t.diagnostic(JSON.stringify(total));
  const beyond = sum(total, INNER);
  assert.ok(beyond >= FRAMES / 2, `${beyond} of ${FRAMES} are past the outer checks`);
  // It still does what it is there for.
  const received = rig.listen("port1");
  const inner = ethernet({ to: PORTS[1], from: PEERS[0].mac }, 0x88b5, filler(60));
  const outer = { from: PEERS[0].address, to: LOCAL.ipv4, protocol: 17 };
  const payload = udp(1, 4789, join(vxlan(NETWORK), inner));
  wire.send(ethernet({ to: UPLINK, from: NEXT_HOP }, 0x0800, ip4(outer, payload)));
  assert.deepEqual(received().port1, [inner]);
});
