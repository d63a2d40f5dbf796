/** What a host is told, in the cases that golden files show but do not explain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { OVERHEAD_OCTETS } from "../../src/intent/passes/segments.ts";
import { emptyIdBook, type Row } from "../../src/rows/rows.ts";
import { documentText, fileOf, h2, network, p1, p2, sound, spoiled } from "./texts.ts";

const rowsOf = (documents: readonly string[], host = "h1"): readonly Row[] =>
  compileHost(compileIntent([fileOf(documents)]).intent, host).rows;

const only = <Table extends Row["table"]>(
  rows: readonly Row[],
  table: Table,
): readonly Extract<Row, { table: Table }>[] =>
  rows.filter((row): row is Extract<Row, { table: Table }> => row.table === table);

test("ids stay when objects come and go", () => {
  const intentOf = (documents: readonly string[]) => compileIntent([fileOf(documents)]).intent;
  const before = compileHost(intentOf(sound), "h1", emptyIdBook);
  assert.deepEqual(before.ids.ports.idsByName, { "a/p1": 1 });
  assert.deepEqual(before.ids.peers.idsByName, { "h2/ipv4": 1 });
  assert.deepEqual(before.ids.groups.idsByName, { "h2/ipv4/a/n/vxlan": 1 });
  const added = documentText(
    "Port",
    "a/a-first",
    "{network: n, host: h1, interface: w0, mac: '02:00:00:00:00:09'}",
  );
  const after = compileHost(intentOf([...sound, added]), "h1", before.ids);
  assert.deepEqual(after.ids.ports.idsByName, { "a/a-first": 2, "a/p1": 1 });
  const gone = compileHost(
    intentOf([...sound, added].filter((one) => one !== p1)),
    "h1",
    after.ids,
  );
  assert.deepEqual(gone.ids.ports, { next: 3, idsByName: { "a/a-first": 2 } });
});

test("an encapsulation that changes gives another group, and the old one's id rests", () => {
  const before = compileHost(compileIntent([fileOf(sound)]).intent, "h1");
  const nvgre = compileIntent([
    fileOf(spoiled(network, "vni", "encapsulations: [nvgre], vni")),
  ]).intent;
  assert.deepEqual(compileHost(nvgre, "h1", before.ids).ids.groups, {
    next: 3,
    idsByName: { "h2/ipv4/a/n/nvgre": 2 },
  });
});

test("several tunnel addresses of a host: a peer each, one known sender, one copy of what is flooded", () => {
  const two = "vteps: [192.0.2.2, 192.0.2.12, 192.0.2.22]";
  const { rows, ids } = compileHost(
    compileIntent([
      fileOf(
        spoiled(h2, "vteps: [192.0.2.2]", two).map((one) =>
          one.replace("vteps: [192.0.2.1,", "vteps: [192.0.2.1, 192.0.2.11,"),
        ),
      ),
    ]).intent,
    "h1",
  );
  assert.deepEqual(ids.peers.idsByName, { "h2/ipv4": 1, "h2/ipv4/2": 2, "h2/ipv4/3": 3 });
  assert.deepEqual(
    only(rows, "peer").map(({ peer, local, remote }) => [peer, local, remote]),
    [
      [1, "192.0.2.1", "192.0.2.2"],
      [2, "192.0.2.11", "192.0.2.12"],
      [3, "192.0.2.1", "192.0.2.22"],
    ],
  );
  assert.deepEqual(
    only(rows, "peer_in").map(({ address, peer }) => [address, peer]),
    [
      ["192.0.2.2", 1],
      ["192.0.2.12", 1],
      ["192.0.2.22", 1],
    ],
  );
  assert.deepEqual(
    only(rows, "admit").map(({ peer }) => peer),
    [1],
  );
  assert.deepEqual(
    only(rows, "group").map(({ members }) => members.map(({ peer, weight }) => [peer, weight])),
    [
      [
        [1, 1],
        [2, 1],
        [3, 1],
      ],
    ],
  );
  assert.deepEqual(
    only(rows, "flood").map(({ lists }) => lists.map(({ members }) => members)),
    [[[{ peer: 1, vni: 5000 }]]],
  );
});

test("flood lists go by peer id, though a later peer's name comes first", () => {
  const before = compileHost(compileIntent([fileOf(sound)]).intent, "h1");
  const added = [
    documentText("Host", "a-new", "{uplinks: [{interface: up0}], vteps: [192.0.2.9]}"),
    documentText(
      "Port",
      "a/p9",
      "{network: n, host: a-new, interface: w9, mac: '02:00:00:00:00:09'}",
    ),
  ];
  const { intent } = compileIntent([fileOf([...sound, ...added])]);
  const { rows, ids } = compileHost(intent, "h1", before.ids);
  assert.deepEqual(ids.peers.idsByName, { "a-new/ipv4": 2, "h2/ipv4": 1 });
  assert.deepEqual(
    only(rows, "flood").flatMap((row) => row.lists.map((list) => list.members)),
    [
      [
        { peer: 1, vni: 5000 },
        { peer: 2, vni: 5000 },
      ],
    ],
  );
});

test("both sides of a pair choose one encapsulation", () => {
  for (const list of ["vxlan, nvgre", "nvgre, vxlan", "vxlan", "nvgre"])
    for (const speaks of ["vxlan, nvgre", "nvgre, vxlan", "vxlan", "nvgre"]) {
      const documents = spoiled(h2, "vteps", `encapsulations: [${speaks}], vteps`).map((one) =>
        one === network ? one.replace("vni", `encapsulations: [${list}], vni`) : one,
      );
      const wanted = list.split(", ").find((one) => speaks.includes(one));
      const chosen = ["h1", "h2"].map((host) =>
        only(rowsOf(documents, host), "group").flatMap((row) =>
          row.members.map((member) => member.encapsulation),
        ),
      );
      const each = wanted === undefined ? [] : [wanted];
      assert.deepEqual(chosen, [each, each], `${list} / ${speaks}`);
    }
});

test("the MTU is budgeted for the largest header that the network allows, not the one in use", () => {
  const mtus = (list: string): readonly number[] =>
    only(rowsOf(spoiled(network, "vni", `encapsulations: [${list}], vni`)), "port").map(
      (row) => row.mtu,
    );
  assert.deepEqual(mtus("vxlan"), [1450]);
  assert.deepEqual(mtus("nvgre"), [1458]);
  assert.deepEqual(mtus("nvgre, vxlan"), [1450]);
  assert.deepEqual(OVERHEAD_OCTETS, {
    ipv4: { vxlan: 50, nvgre: 42 },
    ipv6: { vxlan: 70, nvgre: 62 },
  });
});

test("the narrowest uplink of any member counts", () => {
  const rows = rowsOf(spoiled(h2, "{interface: up0}", "{interface: a}, {interface: b, mtu: 1400}"));
  assert.deepEqual(
    only(rows, "port").map((row) => row.mtu),
    [1350],
  );
  assert.deepEqual(
    only(rows, "peer").map((row) => row.mtu),
    [1400],
  );
});

test("a host learns nothing of networks where it has no port", () => {
  const documents = sound.filter((one) => one !== p1);
  assert.deepEqual(
    rowsOf(documents).map((row) => row.table),
    ["settings", "uplink", "vtep", "vtep"],
  );
});

test("an unmanaged host has no rows, and is a peer all the same", () => {
  const documents = spoiled(h2, "vteps", "managed: false, vteps").map((one) =>
    one === p2 ? one.replace("interface: w1, ", "") : one,
  );
  assert.deepEqual(compileIntent([fileOf(documents)]).findings, []);
  assert.deepEqual(rowsOf(documents, "h2"), []);
  assert.deepEqual(only(rowsOf(documents), "admit"), [
    { table: "admit", peer: 1, network: 5000, dscpKeep: true, group: 1, learns: false },
  ]);
});

test("an unknown host has no rows, and keeps its ids", () => {
  const { intent } = compileIntent([fileOf(sound)]);
  const { ids } = compileHost(intent, "h1");
  assert.deepEqual(compileHost(intent, "h9", ids), { rows: [], ids });
});

test("without a sound fabric nothing compiles", () => {
  assert.deepEqual(rowsOf([...sound, documentText("Fabric", "g", "{}")]), []);
});

test("what a port may send from", () => {
  const sourcesOf = (spec: string, subnets: string) => {
    const documents = spoiled(p1, ", addresses: [10.0.0.1]", spec).map((one) =>
      one === network ? one.replace("[10.0.0.0/24]", `[${subnets}]`) : one,
    );
    const rows = rowsOf(documents.filter((one) => one !== p2));
    return [
      ...only(rows, "attach").flatMap(({ ipv4, ipv6, anyIpv4, anyIpv6, sources }) => [
        ipv4,
        ipv6,
        anyIpv4,
        anyIpv6,
        sources,
      ]),
      ...only(rows, "source").map((row) => row.prefix),
    ];
  };
  const linkLocal = "fe80::ff:fe00:1/128";
  const both = "10.0.0.0/24, 'fd00::/64'";
  assert.deepEqual(sourcesOf("", ""), [null, null, true, true, true, linkLocal]);
  assert.deepEqual(sourcesOf("", both), [
    null,
    null,
    false,
    false,
    true,
    "10.0.0.0/24",
    "fd00::/64",
    linkLocal,
  ]);
  assert.deepEqual(sourcesOf(", addresses: [10.0.0.1]", both), [
    "10.0.0.1",
    null,
    false,
    false,
    true,
    linkLocal,
  ]);
  assert.deepEqual(sourcesOf(", addresses: ['fd00::1', 10.0.0.1, 10.0.0.9]", both), [
    "10.0.0.1",
    "fd00::1",
    false,
    false,
    true,
    "10.0.0.9/32",
    linkLocal,
  ]);
  assert.deepEqual(sourcesOf(", allowedAddresses: ['::/0', 10.9.0.0/16]", both), [
    null,
    null,
    false,
    true,
    true,
    "10.9.0.0/16",
    linkLocal,
  ]);
  assert.deepEqual(sourcesOf(", addresses: [10.0.0.1], allowedAddresses: [10.0.0.1/32]", both), [
    "10.0.0.1",
    null,
    false,
    false,
    true,
    linkLocal,
  ]);
});
