/** Where a lab keeps its things, and what its namespaces are called. */

export const LABS = "/run/weft/lab";

export interface LabPaths {
  readonly run: string;
  readonly state: string;
  /** A bpffs of the lab's own: unmounting it frees every pin. */
  readonly bpf: string;
  /** What an agent's `--run` begins with. */
  readonly hosts: string;
}

export function labPaths(name: string): LabPaths {
  const run = `${LABS}/${name}`;
  return { run, state: `${run}/state.json`, bpf: `${run}/bpf`, hosts: `${run}/hosts` };
}

export interface HostPaths {
  readonly run: string;
  readonly pins: string;
  readonly state: string;
  readonly log: string;
  readonly readSocket: string;
  readonly adminSocket: string;
}

export function hostPaths(name: string, host: string): HostPaths {
  const lab = labPaths(name);
  const run = `${lab.hosts}/${host}`;
  return {
    run,
    pins: `${lab.bpf}/${host}`,
    state: `${run}/state`,
    log: `${run}/agent.log`,
    readSocket: `${run}/read.sock`,
    adminSocket: `${run}/admin.sock`,
  };
}

export const isLabName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{0,39}$/.test(name);

/** A directory's name as a lab's: "Three Orgs" is "three-orgs". */
export function labNameOf(directoryName: string): string {
  const name = directoryName.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return name.replaceAll(/^-+|-+$/g, "").slice(0, 40) || "lab";
}

export const underlayNamespace = (name: string): string => `weft-${name}-underlay`;
export const hostNamespace = (name: string, host: string): string => `weft-${name}-host_${host}`;
export const spineNamespace = (name: string, spine: string): string =>
  `weft-${name}-spine_${spine}`;
export const portNamespace = (name: string, port: string): string =>
  `weft-${name}-port_${port.replace("/", "_")}`;

/**
 * True for a namespace of lab `name`. No name holds an underscore, so lab "a" never takes one of lab "a-b" for
 * its own, nor port "a.b/c" that of "a/b.c".
 */
export function isNamespaceOf(name: string, namespace: string): boolean {
  const prefix = `weft-${name}-`;
  if (!namespace.startsWith(prefix)) return false;
  const rest = namespace.slice(prefix.length);
  return rest === "underlay" || /^(host|port|spine)_/.test(rest);
}

export const namespaceFile = (namespace: string): string => `/run/netns/${namespace}`;
