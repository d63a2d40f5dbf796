/** A small sound intent as text, for tests to spoil. */

const HEAD = "apiVersion: weft.network/v1alpha1";

/** A document of `kind`; `spec` is what stands behind "spec: ". */
export function documentText(kind: string, name: string, spec: string): string {
  const [tenant, own] = name.includes("/") ? name.split("/") : [null, name];
  const metadata = tenant === null ? `{name: ${own}}` : `{name: ${own}, tenant: ${tenant}}`;
  return `${HEAD}\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n`;
}

export const fabric = documentText("Fabric", "f", "{numbering: rfc}");
export const tenant = documentText("Tenant", "a", "{}");
export const h1 = documentText(
  "Host",
  "h1",
  "{uplinks: [{interface: up0}], vteps: [192.0.2.1, '2001:db8::1']}",
);
export const h2 = documentText("Host", "h2", "{uplinks: [{interface: up0}], vteps: [192.0.2.2]}");
export const network = documentText("Network", "a/n", "{vni: 5000, subnets: [10.0.0.0/24]}");
export const p1 = documentText(
  "Port",
  "a/p1",
  "{network: n, host: h1, interface: w1, mac: '02:00:00:00:00:01', addresses: [10.0.0.1]}",
);
export const p2 = documentText(
  "Port",
  "a/p2",
  "{network: n, host: h2, interface: w1, mac: '02:00:00:00:00:02', addresses: [10.0.0.2]}",
);

export const sound: readonly string[] = [fabric, tenant, h1, h2, network, p1, p2];

/** Documents as one file. */
export const fileOf = (
  documents: readonly string[],
  path = "intent.yaml",
): { readonly path: string; readonly text: string } => ({ path, text: documents.join("---\n") });

/** The sound intent with `change` made in the text of one of its documents, and with `more` documents. */
export function spoiled(
  document: string,
  from: string,
  to: string,
  more: readonly string[] = [],
): readonly string[] {
  if (!document.includes(from)) throw new Error(`${from} is not in the document`);
  return [...sound.map((one) => (one === document ? one.replace(from, to) : one)), ...more];
}
