/** An intent of any size: networks that each have a port on either of two hosts, a file a tenant. */

export interface ScaleShape {
  readonly networks: number;
  readonly tenants: number;
}

const API_VERSION = "weft.network/v1alpha1";
const VNI_FIRST = 10_000;

export const hosts = ["h1", "h2"] as const;
export type HostName = (typeof hosts)[number];

export const uplinkAddress = (host: HostName): string => `192.0.2.${hosts.indexOf(host) + 1}`;
export const UPLINK = "up0";
export const UPLINK_MTU = 1600;

/** Networks count from 1. Every network uses the same addresses and MACs. */
export const interfaceOf = (network: number): string => `p${network}`;
export const addressOf = (host: HostName): string => `10.1.0.${hosts.indexOf(host) + 1}`;
export const macOf = (host: HostName): string => `02:00:00:00:00:0${hosts.indexOf(host) + 1}`;

const tenantOf = (network: number, { tenants }: ScaleShape): string => `t${network % tenants}`;
export const fileOf = (network: number, shape: ScaleShape): string =>
  `${tenantOf(network, shape)}.yaml`;

/** As a person writes them. */
function documentText(kind: string, metadata: string, spec: readonly string[]): string {
  const head = `apiVersion: ${API_VERSION}\nkind: ${kind}\nmetadata: {${metadata}}\n`;
  return `${head}spec:${spec.length === 0 ? " {}" : ""}\n${spec.map((line) => `  ${line}\n`).join("")}`;
}

export interface PortShape {
  readonly network: number;
  readonly host: HostName;
  readonly name: string;
  readonly interface: string;
  readonly mac: string;
  readonly address: string;
}

export const portText = (port: PortShape, shape: ScaleShape): string =>
  documentText("Port", `name: ${port.name}, tenant: ${tenantOf(port.network, shape)}`, [
    `network: n${port.network}`,
    `host: ${port.host}`,
    `interface: ${port.interface}`,
    `mac: "${port.mac}"`,
    `addresses: [${port.address}]`,
  ]);

/** A network and its two ports. */
export const networkTexts = (network: number, shape: ScaleShape): readonly string[] => [
  documentText("Network", `name: n${network}, tenant: ${tenantOf(network, shape)}`, [
    "subnets: [10.1.0.0/24]",
    `vni: ${VNI_FIRST + network}`,
  ]),
  ...hosts.map((host) =>
    portText(
      {
        network,
        host,
        name: `n${network}-${host}`,
        interface: interfaceOf(network),
        mac: macOf(host),
        address: addressOf(host),
      },
      shape,
    ),
  ),
];

const fabricTexts = (): readonly string[] => [
  documentText("Fabric", "name: scale", ["numbering: nvgre-safe"]),
  ...hosts.map((host) =>
    documentText("Host", `name: ${host}`, [
      `uplinks: [{interface: ${UPLINK}, mtu: ${UPLINK_MTU}}]`,
      `vteps: [${uplinkAddress(host)}]`,
    ]),
  ),
];

export const fileText = (documents: readonly string[]): string => documents.join("---\n");

/** The documents of each file, by the file's name. */
export function scaleIntent(shape: ScaleShape): Map<string, readonly string[]> {
  const files = new Map<string, string[]>();
  for (let tenant = 0; tenant < shape.tenants; tenant++)
    files.set(`t${tenant}.yaml`, [documentText("Tenant", `name: t${tenant}`, [])]);
  for (let network = 1; network <= shape.networks; network++)
    files.get(fileOf(network, shape))?.push(...networkTexts(network, shape));
  return new Map<string, readonly string[]>([["fabric.yaml", fabricTexts()], ...files]);
}
