/** The contenders on a routed bed. */
import {
  type Bed,
  gatewayAddress,
  hostOf,
  ip,
  other,
  type Side,
  setForwarding,
  setWorkloadMtu,
  sides,
  subnetOf,
  uplinkAddress,
  workloadAddress,
  workloadMac,
} from "./bed.ts";
import {
  type Contender,
  type Encapsulation,
  nothingToEnd,
  overheadOctets,
  redirect,
  weft,
} from "./contender.ts";
import { type Irb, routedIntent } from "./intents.ts";
import { run } from "./program.ts";
import { routedStandard } from "./standards.ts";

const VNI = 11000;
const L3VNI = 12000;

/** A router on either host, and the wire between them. */
export async function joinByRouters(bed: Bed): Promise<void> {
  for (const side of sides) {
    await setForwarding(bed, side, true);
    await ip(hostOf(bed, side), [
      `address add ${gatewayAddress(side)}/24 dev port`,
      `route add ${subnetOf(other(side))} via ${uplinkAddress(other(side))}`,
    ]);
  }
}

const router = (name: string, summary: string): Contender => ({
  name,
  summary,
  overheadOctets: 0,
  up: joinByRouters,
  down: nothingToEnd,
});

interface Segment {
  /** Of its bridge, br-NAME, and its vxlan device, vx-NAME. */
  readonly name: string;
  readonly number: number;
  /** A MAC behind the other host. */
  readonly macBehind: string;
  /** The bridge's own. */
  readonly mac: string;
}

/** A bridge with the kernel's vxlan device in it, and who is behind it known, as EVPN makes it known. */
async function addSegment(bed: Bed, side: Side, segment: Segment): Promise<void> {
  const [host, link, device] = [hostOf(bed, side), `br-${segment.name}`, `vx-${segment.name}`];
  const ends = `local ${uplinkAddress(side)} remote ${uplinkAddress(other(side))} dstport 4789`;
  await ip(host, [
    `link add name ${link} address ${segment.mac} type bridge`,
    `link add name ${device} type vxlan id ${segment.number} ${ends} nolearning`,
    `link set ${device} master ${link}`,
    `link set ${device} type bridge_slave learning off`,
    `link set ${device} up`,
    `link set ${link} up`,
  ]);
  await run([
    ...["bridge", "-n", host, "fdb", "replace", segment.macBehind],
    ...["dev", device, "master", "static"],
  ]);
}

const numberOf = (side: Side): number => VNI + side;
const gatewayMac = (side: Side): string => `02:00:00:00:03:0${side}`;
const routerMac = (side: Side): string => `02:00:00:00:04:0${side}`;

/**
 * Each host has both networks and an address in either: it routes what its workload sends into the other's network, and
 * the other host only bridges it. One routing and three bridgings a packet. A bridge has a MAC of its own on each host.
 */
async function joinAsymmetrically(bed: Bed): Promise<void> {
  for (const side of sides) {
    await setForwarding(bed, side, true);
    for (const of of sides) {
      const far = of !== side;
      await addSegment(bed, side, {
        name: `${of}`,
        number: numberOf(of),
        // Of the workload's own network only the other host's router sends frames through the tunnel.
        macBehind: far ? workloadMac(of) : gatewayMac(other(side)),
        mac: gatewayMac(side),
      });
      await ip(hostOf(bed, side), [
        `address add ${gatewayAddress(of)}/24 dev br-${of}`,
        far
          ? `neighbour replace ${workloadAddress(bed, of)} lladdr ${workloadMac(of)} nud permanent dev br-${of}`
          : `link set port master br-${of}`,
      ]);
    }
  }
}

/** Each host has its workload's network, and a network between the routers: both hosts route every packet. */
async function joinSymmetrically(bed: Bed): Promise<void> {
  for (const side of sides) {
    const there = other(side);
    await setForwarding(bed, side, true);
    await addSegment(bed, side, {
      name: "l3",
      number: L3VNI,
      macBehind: routerMac(there),
      mac: routerMac(side),
    });
    await ip(hostOf(bed, side), [
      `link add name br-${side} address ${gatewayMac(side)} type bridge`,
      `link set port master br-${side}`,
      `link set br-${side} up`,
      `address add ${gatewayAddress(side)}/24 dev br-${side}`,
      `neighbour replace ${uplinkAddress(there)} lladdr ${routerMac(there)} nud permanent dev br-l3`,
      `route add ${subnetOf(there)} via ${uplinkAddress(there)} dev br-l3 onlink`,
    ]);
  }
}

const kernel = (name: string, summary: string, join: Contender["up"]): Contender => ({
  name,
  summary: `vxlan devices, bridges and routing of the kernel, ${summary}`,
  overheadOctets: overheadOctets.vxlan,
  up: async (bed) => {
    await join(bed);
    await setWorkloadMtu(bed, bed.mtu - overheadOctets.vxlan);
  },
  down: nothingToEnd,
});

export const weftName = (encapsulation: Encapsulation, irb: Irb): string =>
  `weft-${encapsulation}${irb === "symmetric" ? "" : "-asym"}`;

const weftRouted = (encapsulation: Encapsulation, irb: Irb): Contender =>
  weft({
    name: weftName(encapsulation, irb),
    summary: `${encapsulation === "vxlan" ? "VXLAN" : "NVGRE"}, ${irb}`,
    encapsulation,
    intent: (bed) => routedIntent(bed, { encapsulation, irb, prefixes: [] }),
  });

const { baseline, floor, kernel: kernelName } = routedStandard;

export const routedContenders: readonly Contender[] = [
  router(
    baseline,
    "plain Linux router on either host, no encapsulation: what all is measured against",
  ),
  redirect(),
  kernel(kernelName, "asymmetric: routed once", joinAsymmetrically),
  kernel(`${kernelName}-sym`, "symmetric: routed on both hosts", joinSymmetrically),
  weftRouted("vxlan", "symmetric"),
  weftRouted("vxlan", "asymmetric"),
  weftRouted("nvgre", "symmetric"),
  weftRouted("nvgre", "asymmetric"),
  router(floor, "the router once more: the noise floor"),
];
