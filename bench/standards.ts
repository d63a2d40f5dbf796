/** What each bench is held against, and its goals. */
import type { Standard } from "./figures.ts";

const BRIDGE = "bridge";
const ROUTER = "router";
const KERNEL = "kernel-vxlan";

/** Workloads in one subnet: against a bridge that encapsulates nothing. */
export const bridgedStandard: Standard = {
  title: "datapath",
  baseline: BRIDGE,
  floor: `${BRIDGE}-again`,
  kernel: KERNEL,
  goals: [
    { metric: "packets", against: BRIDGE, bound: "at least", value: 1.15 },
    { metric: "packets", against: KERNEL, bound: "at least", value: 1.7 },
    { metric: "tcp", against: BRIDGE, bound: "at least", value: 0.95 },
    { metric: "tcp", against: KERNEL, bound: "at least", value: 1.2 },
    { metric: "tcpSegmented", against: BRIDGE, bound: "at least", value: 0.95 },
    { metric: "tcpSegmented", against: KERNEL, bound: "at least", value: 1.2 },
    { metric: "rttP50", against: BRIDGE, bound: "at most", value: 0 },
    { metric: "rttP99", against: BRIDGE, bound: "at most", value: 10 },
  ],
};

/** Workloads in two subnets: against a Linux router on either host that encapsulates nothing. */
export const routedStandard: Standard = {
  title: "routing",
  baseline: ROUTER,
  floor: `${ROUTER}-again`,
  kernel: KERNEL,
  goals: [
    { metric: "packets", against: ROUTER, bound: "at least", value: 1 },
    { metric: "packets", against: KERNEL, bound: "at least", value: 1.5 },
    { metric: "tcp", against: ROUTER, bound: "at least", value: 0.95 },
  ],
};
