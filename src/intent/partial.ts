/** The part of an intent that `--partial` applies: the tenants in which nothing is wrong, whole. */
import { compareText } from "../base/text.ts";
import type { Finding, Intent } from "./intent.ts";

/**
 * Without every tenant that has an error in it. Null when an error belongs to no tenant (fabric, hosts, a text
 * that is no YAML): what it breaks cannot be told apart from the rest.
 */
export function soundTenants(intent: Intent, findings: readonly Finding[]): Intent | null {
  const unsound = unsoundTenants(findings);
  return unsound && part(intent, (tenant: string) => !unsound.has(tenant));
}

/**
 * `sound`, and beside it the tenants of `findings` as they stood in `before`: an error in what a tenant writes now
 * does not take away what it has. Whether the two go together is to be checked.
 */
export function withTenantsKept(
  sound: Intent,
  before: Intent,
  findings: readonly Finding[],
): Intent {
  const unsound = unsoundTenants(findings) ?? new Set<string>();
  const kept = part(before, (tenant: string) => unsound.has(tenant));
  return {
    ...sound,
    tenants: merged(sound.tenants, kept.tenants),
    networks: merged(sound.networks, kept.networks),
    ports: merged(sound.ports, kept.ports),
    routers: merged(sound.routers, kept.routers),
    recorded: {
      ...sound.recorded,
      numbersByName: merged(before.recorded.numbersByName, sound.recorded.numbersByName),
    },
  };
}

/** Null: an error is nobody's. */
function unsoundTenants(findings: readonly Finding[]): ReadonlySet<string> | null {
  const unsound = new Set<string>();
  for (const { severity, object } of findings) {
    if (severity !== "error") continue;
    if (object?.kind === "Tenant") unsound.add(object.name);
    else if (object && object.tenant !== null) unsound.add(object.tenant);
    else return null;
  }
  return unsound;
}

function part(intent: Intent, wanted: (tenant: string) => boolean): Intent {
  const keep = <Value extends { readonly metadata: { readonly tenant: string } }>(
    values: ReadonlyMap<string, Value>,
  ): ReadonlyMap<string, Value> =>
    new Map([...values].filter(([, value]) => wanted(value.metadata.tenant)));
  return {
    ...intent,
    tenants: new Map([...intent.tenants].filter(([name]) => wanted(name))),
    networks: keep(intent.networks),
    ports: keep(intent.ports),
    routers: keep(intent.routers),
  };
}

/** In the order of keys, as an intent's maps are. */
function merged<Value>(
  a: ReadonlyMap<string, Value>,
  b: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  return new Map(
    [...a, ...b].sort(([one]: readonly [string, Value], [other]: readonly [string, Value]) =>
      compareText(one, other),
    ),
  );
}
