/** The ways from one workload to the other that are measured against each other. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type Bed,
  bpffsOf,
  hostOf,
  ip,
  namespaceFile,
  other,
  programFile,
  repository,
  type Side,
  setWorkloadMtu,
  sides,
  uplinkAddress,
  workloadAddress,
  workloadMac,
  writeBedFile,
} from "./bed.ts";
import { BASELINE, FLOOR, KERNEL } from "./names.ts";
import { type Running, start, stop } from "./program.ts";

export interface Contender {
  readonly name: string;
  readonly summary: string;
  /** Octets that it adds to each frame on the wire. */
  readonly overheadOctets: number;
  /** Joins the two workloads. */
  readonly up: (bed: Bed) => Promise<void>;
  /** Ends what `up` started. Devices and settings are for the bed to restore. */
  readonly down: (bed: Bed) => Promise<void>;
}

const VNI = 11000;
/** Ethernet inside, VXLAN, UDP, IPv4 (RFC 7348 §5); Ethernet inside, GRE with key, IPv4 (RFC 7637 §3.2). */
const VXLAN_OVERHEAD = 14 + 8 + 8 + 20;
const NVGRE_OVERHEAD = 14 + 8 + 20;

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
  down: () => Promise.resolve(),
});

const kernelVxlan: Contender = {
  name: KERNEL,
  summary: "vxlan device with a static remote, and a bridge",
  overheadOctets: VXLAN_OVERHEAD,
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
    await setWorkloadMtu(bed, bed.mtu - VXLAN_OVERHEAD);
  },
  down: () => Promise.resolve(),
};

function redirect(): Contender {
  const running: Running[] = [];
  return {
    name: "redirect",
    summary: "eBPF: one lookup and a redirect, no encapsulation",
    overheadOctets: 0,
    up: async (bed) => {
      for (const side of sides) {
        const argv = [
          ...[programFile("redirect"), programFile("redirect.bpf.o")],
          namespaceFile(hostOf(bed, side)),
          ...["port", workloadMac(side), "uplink", workloadMac(other(side))],
        ];
        running.push(await start(argv, (line) => line === "ready", 5000));
      }
    },
    down: async () => {
      for (const program of running.splice(0)) await stop(program, "SIGTERM");
    },
  };
}

type Encapsulation = "vxlan" | "nvgre";

/** weft as it ships: an agent a host, all guards on, the agent alive while its datapath is measured. */
function weft(encapsulation: Encapsulation): Contender {
  const agents: Running[] = [];
  const overheadOctets = encapsulation === "vxlan" ? VXLAN_OVERHEAD : NVGRE_OVERHEAD;
  const directoryOf = (bed: Bed, side: Side): string =>
    join(bed.directory, `${encapsulation}-${side}`);
  const pinsOf = (bed: Bed, side: Side): string => join(bpffsOf(bed), `${encapsulation}-${side}`);
  return {
    name: `weft-${encapsulation}`,
    summary: `weft's agents and datapath, ${encapsulation === "vxlan" ? "VXLAN" : "NVGRE"}`,
    overheadOctets,
    up: async (bed) => {
      const intent = writeBedFile(bed, `${encapsulation}.yaml`, intentOf(bed, encapsulation));
      await setWorkloadMtu(bed, bed.mtu - overheadOctets);
      const started = sides.map((side) => {
        const directory = directoryOf(bed, side);
        mkdirSync(join(directory, "run"), { recursive: true });
        mkdirSync(join(directory, "state"), { recursive: true });
        return start(
          [
            ...["nsenter", `--net=${namespaceFile(hostOf(bed, side))}`],
            ...[join(repository, "bin/weft"), "agent", "--intent", intent, "--host", `h${side}`],
            ...["--run", join(directory, "run"), "--state", join(directory, "state")],
            ...["--pins", pinsOf(bed, side)],
          ],
          (line) => /"ready":\s*true/.test(line),
          20_000,
        );
      });
      // Both are waited for even if one fails, so that the one that runs is stopped.
      const outcomes = await Promise.allSettled(started);
      for (const outcome of outcomes)
        if (outcome.status === "fulfilled") agents.push(outcome.value);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    },
    down: async (bed) => {
      // Its datapath outlives an agent: the pins are what keeps it, so they go too.
      await Promise.all(agents.splice(0).map((agent) => stop(agent, "SIGKILL")));
      for (const side of sides) {
        rmSync(pinsOf(bed, side), { recursive: true, force: true });
        rmSync(directoryOf(bed, side), { recursive: true, force: true });
      }
    },
  };
}

function intentOf(bed: Bed, encapsulation: Encapsulation): string {
  const documents: unknown[] = [
    { kind: "Fabric", metadata: { name: "bench" }, spec: { numbering: "nvgre-safe" } },
    { kind: "Tenant", metadata: { name: "bench" }, spec: {} },
    {
      kind: "Network",
      metadata: { name: "wire", tenant: "bench" },
      spec: { subnets: ["10.1.0.0/24"], encapsulations: [encapsulation], vni: VNI },
    },
  ];
  for (const side of sides) {
    documents.push({
      kind: "Host",
      metadata: { name: `h${side}` },
      spec: {
        uplinks: [{ interface: "uplink", mtu: bed.mtu }],
        vteps: [uplinkAddress(side)],
        encapsulations: [encapsulation],
      },
    });
    documents.push({
      kind: "Port",
      metadata: { name: `w${side}`, tenant: "bench" },
      spec: {
        network: "wire",
        host: `h${side}`,
        interface: "port",
        attachment: "veth",
        mac: workloadMac(side),
        addresses: [workloadAddress(side)],
      },
    });
  }
  // JSON is YAML.
  return documents
    .map((document) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...Object(document) }))
    .join("\n---\n");
}

export const contenders: readonly Contender[] = [
  bridge(BASELINE, "plain Linux bridge, no encapsulation: what all is measured against"),
  redirect(),
  kernelVxlan,
  weft("vxlan"),
  weft("nvgre"),
  bridge(FLOOR, "the bridge once more: the noise floor"),
];
