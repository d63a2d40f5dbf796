/** Labs as their users meet them: built, seen, side by side, broken, and gone without a trace. Needs root. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { labPaths } from "../../src/lab/paths.ts";
import {
  cleanly,
  foreignIntent,
  labName,
  type Run,
  remainsOf,
  run,
  WEFT,
  weft,
  weftKilledAfter,
  weftSignalled,
  withIntent,
} from "./weft.ts";

const ping = (namespace: string, address: string): Run =>
  run("ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "2", address);

for (const underlay of ["ipv4", "ipv6"] as const)
  test(`foreign hosts over ${underlay} are kernel peers that reach each other`, async () => {
    const name = labName(`peers-${underlay}`);
    await withIntent({ "all.yaml": foreignIntent(underlay) }, (directory) =>
      cleanly(name, () => {
        const up = weft("lab", "up", directory, "--name", name);
        assert.equal(up.exit, 0, up.err);
        for (const network of ["red", "blue"])
          for (const address of ["10.0.0.2", "fd00::2"]) {
            const answer = ping(`weft-${name}-port_org_${network}-1`, address);
            assert.equal(answer.exit, 0, `${network} ${address}: ${answer.out}${answer.err}`);
          }
        const links = run("ip", "-n", `weft-${name}-host_h1`, "-d", "link", "show", "vx20001");
        assert.match(links.out, /vxlan id 20001 /);
        assert.match(links.out, underlay === "ipv6" ? /udp6zerocsumrx/ : /local 192\.0\.2\.1 /);
        assert.match(links.out, underlay === "ipv4" ? / mtu 1550 / : / mtu 1530 /);
      }),
    );
  });

test("status names everything in the promised shape", async () => {
  const name = labName("status");
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(name, () => {
      assert.equal(weft("lab", "up", directory, "--name", name).exit, 0);
      const answer = weft("lab", "status", name, "--json");
      assert.equal(answer.exit, 0, answer.err);
      const { hosts, ports, ...lab } = JSON.parse(answer.out);
      assert.deepEqual(lab, {
        name,
        directory,
        ready: true,
        underlay: {
          namespace: `weft-${name}-underlay`,
          bridge: "br0",
          mtu: 1600,
          freeAddresses: [
            ...["192.0.2.254", "192.0.2.253", "192.0.2.252", "192.0.2.251"],
            ...["2001:db8::fffe", "2001:db8::fffd", "2001:db8::fffc", "2001:db8::fffb"],
          ],
          spines: [],
        },
      });
      assert.equal(hosts.length, 2);
      assert.deepEqual(hosts[1], {
        name: "h2",
        managed: false,
        namespace: `weft-${name}-host_h2`,
        uplinks: [
          {
            interface: "uplink0",
            mac: "02:57:00:01:00:00",
            addresses: ["192.0.2.2", "2001:db8::2"],
          },
        ],
        vteps: ["192.0.2.2", "2001:db8::2"],
        agent: null,
      });
      assert.equal(ports.length, 4);
      assert.deepEqual(ports[3], {
        port: "org/red-2",
        tenant: "org",
        network: "red",
        host: "h2",
        namespace: `weft-${name}-port_org_red-2`,
        interface: "eth0",
        hostInterface: "p3",
        mac: "02:00:00:00:00:02",
        addresses: ["10.0.0.2", "fd00::2"],
        encapsulations: ["vxlan"],
        vni: 20001,
        gateways: [],
      });
      const link = run("ip", "-n", `weft-${name}-host_h2`, "link", "show", "uplink0");
      assert.match(link.out, /02:57:00:01:00:00/, "the MAC that status names is the link's");
    }),
  );
});

test("two labs of one intent live side by side, and one goes without the other", async () => {
  const [one, two] = [labName("one"), labName("one-two")];
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(two, () =>
      cleanly(one, () => {
        for (const name of [one, two])
          assert.equal(weft("lab", "up", directory, "--name", name).exit, 0);
        const listed = weft("lab", "list").out;
        for (const name of [one, two]) assert.match(listed, new RegExp(`^${name} +up `, "m"));
        for (const name of [one, two])
          mkdirSync(`${labPaths(name).hosts}/both`, { recursive: true });
        const either = weft("status", "--host", "both");
        assert.match(either.err, /several labs have a host both: name one with --lab/);
        assert.equal(either.exit, 2, "bad usage, and nothing that cannot be reached");
        assert.equal(weft("status", "--host", "both", "--lab", one).exit, 3);
        assert.equal(weft("lab", "down", one).exit, 0);
        assert.equal(ping(`weft-${two}-port_org_red-1`, "10.0.0.2").exit, 0);
        assert.deepEqual(remainsOf(one).namespaces, []);
      }),
    ),
  );
});

test("a name that is taken is refused, with the command that frees it", async () => {
  const name = labName("taken");
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(name, () => {
      assert.equal(weft("lab", "up", directory, "--name", name).exit, 0);
      const again = weft("lab", "up", directory, "--name", name);
      assert.equal(again.exit, 2);
      assert.match(again.err, new RegExp(`weft lab down ${name}`));
      assert.equal(ping(`weft-${name}-port_org_red-1`, "10.0.0.2").exit, 0);
    }),
  );
});

test("a lab up that is killed at any moment leaves nothing that lab down does not find", async () => {
  const name = labName("killed");
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(name, async () => {
      let halves = 0;
      for (let ms = 250; ms < 650; ms += 50) {
        await weftKilledAfter(ms, "lab", "up", directory, "--name", name);
        if (remainsOf(name).files.length > 0) halves++;
        assert.equal(weft("lab", "down", name).exit, 0);
        const { namespaces, mounts, processes, files } = remainsOf(name);
        assert.deepEqual([...namespaces, ...mounts, ...processes, ...files], [], `after ${ms} ms`);
      }
      assert.ok(halves > 1, "some were killed after they had begun");
    }),
  );
});

test("an interrupt takes down what was built so far", async () => {
  const name = labName("interrupted");
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(name, async () => {
      const exit = await weftSignalled("SIGINT", () => remainsOf(name).namespaces.length > 0, [
        ...["lab", "up", directory, "--name", name],
      ]);
      assert.equal(exit, 130);
      assert.deepEqual(remainsOf(name).namespaces, []);
      assert.deepEqual(remainsOf(name).files, []);
    }),
  );
});

test("an intent with errors builds nothing and prints its findings", async () => {
  const name = labName("wrong");
  const wrong = foreignIntent().replace('"vni":20001', '"vni":20002');
  await withIntent({ "all.yaml": wrong }, (directory) =>
    cleanly(name, () => {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 1);
      assert.match(up.err, /all\.yaml:\d+:\d+: error number-duplicate/);
      assert.deepEqual(remainsOf(name).files, []);
      assert.deepEqual(remainsOf(name).namespaces, []);
    }),
  );
});

test("what fails half-way is taken down again", async () => {
  const name = labName("half");
  // A second interface of that name cannot be made: every namespace has its own "lo".
  const broken = foreignIntent().replaceAll("uplink0", "lo");
  await withIntent({ "all.yaml": broken }, (directory) =>
    cleanly(name, () => {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 4);
      assert.match(up.err, /link add lo /, "names the command that failed");
      assert.deepEqual(remainsOf(name).namespaces, []);
      assert.deepEqual(remainsOf(name).files, []);
    }),
  );
});

test("what lab.yaml may not hold is named; what it may hold is done", async () => {
  const name = labName("file");
  const files = { "all.yaml": foreignIntent(), "lab.yaml": "underlay: {mtv: 1700}" };
  await withIntent(files, (directory) =>
    cleanly(name, () => {
      const up = weft("lab", "up", directory, "--name", name);
      assert.equal(up.exit, 2);
      assert.match(up.err, /lab\.yaml: .*"mtv"/s);
    }),
  );
  const narrow = { ...files, "lab.yaml": "underlay: {mtu: 1700, ipv4Prefix: 30, ipv6Prefix: 120}" };
  await withIntent(narrow, (directory) =>
    cleanly(name, () => {
      assert.equal(weft("lab", "up", directory, "--name", name).exit, 0);
      const { underlay } = JSON.parse(weft("lab", "status", name, "--json").out);
      assert.equal(underlay.mtu, 1700);
      const fe = ["2001:db8::fe", "2001:db8::fd", "2001:db8::fc", "2001:db8::fb"];
      assert.deepEqual(underlay.freeAddresses, fe, "a /30 has no third address");
      const bridge = run("ip", "-n", `weft-${name}-underlay`, "link", "show", "br0");
      assert.match(bridge.out, / mtu 1700 /);
    }),
  );
});

test("a lab that is not there, and a user that is not root, are told so", async () => {
  const name = labName("none");
  assert.equal(weft("lab", "status", name).exit, 3);
  assert.equal(weft("matrix", name).exit, 3);
  assert.equal(weft("lab", "down", name).exit, 0, "there is nothing to remove, and nothing left");
  assert.equal(weft("lab", "down", "a/../b").exit, 2);
  assert.equal(weft("lab", "up", "/nowhere").exit, 2);
  const nobody = run("setpriv", "--reuid=65534", "--clear-groups", WEFT, "lab", "up", "/tmp");
  assert.equal(nobody.exit, 4, nobody.err);
  assert.match(nobody.err, /not root/);
});

test("matrix finds each pair of a network of kernel peers open", async () => {
  const name = labName("kernel");
  await withIntent({ "all.yaml": foreignIntent() }, (directory) =>
    cleanly(name, () => {
      assert.equal(weft("lab", "up", directory, "--name", name).exit, 0);
      const matrix = weft("matrix", name, "--json", "--protocol", "arp,icmp,tcp,udp");
      assert.equal(matrix.exit, 0, matrix.err + matrix.out);
      const { probes, summary } = JSON.parse(matrix.out);
      // Two networks of two: nobody could say that a foreign host sent what does not arrive.
      assert.deepEqual(summary, { total: 16, asIntended: 16, wrong: 0, unproven: 0 });
      assert.deepEqual(probes[0], {
        from: "org/blue-1",
        to: "org/blue-2",
        protocol: "arp",
        port: null,
        intended: "allow",
        observed: "allow",
        control: null,
        verdict: null,
      });
      const cut = run("ip", "-n", `weft-${name}-host_h1`, "link", "set", "vx20001", "down");
      assert.equal(cut.exit, 0, cut.err);
      const after = weft("matrix", name, "--json", "--protocol", "icmp");
      assert.equal(after.exit, 1);
      assert.equal(JSON.parse(after.out).summary.unproven, 2, "red, both ways");
      const workload = `weft-${name}-port_org_red-1`;
      assert.equal(run("ip", "-n", workload, "link", "delete", "eth0").exit, 0);
      const without = weft("matrix", name);
      assert.equal(without.exit, 3, "the lab is not what it was");
      assert.match(without.err, new RegExp(`interface eth0 in ${workload}: ENODEV`));
    }),
  );
});
