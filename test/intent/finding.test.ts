/** Every finding code: an intent that has it, and nothing else wrong with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compileIntent } from "../../src/intent/compile.ts";
import { FINDING_CODES } from "../../src/intent/finding.ts";
import type { Finding } from "../../src/intent/intent.ts";
import { labelOf } from "../../src/intent/report.ts";
import {
  documentText,
  fabric,
  fileOf,
  h2,
  network,
  p1,
  p2,
  sound,
  spoiled,
  tenant,
} from "./texts.ts";

interface Case {
  readonly of: string;
  readonly documents: readonly string[];
  /** numbers.yaml, without its apiVersion. */
  readonly numbers?: string;
  /** "severity code Kind key path": all findings, in the order of reading. */
  readonly findings: readonly string[];
  /** In the first message. */
  readonly says?: string;
  /** The first suggestion. */
  readonly suggests?: string | null;
}

const port = (spec: string): string => documentText("Port", "a/p3", spec);
const multicast = (name: string, spec: string): string =>
  documentText("Network", `a/${name}`, `{bum: multicast, ${spec}}`);
const router = (name: string, spec: string): string => documentText("Router", `a/${name}`, spec);
const other = (spec: string): string =>
  documentText("Network", "a/m", `{vni: 5001, gateways: [10.0.1.254], ${spec}}`);
/** The sound intent with a gateway, a second network and a router of both, which `spec` adds to. */
const routed = (spec: string, more: readonly string[] = []): readonly string[] =>
  spoiled(network, "vni", "gateways: [10.0.0.254], vni", [
    other("subnets: [10.0.1.0/24]"),
    router("r", `{networks: [n, m], l3vni: 6000${spec}}`),
    ...more,
  ]);
const third = (spec: string): readonly string[] => [
  documentText("Network", "a/x", "{vni: 5002, subnets: [10.0.2.0/24], gateways: [10.0.2.254]}"),
  router("s", `{networks: [x], l3vni: 6001${spec}}`),
];
const P3 = "network: n, host: h1, interface: w3, mac: '02:00:00:00:00:03'";
const cases: readonly Case[] = [
  { of: "a sound intent", documents: sound, findings: [] },
  {
    of: "yaml-syntax",
    documents: [...sound, "a: [1, 2\nb: 3\n"],
    findings: ["error yaml-syntax - $"],
    suggests: "indent what belongs together alike, and further than what it belongs to",
  },
  {
    of: "yaml-syntax (tab)",
    documents: [...sound, "a:\n\tb: 1\n"],
    findings: ["error yaml-syntax - $"],
    suggests: "indent with spaces",
  },
  {
    of: "yaml-syntax (sign)",
    documents: [...sound, "a: @b\n"],
    findings: ["error yaml-syntax - $"],
    suggests: "take it out, or put text that YAML takes for its own signs in quotes",
  },
  {
    of: "yaml-syntax (in the only document, which is not told to be missing)",
    documents: ["{kind: Fabric"],
    findings: ["error yaml-syntax - $"],
  },
  {
    of: "yaml-syntax (alias)",
    documents: [...sound, "a: &x 1\nb: *x\n"],
    findings: ["error yaml-syntax - $"],
    says: "aliases",
  },
  {
    of: "yaml-syntax (tag)",
    documents: [...sound, "a: !thing 1\n"],
    findings: ["error yaml-syntax - $"],
  },
  {
    of: "duplicate-key",
    documents: [...sound, "a: 1\na: 2\n"],
    findings: ["error duplicate-key - $"],
    suggests: "keep one of the two",
  },
  {
    of: "not-a-document",
    documents: [...sound, "- 1\n"],
    findings: ["error not-a-document - $"],
  },
  {
    of: "wrong-api-version",
    documents: spoiled(h2, "weft.network/v1alpha1", "v1"),
    findings: ["error wrong-api-version Host h2 $.apiVersion"],
    says: '"v1"',
    suggests: "apiVersion: weft.network/v1alpha1",
  },
  {
    of: "unknown-kind",
    documents: [...sound, documentText("Netwrok", "a/m", "{}")],
    findings: ["error unknown-kind Netwrok a/m $.kind"],
    suggests: "Network",
  },
  {
    of: "kind-not-supported",
    documents: [...sound, documentText("Service", "a/s", "{provider: p1}")],
    findings: ["error kind-not-supported Service a/s $.kind"],
    says: "Service",
  },
  {
    of: "unknown-field",
    documents: spoiled(network, "subnets", "subnetz"),
    findings: ["error unknown-field Network a/n $.spec.subnetz"],
    suggests: "subnets",
  },
  {
    of: "unknown-field (in a list)",
    documents: spoiled(h2, "interface: up0", "interface: up0, mut: 1500"),
    findings: ["error unknown-field Host h2 $.spec.uplinks[0].mut"],
    suggests: "mtu",
  },
  {
    of: "missing-field",
    documents: spoiled(p2, "network: n, ", ""),
    findings: ["error missing-field Port a/p2 $.spec.network"],
    says: "network is missing",
  },
  {
    of: "missing-field (a choice)",
    documents: [...sound, documentText("Pool", "q", "{ranges: ['1-2']}")],
    findings: ["error missing-field Pool q $.spec.numbers"],
    says: "vni or vsid",
  },
  {
    of: "wrong-type",
    documents: spoiled(network, "5000", "'5000'"),
    findings: ["error wrong-type Network a/n $.spec.vni"],
    says: '"5000": expected number',
  },
  {
    of: "bad-value (choice)",
    documents: spoiled(network, "vni", "encapsulations: [vxlam], vni"),
    findings: ["error bad-value Network a/n $.spec.encapsulations[0]"],
    suggests: "vxlan",
  },
  {
    of: "bad-value (group MAC)",
    documents: spoiled(p2, "02:00:00:00:00:02", "03:00:00:00:00:02"),
    findings: ["error bad-value Port a/p2 $.spec.mac"],
    suggests: "02:00:00:00:00:02",
  },
  {
    of: "bad-value (zero MAC)",
    documents: spoiled(p2, "02:00:00:00:00:02", "00:00:00:00:00:00"),
    findings: ["error bad-value Port a/p2 $.spec.mac"],
    says: "all-zero",
  },
  {
    of: "bad-value (host bits)",
    documents: spoiled(network, "10.0.0.0/24", "10.0.0.7/24"),
    findings: ["error bad-value Network a/n $.spec.subnets[0]"],
    suggests: "10.0.0.0/24",
  },
  {
    of: "bad-value (long interface name)",
    documents: spoiled(p2, "interface: w1", "interface: sixteen-octets-x"),
    findings: ["error bad-value Port a/p2 $.spec.interface"],
    says: "15 octets, this one 16",
  },
  {
    of: "bad-value (IPv4-mapped)",
    documents: spoiled(p2, "10.0.0.2]", "10.0.0.2], allowedAddresses: ['::ffff:10.0.0.9']"),
    findings: ["error bad-value Port a/p2 $.spec.allowedAddresses[0]"],
    suggests: "10.0.0.9",
  },
  {
    of: "bad-value (prefix over the IPv4-mapped block)",
    documents: spoiled(p2, "10.0.0.2]", "10.0.0.2], allowedAddresses: ['::/64']"),
    findings: ["error bad-value Port a/p2 $.spec.allowedAddresses[0]"],
    says: "IPv4-mapped",
  },
  {
    of: "bad-value (range)",
    documents: [...sound, documentText("Pool", "q", "{numbers: vni, ranges: ['9-5']}")],
    findings: ["error bad-value Pool q $.spec.ranges[0]"],
    suggests: "5-9",
  },
  {
    of: "bad-value (recorded number that rests)",
    documents: sound,
    numbers: "numbers: {a/n: 5000}\nresting: {5000: a/old}\n",
    findings: [
      "warning number-resting Network a/n $.spec.vni",
      'error bad-value - $.numbers["a/n"]',
    ],
  },
  {
    of: "not-supported-yet",
    documents: [
      documentText("Fabric", "f", "{asn: 65000, gatewayMac: '02:00:00:00:00:fe'}"),
      ...spoiled(p2, "host: h2", "host: h2, attachment: vlan, vid: 7, rate: {bps: 1}").filter(
        (one) => one !== fabric,
      ),
      documentText("Pool", "q", "{numbers: address, prefixes: [10.0.0.0/8]}"),
      documentText("Tenant", "b", "{quotas: {networks: 1}}"),
      documentText(
        "Host",
        "h3",
        "{uplinks: [{interface: up0, secure: true}], vteps: [192.0.2.3], udp6Checksum: full}",
      ),
      documentText(
        "Network",
        "a/m",
        "{vni: 5001, learning: evpn, bum: multicast, group: 239.1.10.0, inside: deny, vlan: 9}",
      ),
    ],
    findings: [
      "warning not-supported-yet Fabric f $.spec.asn",
      "error not-supported-yet Port a/p2 $.spec.attachment",
      "error not-supported-yet Port a/p2 $.spec.vid",
      "error not-supported-yet Port a/p2 $.spec.rate",
      "warning not-supported-yet Pool q $.spec.numbers",
      "error not-supported-yet Tenant b $.spec.quotas",
      "warning not-supported-yet Host h3 $.spec.uplinks[0].secure",
      "error not-supported-yet Host h3 $.spec.udp6Checksum",
      "error not-supported-yet Network a/m $.spec.learning",
      "error not-supported-yet Network a/m $.spec.inside",
      "warning not-supported-yet Network a/m $.spec.vlan",
    ],
  },
  {
    of: "not-supported-yet (reflectors)",
    documents: spoiled(fabric, "numbering: rfc", "reflectors: [{address: 192.0.2.9, asn: 65000}]"),
    findings: ["error not-supported-yet Fabric f $.spec.reflectors"],
    says: "reflectors",
  },
  {
    of: "no-effect",
    documents: [...sound, documentText("Network", "a/m", "{vni: 5001, ageSeconds: 9, macsMax: 9}")],
    findings: [
      "warning no-effect Network a/m $.spec.ageSeconds",
      "warning no-effect Network a/m $.spec.macsMax",
    ],
  },
  {
    of: "no-effect (without a router)",
    documents: spoiled(network, "vni", "gateways: [10.0.0.254], mssClamp: true, vni"),
    findings: [
      "warning no-effect Network a/n $.spec.gateways",
      "warning no-effect Network a/n $.spec.mssClamp",
    ],
    says: "no router",
  },
  {
    of: "not-supported-yet (learning of the fabric)",
    documents: spoiled(fabric, "numbering: rfc", "learning: evpn"),
    findings: ["error not-supported-yet Fabric f $.spec.learning"],
  },
  {
    of: "no-fabric",
    documents: sound.filter((one) => one !== fabric),
    findings: ["error no-fabric - $"],
  },
  {
    of: "several-fabrics",
    documents: [...sound, documentText("Fabric", "g", "{}")],
    findings: [
      "error several-fabrics Fabric f $.metadata.name",
      "error several-fabrics Fabric g $.metadata.name",
    ],
  },
  {
    of: "duplicate-name",
    documents: [...sound, h2],
    findings: [
      "error duplicate-name Host h2 $.metadata.name",
      "error duplicate-name Host h2 $.metadata.name",
    ],
    says: "intent.yaml:38",
  },
  {
    of: "unknown-tenant",
    documents: [...sound, documentText("Network", "aa/m", "{vni: 5001}")],
    findings: ["error unknown-tenant Network aa/m $.metadata.tenant"],
    suggests: null,
  },
  {
    of: "unknown-pool",
    documents: spoiled(tenant, "{}", "{pools: [prod]}", [
      documentText("Pool", "prods", "{numbers: vni, ranges: ['9000']}"),
    ]),
    findings: ["error unknown-pool Tenant a $.spec.pools[0]"],
    suggests: "prods",
  },
  {
    of: "unknown-host",
    documents: [...sound, port(P3.replace("h1", "h9").replace(/^(.*)$/, "{$1}"))],
    findings: ["error unknown-host Port a/p3 $.spec.host"],
    suggests: "h1",
  },
  {
    of: "unknown-network",
    documents: [...sound, port(`{${P3.replace("network: n", "network: trainin")}}`)],
    findings: ["error unknown-network Port a/p3 $.spec.network"],
    suggests: null,
  },
  {
    of: "foreign-network",
    documents: [
      ...sound,
      documentText("Tenant", "b", "{}"),
      documentText("Port", "b/p", `{${P3.replace("network: n", "network: a/n")}}`),
    ],
    findings: ["error foreign-network Port b/p $.spec.network"],
  },
  {
    of: "tenant-loop",
    documents: spoiled(tenant, "{}", "{parent: b}", [documentText("Tenant", "b", "{parent: a}")]),
    findings: [
      "error tenant-loop Tenant a $.spec.parent",
      "error tenant-loop Tenant b $.spec.parent",
    ],
  },
  {
    of: "number-missing",
    documents: spoiled(tenant, "{}", "{pools: [q]}", [
      documentText("Pool", "q", "{numbers: vni, ranges: ['5000-5002']}"),
      documentText("Network", "a/m", "{}"),
      documentText("Network", "a/o", "{}"),
    ]),
    numbers: "resting: {5001: a/old}\nnumbers: {a/m: 5000}\n",
    findings: [
      "error number-duplicate Network a/n $.spec.vni",
      "error number-duplicate Network a/m $.spec.vni",
      "error number-missing Network a/o $.spec.vni",
    ],
  },
  {
    of: "number-missing (the suggestion)",
    documents: spoiled(tenant, "{}", "{pools: [q]}", [
      documentText("Pool", "q", "{numbers: vni, ranges: ['5000-5002']}"),
      documentText("Network", "a/m", "{}"),
    ]),
    numbers: "resting: {5001: a/old}\n",
    findings: ["error number-missing Network a/m $.spec.vni"],
    suggests: "vni: 5002 (free in pool q), or run weft allocate --write",
  },
  {
    of: "number-duplicate (across encapsulations)",
    documents: [...sound, documentText("Network", "a/m", "{vni: 5000, encapsulations: [nvgre]}")],
    findings: [
      "error number-duplicate Network a/n $.spec.vni",
      "error number-duplicate Network a/m $.spec.vni",
    ],
    says: "5000 is a/m's too",
  },
  {
    of: "number-illegal (rfc)",
    documents: spoiled(network, "5000", "0"),
    findings: ["error number-illegal Network a/n $.spec.vni"],
  },
  {
    of: "number-illegal (nvgre-safe)",
    documents: spoiled(fabric, "rfc", "nvgre-safe", [
      documentText("Network", "a/low", "{vni: 4095}"),
      documentText("Network", "a/first", "{vni: 4096}"),
      documentText("Network", "a/last", "{vni: 16777214}"),
      documentText("Network", "a/high", "{vni: 16777215}"),
    ]),
    findings: [
      "error number-illegal Network a/low $.spec.vni",
      "error number-illegal Network a/high $.spec.vni",
    ],
  },
  {
    of: "number-illegal (vlan-compatible)",
    documents: spoiled(fabric, "rfc", "vlan-compatible", [
      documentText("Network", "a/own", "{vni: 100, vlan: 100}"),
      documentText("Network", "a/other", "{vni: 101, vlan: 102}"),
      documentText("Network", "a/none", "{vni: 103}"),
      documentText("Network", "a/gap", "{vni: 4095}"),
    ]),
    findings: [
      "warning not-supported-yet Network a/own $.spec.vlan",
      "error number-illegal Network a/other $.spec.vni",
      "warning not-supported-yet Network a/other $.spec.vlan",
      "error number-illegal Network a/none $.spec.vni",
      "error number-illegal Network a/gap $.spec.vni",
    ],
  },
  {
    of: "number-reserved",
    documents: [
      ...sound,
      documentText("Network", "a/low", "{vni: 4095, encapsulations: [vxlan, nvgre]}"),
      documentText("Network", "a/high", "{vni: 16777215, encapsulations: [nvgre]}"),
      documentText("Network", "a/first", "{vni: 4096, encapsulations: [nvgre]}"),
    ],
    findings: [
      "error number-reserved Network a/low $.spec.vni",
      "error number-reserved Network a/high $.spec.vni",
    ],
    says: "RFC 7637 §3.4",
  },
  {
    of: "the last number, where only VXLAN carries it",
    documents: spoiled(network, "5000", "16777215"),
    findings: [],
  },
  {
    of: "number-low",
    documents: spoiled(network, "5000", "4095"),
    findings: ["warning number-low Network a/n $.spec.vni"],
  },
  {
    of: "number-resting",
    documents: sound,
    numbers: "resting: {5000: a/old}\n",
    findings: ["warning number-resting Network a/n $.spec.vni"],
    says: "a/old",
  },
  {
    of: "number-overrides-record",
    documents: sound,
    numbers: "numbers: {a/n: 5005}\n",
    findings: ["warning number-overrides-record Network a/n $.spec.vni"],
    says: "5000 here and 5005",
  },
  {
    of: "pool-exhausted",
    documents: spoiled(tenant, "{}", "{pools: [q]}", [
      documentText("Pool", "q", "{numbers: vni, ranges: ['5000']}"),
      documentText("Network", "a/m", "{}"),
    ]),
    findings: ["error pool-exhausted Network a/m $.spec.vni"],
  },
  {
    of: "duplicate-vtep",
    documents: spoiled(h2, "192.0.2.2", "192.0.2.1"),
    findings: [
      "error duplicate-vtep Host h1 $.spec.vteps[0]",
      "error duplicate-vtep Host h2 $.spec.vteps[0]",
    ],
    says: "h2",
  },
  {
    of: "vtep-missing",
    documents: spoiled(network, "vni", "underlay: ipv6, vni"),
    findings: ["error vtep-missing Network a/n $.spec.underlay"],
    says: "host h2 has no ipv6",
  },
  {
    of: "no-common-encapsulation",
    documents: spoiled(h2, "vteps", "encapsulations: [nvgre], vteps"),
    findings: ["error no-common-encapsulation Network a/n $.spec.encapsulations"],
    says: "h1 speaks vxlan, nvgre, h2 speaks nvgre",
  },
  {
    of: "mtu-too-small (IPv4)",
    documents: spoiled(h2, "interface: up0", "interface: up0, mtu: 625"),
    findings: ["error mtu-too-small Network a/n $.spec"],
    says: "leaves 575",
    suggests: "raise the uplink mtu of h2 to 626 or more",
  },
  {
    of: "mtu-too-small (IPv6)",
    documents: spoiled(h2, "interface: up0", "interface: up0, mtu: 1329").map((one) =>
      one === network ? one.replace("10.0.0.0/24", "10.0.0.0/24, 'fd00::/64'") : one,
    ),
    findings: ["error mtu-too-small Network a/n $.spec"],
    suggests: "raise the uplink mtu of h2 to 1330 or more",
  },
  {
    of: "limit-exceeded (tunnel addresses)",
    documents: spoiled(
      h2,
      "192.0.2.2",
      ["'2001:db8::2'", ...Array.from({ length: 9 }, (_, i) => `192.0.3.${i + 1}`)].join(", "),
    ),
    findings: ["error limit-exceeded Host h2 $.spec.vteps[9]"],
    says: "9 ipv4 tunnel addresses, and others spread flows over 8",
  },
  {
    of: "limit-exceeded (replicas)",
    documents: [
      ...sound,
      ...Array.from({ length: 512 }, (_, i) => {
        const octets = `02:00:00:00:0${i >> 8}:${(i & 255).toString(16).padStart(2, "0")}`;
        return documentText(
          "Port",
          `a/q${i}`,
          `{network: m, host: h1, interface: q${i}, mac: '${octets}'}`,
        );
      }),
      documentText("Port", "a/q", "{network: m, host: h1, interface: q, mac: '02:00:00:00:0f:ff'}"),
      documentText("Network", "a/m", "{vni: 5001}"),
    ],
    findings: ["error limit-exceeded Network a/m $.metadata.name"],
    says: "513 local ports",
  },
  {
    of: "interface-missing",
    documents: spoiled(p2, "interface: w1, ", ""),
    findings: ["error interface-missing Port a/p2 $.spec.interface"],
  },
  {
    of: "interface-unused",
    documents: spoiled(h2, "vteps", "managed: false, vteps"),
    findings: ["warning interface-unused Port a/p2 $.spec.interface"],
  },
  {
    of: "duplicate-interface (ports)",
    documents: [...sound, port(`{${P3.replace("w3", "w1")}}`)],
    findings: [
      "error duplicate-interface Port a/p1 $.spec.interface",
      "error duplicate-interface Port a/p3 $.spec.interface",
    ],
  },
  {
    of: "duplicate-interface (a port on the uplink)",
    documents: [...sound, port(`{${P3.replace("w3", "up0")}}`)],
    findings: [
      "error duplicate-interface Host h1 $.spec.uplinks[0].interface",
      "error duplicate-interface Port a/p3 $.spec.interface",
    ],
  },
  {
    of: "duplicate-interface (uplinks)",
    documents: spoiled(h2, "{interface: up0}", "{interface: up0}, {interface: up0}"),
    findings: ["error duplicate-interface Host h2 $.spec.uplinks[1].interface"],
  },
  {
    of: "duplicate-mac",
    documents: spoiled(p2, "00:02", "00:01"),
    findings: [
      "error duplicate-mac Port a/p1 $.spec.mac",
      "error duplicate-mac Port a/p2 $.spec.mac",
    ],
    says: "Port a/p2's",
  },
  {
    of: "duplicate-address (two spellings)",
    documents: [
      ...spoiled(p2, "10.0.0.2", "'fd00:0::2'").map((one) =>
        one === network ? one.replace("10.0.0.0/24", "10.0.0.0/24, 'fd00::/64'") : one,
      ),
      port(`{${P3}, addresses: ['FD00::2']}`),
    ],
    findings: [
      "error duplicate-address Port a/p2 $.spec.addresses[0]",
      "error duplicate-address Port a/p3 $.spec.addresses[0]",
    ],
    says: "fd00::2",
  },
  {
    of: "address-not-unicast",
    documents: [
      ...sound,
      port(`{${P3}, addresses: [10.0.0.0, 10.0.0.255, 224.0.0.1, 127.0.0.1, 'ff02::1']}`),
      documentText("Host", "h3", "{uplinks: [{interface: up0}], vteps: ['fe80::1', 0.0.0.0]}"),
    ],
    findings: [
      ...[0, 1, 2, 3, 4].map((i) => `error address-not-unicast Port a/p3 $.spec.addresses[${i}]`),
      "error address-not-unicast Host h3 $.spec.vteps[0]",
      "error address-not-unicast Host h3 $.spec.vteps[1]",
    ],
  },
  {
    of: "address-outside-subnets",
    documents: spoiled(p2, "10.0.0.2", "10.0.1.2, 'fe80::2'"),
    findings: ["error address-outside-subnets Port a/p2 $.spec.addresses[0]"],
  },
  {
    of: "subnet-overlap",
    documents: spoiled(network, "10.0.0.0/24", "10.0.0.0/24, 10.0.0.128/25"),
    findings: ["error subnet-overlap Network a/n $.spec.subnets[1]"],
    says: "10.0.0.128/25 overlaps 10.0.0.0/24",
  },
  {
    of: "group-illegal",
    documents: [
      ...sound,
      documentText("Network", "a/m", "{group: 224.0.0.9, vni: 5001, bum: multicast}"),
    ],
    findings: ["error group-illegal Network a/m $.spec.group"],
    says: "224.0.0.9 is of the link-local control block",
    suggests: "leave it out: it is 239.1.25.161 then",
  },
  {
    of: "no-effect (a group)",
    documents: [...sound, documentText("Network", "a/m", "{vni: 5001, group: 239.9.9.9}")],
    findings: ["warning no-effect Network a/m $.spec.group"],
    says: "says 239.9.9.9, and the network floods by ingress replication",
  },
  {
    of: "group-shared (a given one is another's derived)",
    documents: [
      ...sound,
      multicast("m", "group: 239.1.25.162, vni: 5001"),
      multicast("o", "vni: 5002"),
    ],
    findings: [
      "warning group-shared Network a/m $.spec.group",
      "warning group-shared Network a/o $.spec.group",
    ],
  },
  {
    of: "group-mac-shared (two groups)",
    documents: [...sound, multicast("m", "vni: 5001"), multicast("o", "vni: 8393353")],
    findings: [
      "warning group-mac-shared Network a/m $.spec.group",
      "warning group-mac-shared Network a/o $.spec.group",
    ],
    says: "239.1.25.161 has the MAC of a/o's 239.129.25.161, 01:00:5e:01:19:a1",
  },
  {
    of: "group-mac-shared (the link's own)",
    documents: [...sound, multicast("m", "group: 239.0.0.5, vni: 5001")],
    findings: ["warning group-mac-shared Network a/m $.spec.group"],
  },
  { of: "a sound router", documents: routed(""), findings: [] },
  {
    of: "missing-field (networks)",
    documents: [...sound, router("r", "{l3vni: 6000}")],
    findings: ["error missing-field Router a/r $.spec.networks"],
  },
  {
    of: "bad-value (a route neither here nor there)",
    documents: routed(", routes: [{prefix: 10.9.0.0/16}]"),
    findings: ["error bad-value Router a/r $.spec.routes[0]"],
    says: "either via or blackhole",
  },
  {
    of: "bad-value (a route both here and there)",
    documents: routed(", routes: [{prefix: 10.9.0.0/16, via: 10.0.0.1, blackhole: true}]"),
    findings: ["error bad-value Router a/r $.spec.routes[0]"],
    says: "either via or blackhole",
  },
  {
    of: "bad-value (a route between families)",
    documents: routed(", routes: [{prefix: 'fd00::/64', via: 10.0.0.1}]"),
    findings: ["error bad-value Router a/r $.spec.routes[0]"],
    says: "one family",
  },
  {
    of: "unknown-network (of a router)",
    documents: [...sound, router("r", "{networks: [nn], l3vni: 6000}")],
    findings: ["error unknown-network Router a/r $.spec.networks[0]"],
    suggests: "a/n",
  },
  {
    of: "unknown-host (of a router)",
    documents: routed(", gateway: centralized, gatewayHost: h9"),
    findings: ["error unknown-host Router a/r $.spec.gatewayHost"],
    suggests: "h1",
  },
  {
    of: "foreign-network (of a router)",
    documents: [
      ...sound,
      documentText("Tenant", "b", "{}"),
      documentText("Router", "b/r", "{networks: [a/n], l3vni: 6000}"),
    ],
    findings: ["error foreign-network Router b/r $.spec.networks[0]"],
    says: "a/n belongs to another tenant",
  },
  {
    of: "number-missing (of a router)",
    documents: spoiled(tenant, "{}", "{pools: [q, p]}", [
      documentText("Pool", "p", "{numbers: l3vni, ranges: ['6000-6002']}"),
      documentText("Pool", "q", "{numbers: vni, ranges: ['5000-5002']}"),
      router("r", "{networks: [n]}"),
    ]).map((one) => one.replace("{vni: 5000,", "{vni: 6000, gateways: [10.0.0.254],")),
    findings: ["error number-missing Router a/r $.spec.l3vni"],
    suggests: "l3vni: 6001 (free in pool q, p), or run weft allocate --write",
  },
  {
    of: "number-missing (of a router whose tenant has no pool for them)",
    documents: spoiled(tenant, "{}", "{pools: [q]}", [
      documentText("Pool", "q", "{numbers: vni, ranges: ['5000-5002']}"),
      router("r", "{networks: [n]}"),
    ]).map((one) => one.replace("{vni: 5000,", "{vni: 5000, gateways: [10.0.0.254],")),
    findings: ["error number-missing Router a/r $.spec.l3vni"],
    suggests: "l3vni: 5001 (free in pool q), or run weft allocate --write",
  },
  {
    of: "number-duplicate (network and router)",
    documents: routed("").map((one) => one.replace("6000", "5000")),
    findings: [
      "error number-duplicate Network a/n $.spec.vni",
      "error number-duplicate Router a/r $.spec.l3vni",
    ],
    says: "5000 is router a/r's too",
  },
  {
    of: "number-reserved (of a router)",
    documents: routed(", encapsulations: [nvgre]").map((one) => one.replace("6000", "4000")),
    findings: ["error number-reserved Router a/r $.spec.l3vni"],
  },
  {
    of: "number-overrides-record (of a router)",
    documents: routed(""),
    numbers: "numbers: {router a/r: 6001}\n",
    findings: ["warning number-overrides-record Router a/r $.spec.l3vni"],
  },
  {
    of: "unknown-router",
    documents: routed(", export: [{prefixes: [10.0.0.0/24], to: [r2]}]"),
    findings: ["error unknown-router Router a/r $.spec.export[0].to[0]"],
    says: "no Router a/r2",
  },
  {
    of: "network-routed-twice",
    documents: routed("", [router("s", "{networks: [m], l3vni: 6001}")]),
    findings: [
      "error network-routed-twice Router a/r $.spec.networks[1]",
      "error network-routed-twice Router a/s $.spec.networks[0]",
    ],
    says: "a/m is also of Router a/s",
  },
  {
    of: "subnet-missing",
    documents: routed("").map((one) => one.replace("subnets: [10.0.1.0/24]", "subnets: []")),
    findings: ["error subnet-missing Router a/r $.spec.networks[1]"],
    says: "Network a/m",
  },
  {
    of: "gateway-missing",
    documents: routed("").map((one) => one.replace("gateways: [10.0.1.254], ", "")),
    findings: ["error gateway-missing Router a/r $.spec.networks[1]"],
    says: "Network a/m has no gateway",
  },
  {
    of: "gateway-missing (of one family)",
    documents: routed("").map((one) => one.replace("[10.0.1.0/24]", "[10.0.1.0/24, 'fd00::/64']")),
    findings: ["warning gateway-missing Router a/r $.spec.networks[1]"],
    says: "ipv6",
  },
  {
    of: "address-outside-subnets (a gateway)",
    documents: routed("").map((one) => one.replace("10.0.1.254", "10.0.3.254")),
    findings: ["error address-outside-subnets Network a/m $.spec.gateways[0]"],
  },
  {
    of: "duplicate-address (a gateway and a port)",
    documents: routed("").map((one) => one.replace("10.0.0.254", "10.0.0.1")),
    findings: [
      "error duplicate-address Network a/n $.spec.gateways[0]",
      "error duplicate-address Port a/p1 $.spec.addresses[0]",
    ],
    says: "10.0.0.1 is also Port a/p1's",
  },
  {
    of: "subnet-overlap (in a router)",
    documents: routed("").map((one) => one.replace("[10.0.1.0/24]", "[10.0.0.0/23]")),
    findings: ["error subnet-overlap Router a/r $.spec.networks[0]"],
    says: "10.0.0.0/24 of Network a/n overlaps 10.0.0.0/23 of Network a/m",
  },
  {
    of: "no overlap between routers",
    documents: routed("", third("")).map((one) => one.replaceAll("10.0.2.", "10.0.1.")),
    findings: [],
  },
  {
    of: "gateway-unserved",
    documents: routed("", [
      documentText(
        "Host",
        "h3",
        "{managed: false, uplinks: [{interface: up0}], vteps: [192.0.2.3]}",
      ),
      port("{network: m, host: h3, mac: '02:00:00:00:00:03'}"),
    ]),
    findings: ["warning gateway-unserved Router a/r $.spec.networks"],
    says: "Host h3 is not managed",
  },
  {
    of: "gateway-host-missing",
    documents: routed(", gateway: centralized"),
    findings: ["error gateway-host-missing Router a/r $.spec.gatewayHost"],
  },
  {
    of: "gateway-host-unmanaged",
    documents: routed(", gateway: centralized, gatewayHost: h3", [
      documentText(
        "Host",
        "h3",
        "{managed: false, uplinks: [{interface: up0}], vteps: [192.0.2.3]}",
      ),
    ]),
    findings: ["error gateway-host-unmanaged Router a/r $.spec.gatewayHost"],
    says: "Host h3",
  },
  {
    of: "gateway-host-idle",
    documents: routed(", gatewayHost: h2"),
    findings: ["warning gateway-host-idle Router a/r $.spec.gatewayHost"],
    says: "Host h2 stands ready",
  },
  {
    of: "route-duplicate",
    documents: routed(
      ", routes: [{prefix: 10.9.0.0/16, blackhole: true}, {prefix: 10.9.0.0/16, via: 10.0.0.1}, {prefix: 10.0.1.0/24, blackhole: true}, {prefix: 10.0.1.0/25, blackhole: true}]",
    ),
    findings: [
      "error route-duplicate Router a/r $.spec.routes[1].prefix",
      "error route-duplicate Router a/r $.spec.routes[2].prefix",
    ],
    says: "10.9.0.0/16 is also $.spec.routes[0]",
  },
  {
    of: "via-unknown",
    documents: routed(
      ", routes: [{prefix: 10.9.0.0/16, via: 10.0.0.9}, {prefix: 10.8.0.0/16, via: 10.0.9.1}, {prefix: 10.7.0.0/16, via: 10.0.0.254}, {prefix: 10.6.0.0/16, via: 10.0.0.2}]",
    ),
    findings: [
      "error via-unknown Router a/r $.spec.routes[0].via",
      "error via-unknown Router a/r $.spec.routes[1].via",
      "error via-unknown Router a/r $.spec.routes[2].via",
    ],
    says: "10.0.0.9 is no port's on Network a/n",
  },
  {
    of: "export-foreign",
    documents: routed(
      ", export: [{prefixes: [10.0.0.0/23, 10.0.0.0/25, 10.9.1.0/24], to: [s]}], routes: [{prefix: 10.9.0.0/16, via: 10.0.0.1}]",
      third(""),
    ),
    findings: ["error export-foreign Router a/r $.spec.export[0].prefixes[0]"],
    says: "10.0.0.0/23",
  },
  {
    of: "export-overlap (a subnet of the other)",
    documents: routed(
      ", export: [{prefixes: [10.0.0.0/24, 10.0.1.128/25], to: [s]}]",
      third(""),
    ).map((one) => one.replaceAll("10.0.2.", "10.0.1.")),
    findings: ["error export-overlap Router a/r $.spec.export[0].prefixes[1]"],
    says: "10.0.1.128/25 overlaps 10.0.1.0/24, subnet of Network a/x, in Router a/s",
  },
  {
    of: "export-overlap (a route of the other)",
    documents: routed(
      ", export: [{prefixes: [10.0.0.0/24], to: [s]}]",
      third(
        ", routes: [{prefix: 10.0.0.0/16, blackhole: true}, {prefix: 0.0.0.0/0, blackhole: true}]",
      ),
    ),
    findings: ["error export-overlap Router a/r $.spec.export[0].prefixes[0]"],
    says: "10.0.0.0/24 overlaps 10.0.0.0/16, route of Router a/s, in Router a/s",
  },
  {
    of: "export-overlap (two to a third)",
    documents: routed(", export: [{prefixes: [10.0.1.0/24], to: [t]}]", [
      ...third(", export: [{prefixes: [10.0.2.0/25], to: [t]}]").map((one) =>
        one.replaceAll("10.0.2.", "10.0.1."),
      ),
      documentText("Network", "a/y", "{vni: 5003, subnets: [10.0.3.0/24], gateways: [10.0.3.254]}"),
      router("t", "{networks: [y], l3vni: 6002}"),
    ]),
    findings: [
      "error export-overlap Router a/r $.spec.export[0].prefixes[0]",
      "error export-overlap Router a/s $.spec.export[0].prefixes[0]",
    ],
    says: "10.0.1.0/24 overlaps 10.0.1.0/25, export of Router a/s, in Router a/t",
  },
  {
    of: "export-overlap (to itself)",
    documents: routed(", export: [{prefixes: [10.0.1.0/24], to: [r]}]"),
    findings: ["error export-overlap Router a/r $.spec.export[0].prefixes[0]"],
  },
  {
    of: "mac-reserved",
    documents: routed("").map((one) =>
      one
        .replace("02:00:00:00:00:01", "06:77:65:66:74:01")
        .replace("02:00:00:00:00:02", "0a:77:c0:00:02:01"),
    ),
    findings: [
      "error mac-reserved Port a/p1 $.spec.mac",
      "error mac-reserved Port a/p2 $.spec.mac",
    ],
    says: "06:77:65:66:74:01 is the MAC of the gateways of Fabric f",
  },
  {
    of: "mac-reserved (only where there are routers)",
    documents: spoiled(p1, "02:00:00:00:00:01", "06:77:65:66:74:01"),
    findings: [],
  },
  {
    of: "mac-reserved (the gateways')",
    documents: routed("").map((one) =>
      one === fabric ? one.replace("rfc", "rfc, gatewayMac: '0a:77:c0:00:02:02'") : one,
    ),
    findings: ["error mac-reserved Fabric f $.spec.gatewayMac"],
    says: "Host h2",
  },
  {
    // Two addresses of one hash, found by trying five million.
    of: "router-mac-shared",
    documents: routed("", [
      ...["55cb", "55e3"].map((end) =>
        documentText(
          "Host",
          `x-${end}`,
          `{uplinks: [{interface: up0}], vteps: ['2001:db8::1:${end}']}`,
        ),
      ),
    ]),
    findings: [
      "error router-mac-shared Host x-55cb $.spec.vteps",
      "error router-mac-shared Host x-55e3 $.spec.vteps",
    ],
    says: "0e:b7:9f:a7:d4:6a, which follows from its first address, is Host x-55e3's too",
  },
  {
    of: "vtep-missing (who routes there)",
    documents: routed("", [
      documentText(
        "Host",
        "h3",
        "{uplinks: [{interface: up0}], vteps: ['2001:db8::3', 192.0.2.3]}",
      ),
      port("{network: m, host: h3, interface: w3, mac: '02:00:00:00:00:03'}"),
    ]).map((one) => one.replace("[10.0.1.254]", "[10.0.1.254], underlay: ipv6")),
    findings: ["error vtep-missing Router a/r $.spec.networks"],
    says: "Host h2 routes to Network a/m over ipv6, and Host h2 has no ipv6 address",
  },
  {
    of: "no-common-encapsulation (of a router)",
    documents: routed(", encapsulations: [nvgre]").map((one) =>
      one === h2 ? one.replace("vteps", "encapsulations: [vxlan], vteps") : one,
    ),
    findings: ["error no-common-encapsulation Router a/r $.spec.encapsulations"],
    says: "Router a/r allows nvgre; Host h1 speaks vxlan, nvgre, Host h2 speaks vxlan",
  },
  {
    of: "no-common-encapsulation (asymmetric)",
    documents: routed(", irb: asymmetric", [
      documentText(
        "Host",
        "h3",
        "{uplinks: [{interface: up0}], vteps: [192.0.2.3], encapsulations: [nvgre]}",
      ),
      port("{network: m, host: h3, interface: w3, mac: '02:00:00:00:00:03'}"),
    ]).map((one) => one.replace("[10.0.1.254]", "[10.0.1.254], encapsulations: [nvgre]")),
    // h1 and h2 are not alike: one has addresses of both families.
    findings: [
      "error no-common-encapsulation Router a/r $.spec.encapsulations",
      "error no-common-encapsulation Router a/r $.spec.encapsulations",
    ],
    says: "Network a/n allows vxlan; Host h1 speaks vxlan, nvgre, Host h3 speaks nvgre: they",
  },
  {
    of: "mtu-too-small (through a router)",
    documents: routed("", [
      documentText("Host", "h3", "{uplinks: [{interface: up0}], vteps: ['2001:db8::3']}"),
      port("{network: m, host: h3, interface: w3, mac: '02:00:00:00:00:03'}"),
    ]).map((one) =>
      one === h2
        ? one.replace("up0}", "up0, mtu: 1340}").replace("192.0.2.2", "192.0.2.2, '2001:db8::2'")
        : one
            .replace("[10.0.1.254]", "[10.0.1.254, 'fd00::fe'], underlay: ipv6")
            .replace("[10.0.1.0/24]", "[10.0.1.0/24, 'fd00::/64']")
            .replace("'2001:db8::3'", "'2001:db8::3', 192.0.2.3"),
    ),
    findings: ["error mtu-too-small Router a/r $.spec.networks"],
    says: "leaves less than 1280 octets for a packet between Host h2 and Network a/m",
  },
  {
    of: "limit-exceeded (lengths of IPv6 prefixes)",
    documents: routed(
      `, routes: [${Array.from({ length: 25 }, (_, i) => `{prefix: 'fd00::/${i + 8}', blackhole: true}`).join(", ")}]`,
    ),
    findings: ["error limit-exceeded Router a/r $.spec.routes"],
    says: "25 different lengths of IPv6 prefixes, and an address space has at most 24",
  },
];

const lineOf = ({ severity, code, object, path }: Finding): string =>
  `${severity} ${code} ${object ? labelOf(object) : "-"} ${path}`;

for (const { of, documents, numbers, findings: wanted, says, suggests } of cases)
  test(`finding: ${of}`, () => {
    const lock = { path: "numbers.yaml", text: `apiVersion: weft.network/v1alpha1\n${numbers}` };
    const { findings, errors } = compileIntent([
      fileOf(documents),
      ...(numbers === undefined ? [] : [lock]),
    ]);
    assert.deepEqual(findings.map(lineOf), wanted);
    assert.equal(errors, wanted.filter((line) => line.startsWith("error")).length);
    if (says !== undefined) assert.ok(findings[0]?.message.includes(says), findings[0]?.message);
    if (suggests !== undefined) assert.equal(findings[0]?.suggestion, suggests);
  });

test("every code is produced by a case", () => {
  const produced = new Set(cases.flatMap((one) => one.findings.map((line) => line.split(" ")[1])));
  assert.deepEqual(
    FINDING_CODES.filter((code) => !produced.has(code)),
    [],
  );
});

test("every code has its line in the docs, and every line its code", () => {
  const page = readFileSync("docs/intent/findings.md", "utf8");
  const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual(documented, [...FINDING_CODES]);
});

test("a finding stands at the exact key: line, column, file", () => {
  const text = `${sound.join("---\n")}---\n# a comment\n${documentText("Network", "a/m", "\n  vni: 5001\n  subnets:\n    - 10.9.0.0/24\n    - 10.9.0.1/24\n  macMax: 5")}`;
  const { findings } = compileIntent([{ path: "d/x.yaml", text }]);
  const lines = text.split("\n");
  const at = (word: string): readonly [string, number, number] => {
    const line = lines.findIndex((one) => one.includes(word));
    return ["d/x.yaml", line + 1, (lines[line] ?? "").indexOf(word) + 1];
  };
  assert.deepEqual(
    findings.map(({ code, file, line, column }) => [code, file, line, column]),
    [
      ["bad-value", ...at("10.9.0.1/24")],
      ["unknown-field", ...at("macMax")],
    ],
  );
});

test("a finding has the contract's keys, in order", () => {
  const { findings } = compileIntent([fileOf(spoiled(p1, "interface: w1, ", ""))]);
  assert.equal(
    JSON.stringify(findings),
    '[{"severity":"error","code":"interface-missing","object":{"kind":"Port","tenant":"a","name":"p1"},"file":"intent.yaml","line":29,"column":1,"path":"$.spec.interface","message":"names no interface, and host h1 is managed","suggestion":"interface: the host\'s end of the attachment"}]',
  );
});
