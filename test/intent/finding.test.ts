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
    of: "unknown-router",
    documents: spoiled(network, "vni", "gateways: [10.0.0.254], vni", [
      documentText(
        "Router",
        "a/r",
        "{networks: [n], l3vni: 6000, export: [{prefixes: [10.0.0.0/24], to: [r2]}]}",
      ),
    ]),
    findings: ["error unknown-router Router a/r $.spec.export[0].to[0]"],
    says: "no Router a/r2",
  },
  {
    of: "group-mac-shared (the link's own)",
    documents: [...sound, multicast("m", "group: 239.0.0.5, vni: 5001")],
    findings: ["warning group-mac-shared Network a/m $.spec.group"],
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
