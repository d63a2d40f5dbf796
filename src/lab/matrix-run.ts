/** The matrix of a lab that is up: the intent as it is now, the workloads as they were built. */
import { parseMac } from "../base/mac.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Host, Intent } from "../intent/intent.ts";
import { networkKeyOf } from "../intent/passes/names.ts";
import type { IntentFileError } from "../io/files.ts";
import type { SystemError } from "../kernel/libc.ts";
import type { Row } from "../rows/rows.ts";
import { hostTables } from "../verify/expected-verdict.ts";
import { type MatrixReport, summarize } from "../verify/judgement.ts";
import type { AgentError } from "./agent-socket.ts";
import type { UnderlayHost } from "./forgery.ts";
import { type IntentRefused, readLabIntent } from "./lab-intent.ts";
import type { PlacesByPort } from "./matrix-text.ts";
import { hostPaths } from "./paths.ts";
import { type ProbePort, planProbes, stationOf, type Wanted } from "./probe.ts";
import { runProbes } from "./prober.ts";
import { attachmentsOf, gatewayHostsOf, leaksOf } from "./routes.ts";
import type { LabState } from "./state.ts";
import type { LabPort } from "./topology.ts";

export interface MatrixRun {
  readonly report: MatrixReport;
  readonly places: PlacesByPort;
}

/** The probes that are wanted name a port that is not there. */
export interface UnknownPort {
  readonly kind: "unknown-port";
  readonly port: string;
}

export type MatrixError = IntentFileError | IntentRefused | SystemError | AgentError | UnknownPort;

export async function runMatrix(
  state: LabState,
  wanted: Wanted,
): Promise<Result<MatrixRun, MatrixError>> {
  const read = await readLabIntent(state.directory);
  if (!read.ok) return read;
  const { intent, rowsByHost } = read.value;
  const ports = probePorts(state, intent);
  for (const port of [wanted.from, wanted.to])
    if (port !== null && !ports.some((p: ProbePort) => p.port === port))
      return err({ kind: "unknown-port", port });
  const tablesByHost = new Map(
    [...rowsByHost].map(([host, rows]: readonly [string, readonly Row[]]) => [
      host,
      hostTables(rows),
    ]),
  );
  const [fabric] = intent.fabrics.values();
  const ground = {
    ports,
    leaks: leaksOf(intent),
    gatewayHosts: gatewayHostsOf(intent),
    tablesByHost,
    underlay: underlayHosts(state),
    vxlanPort: fabric?.spec.vxlanPort ?? 0,
  };
  const probes = planProbes(ground, wanted);
  const adminSocketsByHost = new Map(
    [...intent.hosts.values()]
      .filter((host: Host) => host.spec.managed)
      .map((host: Host) => [host.key, hostPaths(state.name, host.key).adminSocket]),
  );
  const ran = await runProbes({ ...ground, probes, adminSocketsByHost });
  if (!ran.ok) return ran;
  const places = new Map(
    ports.map((p: ProbePort) => [p.port, { network: p.network, space: p.router ?? p.network }]),
  );
  return ok({ report: { probes: ran.value, summary: summarize(ran.value) }, places });
}

/** Workloads that were built and are still in the intent, with the network that it gives them now. */
function probePorts(state: LabState, intent: Intent): readonly ProbePort[] {
  const attachments = attachmentsOf(intent);
  const out: ProbePort[] = [];
  for (const built of state.topology.ports) {
    const port = intent.ports.get(built.port);
    const attachment = port && attachments.get(networkKeyOf(port));
    // A workload that the intent has moved since is not where a probe would leave.
    if (attachment === undefined || port?.spec.host !== built.host) continue;
    out.push({
      ...stationOf(built.mac, addressesOf(built)),
      ...attachment,
      port: built.port,
      host: built.host,
      managed: intent.hosts.get(built.host)?.spec.managed ?? false,
      namespace: built.namespace,
      interface: built.interface,
    });
  }
  return out;
}

function underlayHosts(state: LabState): ReadonlyMap<string, UnderlayHost> {
  const out = new Map<string, UnderlayHost>();
  for (const { name, namespace, uplinks, vteps } of state.topology.hosts) {
    const [first] = uplinks;
    const mac = parseMac(first?.mac ?? "");
    if (first && mac)
      out.set(name, { host: name, mac, vteps, namespace, interface: first.interface });
  }
  return out;
}

const addressesOf = (port: LabPort): readonly string[] =>
  port.addresses.map((address: string) => address.split("/")[0] ?? address);
