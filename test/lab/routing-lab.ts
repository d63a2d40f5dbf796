/**
 * The intent of the routing tests: tenants side by side that all use the same subnets, addresses and MACs, each
 * routed another way; three hosts of ours and one that runs the kernel's vxlan.
 */
import { listen } from "./capture.ts";
import { type Run, run, weft } from "./weft.ts";

/** Numbers on the wire: of the networks left and right, and of the router. */
export interface Numbers {
  readonly left: number;
  readonly right: number;
  readonly router: number;
}

const FIRST = 20_000;
const TENANTS = ["sym", "asym", "cent", "gre", "kernel", "forward", "shop", "desk"] as const;
export type TenantName = (typeof TENANTS)[number];

export function numbersOf(tenant: TenantName): Numbers {
  const left = FIRST + 10 * TENANTS.indexOf(tenant);
  return { left, right: left + 1, router: left + 2 };
}

/** A workload of a tenant: l1 is on network left and host h1, with 10.1.0.1 and fd00:1::1. */
export const addressOf = (port: string, family: "ipv4" | "ipv6" = "ipv4"): string => {
  const side = port.startsWith("l") ? 1 : 2;
  return family === "ipv4" ? `10.${side}.0.${port.slice(1)}` : `fd00:${side}::${port.slice(1)}`;
};
export const macOf = (port: string): string =>
  `02:00:00:00:0${port.startsWith("l") ? 1 : 2}:0${port.slice(1)}`;
export const GATEWAYS = {
  left: { ipv4: "10.1.0.254", ipv6: "fd00:1::fe" },
  right: { ipv4: "10.2.0.254", ipv6: "fd00:2::fe" },
} as const;
/** What follows from a host's first tunnel address. */
export const routerMacOf = (host: number): string => `0a:77:c0:00:02:0${host}`;

const document = (kind: string, name: string, tenant: string | null, spec: object): object => ({
  apiVersion: "weft.network/v1alpha1",
  kind,
  metadata: tenant === null ? { name } : { name, tenant },
  spec,
});

const host = (n: number, spec: object = {}): object =>
  document("Host", `h${n}`, null, {
    uplinks: [{ interface: "uplink0", mtu: 1600 }],
    vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
    ...spec,
  });

function port(tenant: string, name: string, on: number, spec: object = {}): object {
  const interfaceName = on === FOREIGN ? {} : { interface: `${tenant}-${name}` };
  return document("Port", name, tenant, {
    ...{ network: name.startsWith("l") ? "left" : "right", host: `h${on}`, ...interfaceName },
    ...{ mac: macOf(name), addresses: [addressOf(name), addressOf(name, "ipv6")] },
    ...spec,
  });
}

/** The host that runs the kernel's vxlan. */
export const FOREIGN = 4;

function network(tenant: TenantName, name: "left" | "right", spec: object): object {
  const side = name === "left" ? 1 : 2;
  return document("Network", name, tenant, {
    ...{ vni: numbersOf(tenant)[name], subnets: [`10.${side}.0.0/24`, `fd00:${side}::/64`] },
    ...{ gateways: Object.values(GATEWAYS[name]), encapsulations: ["vxlan", "nvgre"] },
    ...spec,
  });
}

/** Two networks and a router; ports l1, l2, r1 and r2 if no others are given. */
function tenant(
  name: TenantName,
  router: object,
  networks: { readonly left?: object; readonly right?: object } = {},
  ports: readonly object[] = [1, 2].flatMap((n) => [
    port(name, `l${n}`, n),
    port(name, `r${n}`, n),
  ]),
): readonly object[] {
  return [
    { apiVersion: "weft.network/v1alpha1", kind: "Tenant", metadata: { name }, spec: {} },
    network(name, "left", networks.left ?? {}),
    network(name, "right", networks.right ?? {}),
    document("Router", "main", name, {
      ...{ networks: ["left", "right"], l3vni: numbersOf(name).router },
      ...router,
    }),
    ...ports,
  ];
}

/** How the two tenants that leak call what they do not show: the same. */
const HIDDEN = { subnets: ["10.1.0.0/24"], gateways: [GATEWAYS.left.ipv4] };

const leaking = (
  name: "shop" | "desk",
  other: string,
  third: number,
  host: number,
): readonly object[] =>
  tenant(
    name,
    { export: [{ prefixes: [`10.${third}.0.0/24`], to: [`${other}/main`] }] },
    {
      left: HIDDEN,
      right: { subnets: [`10.${third}.0.0/24`], gateways: [`10.${third}.0.254`] },
    },
    [
      port(name, "l1", host, { addresses: ["10.1.0.1"] }),
      port(name, "l2", host, { addresses: ["10.1.0.2"] }),
      port(name, "r1", host, { addresses: [`10.${third}.0.1`] }),
    ],
  );

export function routingIntent(): string {
  const only = (encapsulation: string): object => ({ encapsulations: [encapsulation] });
  const documents = [
    document("Fabric", "routing", null, { numbering: "nvgre-safe" }),
    ...[1, 2, 3].map((n) => host(n)),
    host(FOREIGN, { managed: false, encapsulations: ["vxlan"] }),
    ...tenant("sym", {}),
    // Towards left in VXLAN, towards right in NVGRE.
    ...tenant("asym", { irb: "asymmetric" }, { left: only("vxlan"), right: only("nvgre") }),
    ...tenant("cent", { gateway: "centralized", gatewayHost: "h3" }),
    ...tenant("gre", only("nvgre"), { left: only("nvgre"), right: only("nvgre") }),
    ...tenant("kernel", {}, { left: only("vxlan") }, [
      port("kernel", "l1", 1),
      port("kernel", "l4", FOREIGN),
      port("kernel", "r1", 1),
      port("kernel", "r2", 2),
    ]),
    ...tenant(
      "forward",
      {
        routes: [
          { prefix: "10.50.0.0/16", via: addressOf("l2") },
          { prefix: "10.50.60.0/24", blackhole: true },
        ],
      },
      {},
      [
        port("forward", "l2", 2, { allowedAddresses: ["0.0.0.0/0"] }),
        port("forward", "l3", 1),
        port("forward", "r1", 1),
      ],
    ),
    ...leaking("shop", "desk", 3, 1),
    ...leaking("desk", "shop", 4, 2),
  ];
  return documents.map((d) => JSON.stringify(d)).join("\n---\n");
}

/** A lab of it that is up. */
export class RoutingLab {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  host(n: number): string {
    return `weft-${this.name}-host_h${n}`;
  }

  workload(port: string): string {
    return `weft-${this.name}-port_${port.replace("/", "_")}`;
  }

  /** In a workload's namespace; `port` is "tenant/name". */
  exec(port: string, ...command: readonly string[]): Run {
    return run("ip", "netns", "exec", this.workload(port), ...command);
  }

  ping(port: string, address: string, ...options: readonly string[]): Run {
    return this.exec(port, "ping", "-n", "-c", "2", "-i", "0.1", "-W", "2", ...options, address);
  }

  /** Fields of the frames on a host's uplink for which `filter` holds while `traffic` runs: a line a frame, inner ones behind outer ones. */
  capture(
    hostNumber: number,
    filter: string,
    fields: readonly string[],
    traffic: () => unknown,
  ): Promise<readonly string[]> {
    const wanted = fields.flatMap((field) => ["-e", field]);
    const command = ["tshark", "-l", "-i", "uplink0", "-Y", filter, "-T", "fields", ...wanted];
    return listen(this.host(hostNumber), command, traffic);
  }

  /** Packets of one verdict on a host. */
  counted(hostNumber: number, verdict: string): number {
    const done = weft("counters", "--lab", this.name, "--host", `h${hostNumber}`, "--json");
    const counters: { readonly verdicts: readonly { name: string; packets: number }[] } =
      JSON.parse(done.out);
    return counters.verdicts.find(({ name }) => name === verdict)?.packets ?? Number.NaN;
  }
}
