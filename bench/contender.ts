/** A way from one workload to the other that is measured against others, and those that both kinds of bed have. */
import { Agents } from "./agents.ts";
import {
  type Bed,
  gatewayAddress,
  hostOf,
  ip,
  namespaceFile,
  other,
  programFile,
  setWorkloadMtu,
  sides,
  workloadMac,
  workloadOf,
} from "./bed.ts";
import { type Running, start, stop } from "./program.ts";

export interface Contender {
  readonly name: string;
  readonly summary: string;
  /** Octets that it adds to each frame on the wire. */
  readonly overheadOctets: number;
  /** Joins the two workloads. */
  readonly up: (bed: Bed) => Promise<void>;
  /** Ends what `up` started. Devices, addresses and settings are for the bed to restore. */
  readonly down: (bed: Bed) => Promise<void>;
}

export type Encapsulation = "vxlan" | "nvgre";

/** Ethernet inside, VXLAN, UDP, IPv4 (RFC 7348 §5); Ethernet inside, GRE with key, IPv4 (RFC 7637 §3.2). */
export const overheadOctets: Readonly<Record<Encapsulation, number>> = {
  vxlan: 14 + 8 + 8 + 20,
  nvgre: 14 + 8 + 20,
};

/** For what needs no end. */
export const nothingToEnd = (): Promise<void> => Promise.resolve();

export function redirect(): Contender {
  const running: Running[] = [];
  return {
    name: "redirect",
    summary: "eBPF: one lookup and a redirect, no encapsulation",
    overheadOctets: 0,
    up: async (bed) => {
      for (const side of sides) {
        const [mine, theirs] = [workloadMac(side), workloadMac(other(side))];
        // It knows MACs alone, so it is the workload that finds the other behind its gateway's address.
        if (bed.routed)
          await ip(workloadOf(bed, side), [
            `neighbour replace ${gatewayAddress(side)} lladdr ${theirs} nud permanent dev eth0`,
          ]);
        const argv = [
          ...[programFile("redirect"), programFile("redirect.bpf.o")],
          namespaceFile(hostOf(bed, side)),
          ...["port", mine, "uplink", theirs],
        ];
        running.push(await start(argv, (line) => line === "ready", 5000));
      }
    },
    down: async () => {
      for (const program of running.splice(0)) await stop(program, "SIGTERM");
    },
  };
}

export interface WeftShape {
  readonly name: string;
  readonly summary: string;
  readonly encapsulation: Encapsulation;
  readonly intent: (bed: Bed) => string;
}

export function weft({ name, summary, encapsulation, intent }: WeftShape): Contender {
  const agents = new Agents(name);
  return {
    name,
    summary: `weft's agents and datapath, ${summary}`,
    overheadOctets: overheadOctets[encapsulation],
    up: async (bed) => {
      await setWorkloadMtu(bed, bed.mtu - overheadOctets[encapsulation]);
      await agents.start(bed, intent(bed));
    },
    down: (bed) => agents.stop(bed),
  };
}
