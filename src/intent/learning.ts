/** Where a network's remote MACs come from: its own word, else the fabric's. */
import type { Learning } from "../rows/rows.ts";
import type { Fabric, Network } from "./intent.ts";

type LearningName = "static" | "flood-and-learn" | "evpn";

/** As IEEE 802.1Q §8.8.3 recommends for bridges, and Linux does. */
export const AGE_SECONDS = 300;
/** A bound, so that one tenant cannot take the host's whole table. */
const MACS_MAX = 4096;

function learningOf(fabric: Fabric | undefined, network: Network): LearningName {
  const { learning, reflectors } = fabric?.spec ?? {};
  return network.spec.learning ?? learning ?? (reflectors?.length ? "evpn" : "static");
}

/** How it learns from the wire; null: it does not. */
export function wireLearningOf(fabric: Fabric | undefined, network: Network): Learning | null {
  if (learningOf(fabric, network) !== "flood-and-learn") return null;
  const { ageSeconds = AGE_SECONDS, macsMax = MACS_MAX } = network.spec;
  return { ageSeconds, macsMax };
}
