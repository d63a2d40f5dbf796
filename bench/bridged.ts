/** The contenders on a bridged bed. */
import { hostOf, ip, other, setWorkloadMtu, sides, uplinkAddress } from "./bed.ts";
import {
  type Contender,
  type Encapsulation,
  nothingToEnd,
  overheadOctets,
  redirect,
  weft,
} from "./contender.ts";
import { bridgedIntent } from "./intents.ts";
import { bridgedStandard } from "./standards.ts";

const VNI = 11000;

const bridge = (name: string, summary: string): Contender => ({
  name,
  summary,
  overheadOctets: 0,
  up: async (bed) => {
    for (const side of sides)
      await ip(hostOf(bed, side), [
        "link add name br0 type bridge",
        "link set port master br0",
        "link set uplink master br0",
        "link set br0 up",
      ]);
  },
  down: nothingToEnd,
});

const kernelVxlan: Contender = {
  name: bridgedStandard.kernel,
  summary: "vxlan device with a static remote, and a bridge",
  overheadOctets: overheadOctets.vxlan,
  up: async (bed) => {
    for (const side of sides) {
      const [local, remote] = [uplinkAddress(side), uplinkAddress(other(side))];
      await ip(hostOf(bed, side), [
        "link add name br0 type bridge",
        `link add name vx0 type vxlan id ${VNI} local ${local} remote ${remote} dstport 4789`,
        "link set port master br0",
        "link set vx0 master br0",
        "link set vx0 up",
        "link set br0 up",
      ]);
    }
    await setWorkloadMtu(bed, bed.mtu - overheadOctets.vxlan);
  },
  down: nothingToEnd,
};

const weftBridged = (encapsulation: Encapsulation): Contender =>
  weft({
    name: `weft-${encapsulation}`,
    summary: encapsulation === "vxlan" ? "VXLAN" : "NVGRE",
    encapsulation,
    intent: (bed) => bridgedIntent(bed, encapsulation),
  });

const { baseline, floor } = bridgedStandard;

export const bridgedContenders: readonly Contender[] = [
  bridge(baseline, "plain Linux bridge, no encapsulation: what all is measured against"),
  redirect(),
  kernelVxlan,
  weftBridged("vxlan"),
  weftBridged("nvgre"),
  bridge(floor, "the bridge once more: the noise floor"),
];
