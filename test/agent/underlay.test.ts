/**
 * Several ways between two hosts, and several tunnel addresses on each: next hops by the kernel's routes, what is left
 * when one is lost, and what status says of it. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, test } from "node:test";
import { eventually, Fabric, type HostName, type Status, sleep } from "./fabric.ts";
import { buildFlows, RATE, Traffic } from "./traffic.ts";

const HOSTS: readonly HostName[] = ["h1", "h2"];

let flows = "";
before(() => {
  flows = buildFlows();
});

/** Of the path to the other host: interface, weight, state. */
function hopsOf({ underlay: { paths } }: Status): readonly (readonly (string | number)[])[] {
  assert.equal(paths.length, 1);
  return (paths[0]?.nextHops ?? []).map((hop) => [hop.interface, hop.weight, hop.state]);
}

const lostOf = ({ underlay: { lost } }: Status): readonly string[] =>
  lost.map(({ interface: device, address, state, hosts }) =>
    [device, address, state, ...hosts].join(" "),
  );

const isWhole = ({ underlay: { lost, paths } }: Status): boolean =>
  lost.length === 0 && paths.every(({ width }) => width === 2);

/** Traffic of tenant a both ways while `event` happens; what of it was lost, and nothing else may be wrong with it. */
async function lostDuring(fabric: Fabric, event: () => Promise<unknown>): Promise<number> {
  await eventually(() => assert.ok(fabric.pings("a1", 2)));
  const traffic = await Traffic.start(fabric, "a", flows);
  await sleep(500);
  await event();
  await sleep(1000);
  const { sent, lost, ...bad } = await traffic.stop();
  assert.deepEqual(bad, { duplicated: 0, reordered: 0, errors: 0 }, `of ${sent} sent`);
  return lost;
}

for (const underlay of ["ipv4", "ipv6"] as const)
  test(`${underlay}: a route's next hops, their weights and MTU are told`, async (t) => {
    const fabric = await Fabric.running(t, { underlay, spines: [3, 1] });
    const status = await fabric.status("h1");
    assert.deepEqual(hopsOf(status), [
      ["up0", 3, "up"],
      ["up1", 1, "up"],
    ]);
    const [path] = status.underlay.paths;
    assert.deepEqual([path?.width, path?.routeWidth, path?.mtu], [2, 2, 1600]);
    assert.deepEqual(status.underlay.lost, []);
    await eventually(() => assert.ok(fabric.pings("a1", 2)));
  });

for (const underlay of ["ipv4", "ipv6"] as const)
  for (const [how, kill, named] of [
    [
      "its links go dark",
      (fabric: Fabric): void => {
        for (const host of HOSTS) fabric.ip("s0", `link set to-${host} down`);
      },
      (status: Status): boolean =>
        /^up0 \S+ link-down h\d$/.test(lostOf(status).join()) &&
        status.underlay.uplinks.some((u) => u.interface === "up0" && u.state === "link-down"),
    ],
    [
      "it is gone, and the links with it",
      (fabric: Fabric): void => {
        execFileSync("ip", ["netns", "delete", fabric.namespace("s0")]);
      },
      (status: Status): boolean =>
        /^up0 \S+ link-gone h\d$/.test(lostOf(status).join()) &&
        status.underlay.uplinks.some((u) => u.interface === "up0" && u.state === "missing"),
    ],
  ] as const)
    test(`${underlay}: one of two spines killed, ${how}: less than a second of packets, and named`, async (t) => {
      const fabric = await Fabric.running(t, { underlay, spines: [1, 1] });
      const lost = await lostDuring(fabric, async () => {
        kill(fabric);
        for (const host of HOSTS) await fabric.until(host, "named", named);
      });
      t.diagnostic(`${lost} lost`);
      // Of both ways together half went by that spine: a second of it.
      assert.ok(lost < RATE, `${lost} lost`);
      for (const host of HOSTS) {
        const status = await fabric.status(host);
        assert.deepEqual([status.unreachableHosts, status.underlay.paths[0]?.width], [[], 1]);
      }
    });

test("a next hop that does not answer any more leaves the set, and comes back when it does", async (t) => {
  const fabric = await Fabric.running(t, { spines: [1, 1] });
  const silent = (on: boolean): string =>
    fabric.exec("s0", "sysctl", "-qw", `net.ipv4.conf.to-h1.arp_ignore=${on ? 8 : 0}`);
  const lost = await lostDuring(fabric, async () => {
    silent(true);
    fabric.ip("h1", "neighbour change 10.0.0.2 dev up0 nud probe");
    const status = await fabric.until("h1", "lost", (s) => s.underlay.lost.length > 0, 20_000);
    assert.match(lostOf(status).join(), /^up0 10\.0\.0\.2 (failed|unresolved) h2$/);
    assert.equal(status.underlay.paths[0]?.width, 1);
    silent(false);
    await fabric.until("h1", "whole again", isWhole, 20_000);
  });
  // It would have forwarded all the time.
  assert.equal(lost, 0);
});

test("an uplink that is down when the agent starts keeps it from nothing", async (t) => {
  const fabric = Fabric.make(t, { spines: [1, 1] });
  fabric.ip("h1", "link set up1 down");
  await Promise.all(HOSTS.map((host) => fabric.start(host).ready()));
  const status = await fabric.status("h1");
  assert.deepEqual(
    status.problems.map(({ code }) => code),
    ["uplink-down"],
  );
  await eventually(() => assert.ok(fabric.pings("a1", 2)));
  await t.test("and is used as soon as it is up", async () => {
    fabric.ip("h1", "link set up1 up");
    // Who goes down loses his part of an IPv4 route, and does not get it back by himself.
    fabric.ip(
      "h1",
      "route replace 192.0.2.2 nexthop via 10.0.0.2 dev up0 nexthop via 10.1.0.2 dev up1",
    );
    await fabric.until("h1", "whole", isWhole);
  });
});

for (const underlay of ["ipv4", "ipv6"] as const)
  test(`${underlay}: without agents, a next hop's other MAC is found by the kernel`, async (t) => {
    const fabric = await Fabric.running(t, {
      ...{ underlay, spines: [1, 1] },
      agent: ["--fresh-seconds", "1"],
    });
    // Workloads know one another; who must ask meanwhile asks by the last MAC that the agents knew.
    await eventually(() => assert.ok(fabric.pings("a1", 2)));
    await Promise.all(HOSTS.map((host) => fabric.agent(host).stop("SIGKILL")));
    await sleep(1200);
    for (const host of HOSTS) {
      // The spine says so himself, as one does that takes over an address.
      fabric.exec("s0", "sysctl", "-qw", `net.ipv4.conf.to-${host}.arp_notify=1`);
      fabric.exec("s0", "sysctl", "-qw", `net.ipv6.conf.to-${host}.ndisc_notify=1`);
      fabric.ip("s0", `link set to-${host} address 02:00:00:00:ff:9${host === "h1" ? 1 : 2}`);
    }
    const lost = await lostDuring(fabric, async () => undefined);
    assert.equal(lost, 0, "after the kernel has heard of it");
  });

test("agents killed and started again: every flow stays on its way", async (t) => {
  const fabric = await Fabric.running(t, { spines: [1, 1] });
  // So that slots are as they became, and not as they would be made.
  for (const [h, host] of HOSTS.entries()) {
    const hop = (s: number, weight: number): string =>
      `nexthop via 10.${s}.${h}.2 dev up${s} weight ${weight}`;
    fabric.ip(host, `route replace 192.0.2.${2 - h} ${hop(0, 3)} ${hop(1, 1)}`);
    await fabric.until(host, "weighed", (s) => hopsOf(s)[0]?.[1] === 3);
  }
  const lost = await lostDuring(fabric, async () => {
    for (const host of HOSTS) await fabric.agent(host).stop("SIGKILL");
    await Promise.all(HOSTS.map((host) => fabric.start(host).ready()));
  });
  assert.equal(lost, 0);
  for (const host of HOSTS) {
    const { writes } = await fabric.status(host);
    // Adjacencies are vouched for anew; nothing else is written.
    assert.deepEqual([writes.set <= 2, writes.removed], [true, 0], JSON.stringify(writes));
  }
});

test("a tunnel address to which there is no way: another of the host's is used, and that is told", async (t) => {
  const fabric = await Fabric.running(t, { spines: [1, 1], vteps: 2 });
  const lost = await lostDuring(fabric, async () => {
    fabric.ip("h1", "route delete 192.0.2.12");
    const status = await fabric.until("h1", "told", (s) =>
      s.underlay.paths.some(({ instead }) => instead !== null),
    );
    const path = status.underlay.paths.find(({ instead }) => instead !== null);
    assert.deepEqual(
      [path?.remote, path?.instead, path?.routeWidth, status.unreachableHosts],
      ["192.0.2.12", "192.0.2.2", 0, []],
    );
  });
  assert.ok(lost < RATE, `${lost} lost`);
});
