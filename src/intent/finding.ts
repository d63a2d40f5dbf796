/**
 * The codes of findings: a closed list, append-only, for people search for them and programs switch on them.
 * docs/intent/findings.md has a line for each (test/intent/finding.test.ts).
 */
export const FINDING_CODES = [
  // What the text is.
  "yaml-syntax",
  "duplicate-key",
  "not-a-document",
  "wrong-api-version",
  "unknown-kind",
  "kind-not-supported",
  "unknown-field",
  "missing-field",
  "wrong-type",
  "bad-value",
  // What this version does not act on.
  "not-supported-yet",
  // Names and references.
  "no-fabric",
  "several-fabrics",
  "duplicate-name",
  "unknown-tenant",
  "unknown-pool",
  "unknown-host",
  "unknown-network",
  "foreign-network",
  "tenant-loop",
  // Numbers.
  "number-missing",
  "number-duplicate",
  "number-illegal",
  "number-reserved",
  "number-low",
  "number-resting",
  "number-overrides-record",
  "pool-exhausted",
  // Hosts and what they share.
  "duplicate-vtep",
  "vtep-missing",
  "no-common-encapsulation",
  "mtu-too-small",
  "limit-exceeded",
  // Ports and their addresses.
  "interface-missing",
  "interface-unused",
  "duplicate-interface",
  "duplicate-mac",
  "duplicate-address",
  "address-not-unicast",
  "address-outside-subnets",
  "subnet-overlap",
  // What is written and does nothing.
  "no-effect",
  // Underlay multicast.
  "group-illegal",
  "group-shared",
  "group-mac-shared",
  // Routers.
  "unknown-router",
  "network-routed-twice",
  "subnet-missing",
  "gateway-missing",
  "gateway-unserved",
  "gateway-host-missing",
  "gateway-host-unmanaged",
  "gateway-host-idle",
  "route-duplicate",
  "via-unknown",
  "export-foreign",
  "export-overlap",
  "mac-reserved",
  "router-mac-shared",
] as const;

export type FindingCode = (typeof FINDING_CODES)[number];
