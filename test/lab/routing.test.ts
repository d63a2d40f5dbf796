/**
 * Routed networks as their workloads see them, with the tools that they have, and as the underlay sees them. The
 * tenants use the same addresses (routing-lab.ts). Needs root.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  addressOf,
  FOREIGN,
  GATEWAYS,
  macOf,
  numbersOf,
  RoutingLab,
  routerMacOf,
  routingIntent,
  type TenantName,
} from "./routing-lab.ts";
import { labName, type Remains, type Run, remainsOf, run, weft, withIntent } from "./weft.ts";

const GATEWAY_MAC = "06:77:65:66:74:01";
const FAMILIES = ["ipv4", "ipv6"] as const;

const lab = new RoutingLab(labName("routing"));

/** Leaves the lab down, and holds the machine to what it was before, whatever the tests did. */
describe("routed networks", () => {
  let was: Remains;
  let done: () => void = () => undefined;
  let gone: Promise<void> = Promise.resolve();
  before(async () => {
    was = remainsOf(lab.name);
    await new Promise<void>((up) => {
      gone = withIntent({ "all.yaml": routingIntent() }, async (directory) => {
        const built = weft("lab", "up", directory, "--name", lab.name);
        assert.equal(built.exit, 0, built.err);
        up();
        await new Promise<void>((settle) => {
          done = settle;
        });
      });
    });
  });
  after(async () => {
    done();
    await gone;
    assert.equal(weft("lab", "down", lab.name).exit, 0);
    assert.deepEqual(remainsOf(lab.name), was);
  });

  test("every pair of every tenant comes out as intended", () => {
    const matrix = weft("matrix", lab.name, "--json", "--protocol", "arp,icmp,tcp,udp");
    assert.equal(matrix.exit, 0, weft("matrix", lab.name).out);
    const { summary } = JSON.parse(matrix.out);
    assert.deepEqual(summary, {
      ...{ total: summary.total, asIntended: summary.total },
      ...{ wrong: 0, unproven: 0 },
    });
  });

  describe("ping", () => {
    /** What is left of 64 hops: one is spent where a packet is routed. */
    for (const [tenant, from, to, left, how] of [
      ["sym", "l1", "r1", 63, "on one host"],
      ["sym", "l1", "r2", 62, "symmetric: routed at both ends"],
      ["gre", "l1", "r2", 62, "symmetric, NVGRE"],
      ["asym", "l1", "r2", 63, "asymmetric: routed where it comes from; VXLAN there, NVGRE back"],
      ["cent", "l1", "r2", 63, "centralized: routed on the gateway's host"],
      ["cent", "l1", "r1", 63, "centralized, though both are on one host"],
      ["kernel", "r1", "l4", 63, "to a foreign host"],
      ["kernel", "l4", "r2", 63, "from a foreign host"],
    ] as const)
      for (const family of FAMILIES)
        test(`${tenant} ${from} to ${to}, ${family}: ${how}`, () => {
          const answer = lab.ping(`${tenant}/${from}`, addressOf(to, family));
          assert.match(answer.out, / 0% packet loss/, answer.out + answer.err);
          // What is seen is the reply, which comes back the same way.
          assert.deepEqual(hopsIn(answer), [left, left]);
        });

    for (const family of FAMILIES)
      test(`a gateway answers, one hop away, ${family}`, () => {
        for (const port of ["sym/l1", "cent/l1", "kernel/l4"]) {
          const answer = lab.ping(port, GATEWAYS.left[family]);
          assert.match(answer.out, / 0% packet loss/, `${port}: ${answer.out}`);
          assert.deepEqual(hopsIn(answer), [64, 64], port);
        }
        // The other network's as well: the router is one.
        assert.match(lab.ping("sym/l1", GATEWAYS.right[family]).out, / 0% packet loss/);
      });
  });

  describe("traceroute", () => {
    for (const [tenant, from, to, family, hops, how] of [
      ["sym", "l1", "r1", "ipv4", ["10.1.0.254", "10.2.0.1"], "the gateway, the target"],
      ["sym", "l1", "r1", "ipv6", ["fd00:1::fe", "fd00:2::1"], "the gateway, the target"],
      [
        ...(["sym", "l1", "r2", "ipv4", ["10.1.0.254", "10.2.0.254", "10.2.0.2"]] as const),
        "symmetric: the gateway here, the gateway there, the target",
      ],
      [
        ...(["sym", "l1", "r2", "ipv6", ["fd00:1::fe", "fd00:2::fe", "fd00:2::2"]] as const),
        "symmetric: the gateway here, the gateway there, the target",
      ],
      ["asym", "l1", "r2", "ipv4", ["10.1.0.254", "10.2.0.2"], "the gateway here, the target"],
      ["cent", "l1", "r2", "ipv4", ["10.1.0.254", "10.2.0.2"], "the one gateway, the target"],
    ] as const) {
      test(`${tenant} ${from} to ${to}, ${family}: ${how}`, () => {
        assert.deepEqual(traceroute(`${tenant}/${from}`, addressOf(to, family)), hops);
      });
      test(`mtr says the same of ${tenant} ${from} to ${to}, ${family}`, () => {
        const words = [
          "--report",
          "--json",
          "--no-dns",
          "--report-cycles",
          "2",
          "--gracetime",
          "1",
          "--interval",
        ];
        const done = lab.exec(`${tenant}/${from}`, "mtr", ...words, "0.2", addressOf(to, family));
        assert.equal(done.exit, 0, done.err);
        const { report } = JSON.parse(done.out);
        const seen = report.hubs.map(({ host }: { host: string }) => host);
        assert.deepEqual(seen, hops);
        assert.deepEqual(
          new Set(report.hubs.map((hub: { "Loss%": number }) => hub["Loss%"])),
          new Set([0]),
        );
      });
    }
  });

  describe("iperf3", () => {
    for (const [tenant, from, to] of [
      ["sym", "l1", "r1"],
      ["sym", "l1", "r2"],
      ["asym", "l1", "r2"],
      ["gre", "l1", "r2"],
      ["cent", "l1", "r2"],
      ["kernel", "l4", "r2"],
    ] as const)
      test(`${tenant} ${from} to ${to}: TCP both ways, and UDP without loss`, () => {
        for (const reverse of [[], ["-R"]]) {
          const { end } = iperf(`${tenant}/${from}`, `${tenant}/${to}`, "-n", "200M", ...reverse);
          // The receiver ends with the sender, and counts nothing of what is still on its way.
          assert.ok(end.sum_sent.bytes >= 200_000_000, JSON.stringify(end.sum_sent));
          assert.ok(end.sum_received.bytes > 1_000_000, JSON.stringify(end.sum_received));
        }
        const udp = iperf(`${tenant}/${from}`, `${tenant}/${to}`, "-u", "-b", "20M", "-t", "1");
        assert.equal(udp.end.sum.lost_packets, 0);
        assert.ok(udp.end.sum.packets > 100);
      });
  });

  describe("the largest packet", () => {
    /** 1600 of the underlay, less what VXLAN or NVGRE over IPv4 takes: the network allows both. */
    const MTU = 1550;
    for (const [tenant, from, to] of [
      ["sym", "l1", "r1"],
      ["sym", "l1", "r2"],
      ["asym", "l1", "r2"],
      ["cent", "l1", "r2"],
    ] as const)
      for (const [family, headers] of [
        ["ipv4", 28],
        ["ipv6", 48],
      ] as const)
        test(`${tenant} ${from} to ${to}, ${family}: passes, one octet more is answered, or cut where it may be`, () => {
          const port = `${tenant}/${from}`;
          const size = (octets: number): readonly string[] => [
            "-M",
            "do",
            "-s",
            `${octets - headers}`,
          ];
          const mtu = mtuOf(tenant);
          const fits = lab.ping(port, addressOf(to, family), ...size(mtu));
          assert.match(fits.out, / 0% packet loss/, fits.out);
          widen(port, `${tenant}-${from}`, 1, () => {
            const over = lab.ping(port, addressOf(to, family), ...size(mtu + 1));
            assert.match(over.out + over.err, new RegExp(`mtu ?= ?${mtu}\\b`), over.out + over.err);
            assert.doesNotMatch(over.out, / 0% packet loss/);
            if (family === "ipv6") return;
            const cut = lab.ping(port, addressOf(to), "-M", "dont", "-s", String(mtu + 1000));
            assert.match(cut.out, / 0% packet loss/, "what may be fragmented is");
          });
        });

    /** What the workloads' own links have. */
    function mtuOf(tenant: TenantName): number {
      const shown = run("ip", "-n", lab.workload(`${tenant}/l1`), "link", "show", "eth0").out;
      const mtu = Number(/ mtu (\d+) /.exec(shown)?.[1]);
      assert.ok(mtu >= MTU, shown);
      return mtu;
    }
  });

  describe("on the wire", () => {
    const numbers = numbersOf;
    test("between networks on one host nothing leaves it", async () => {
      for (const family of FAMILIES) lab.ping("sym/l1", addressOf("r1", family));
      const sent = await lab.capture(1, "icmp || icmpv6.type == 128", ["frame.number"], () => {
        for (const family of FAMILIES) {
          const answer = lab.ping("sym/l1", addressOf("r1", family), "-c", "10");
          assert.match(answer.out, / 0% packet loss/);
        }
      });
      assert.deepEqual(sent, []);
    });

    test("questions for neighbours that are known do not leave the host", async () => {
      const { router: _, ...networks } = numbers("sym");
      const filter = `(arp || icmpv6.type == 135) && (${Object.values(networks)
        .map((vni) => `vxlan.vni == ${vni}`)
        .join(" || ")})`;
      const flooded = lab.counted(1, "flooded");
      const asked = await lab.capture(1, filter, ["frame.number"], () => {
        for (const family of FAMILIES)
          for (const address of [
            addressOf("l2", family),
            GATEWAYS.left[family],
            addressOf("r1", family),
          ]) {
            run("ip", "-n", lab.workload("sym/l1"), "neighbour", "flush", "dev", "eth0");
            assert.match(lab.ping("sym/l1", address).out, / 0% packet loss/, address);
          }
      });
      assert.deepEqual(asked, []);
      assert.equal(lab.counted(1, "flooded"), flooded, "nothing was flooded at all");
    });

    /** Outer and inner frames of l1 to r2 as h1 sends them. */
    const sentBy = async (
      tenant: TenantName,
      encapsulation: "vxlan" | "nvgre",
    ): Promise<readonly string[]> => {
      const number = encapsulation === "vxlan" ? "vxlan.vni" : "gre.key";
      const fields = [number, "eth.dst", "eth.src", "ip.ttl"];
      lab.ping(`${tenant}/l1`, addressOf("r2"));
      const filter = "icmp.type == 8 && ip.src == 192.0.2.1";
      const lines = await lab.capture(1, filter, fields, () =>
        lab.ping(`${tenant}/l1`, addressOf("r2")),
      );
      assert.ok(lines.length >= 2, "both requests are seen");
      const [first = ""] = lines;
      return first.split("\t").map((values) => values.split(",").at(-1) ?? "");
    };

    test("symmetric: the router's number, from router MAC to router MAC, one hop spent", async () => {
      const { router } = numbers("sym");
      const wanted = [`${router}`, routerMacOf(2), routerMacOf(1), "63"];
      assert.deepEqual(await sentBy("sym", "vxlan"), wanted);
    });

    test("symmetric in NVGRE: the same under a VSID", async () => {
      const key = `0x${numbers("gre").router.toString(16).padStart(6, "0")}`;
      const [vsid, ...macs] = await sentBy("gre", "nvgre");
      assert.equal(vsid?.slice(0, 8), key);
      assert.deepEqual(macs, [routerMacOf(2), routerMacOf(1), "63"]);
    });

    test("asymmetric: the destination's network and MAC, from the router MAC", async () => {
      const key = `0x${numbers("asym").right.toString(16).padStart(6, "0")}`;
      const [vsid, ...macs] = await sentBy("asym", "nvgre");
      assert.equal(vsid?.slice(0, 8), key);
      assert.deepEqual(macs, [macOf("r2"), routerMacOf(1), "63"]);
    });

    test("centralized: to the gateway under the source's network, from there to the destination's", async () => {
      const { left, right } = numbers("cent");
      lab.ping("cent/l1", addressOf("r2"));
      const fields = ["vxlan.vni", "ip.src", "ip.dst", "eth.dst"];
      const seen = await lab.capture(3, "icmp.type == 8", fields, () =>
        lab.ping("cent/l1", addressOf("r2")),
      );
      const ways = seen.map((line) => {
        const [vni, sources = "", targets = "", macs = ""] = line.split("\t");
        const [source, target] = [sources, targets].map((list) => list.split(",")[0]);
        return [vni, source, target, macs.split(",")[1]].join(" ");
      });
      const each = [
        `${left} 192.0.2.1 192.0.2.3 ${GATEWAY_MAC}`,
        `${right} 192.0.2.3 192.0.2.2 ${macOf("r2")}`,
      ];
      assert.deepEqual(ways, [...each, ...each]);
    });

    test("the gateway's MAC never comes out of a tunnel as a source", async () => {
      const filter = `eth.src == ${GATEWAY_MAC}`;
      const seen = await lab.capture(2, filter, ["frame.number"], () => {
        for (const tenant of ["sym", "asym", "cent", "gre"])
          lab.ping(`${tenant}/l1`, addressOf("r2"));
      });
      assert.deepEqual(seen, []);
    });
  });

  describe("a foreign host", () => {
    test("finds the gateway by ARP: one host answers, and one routes", async () => {
      run("ip", "-n", lab.workload("kernel/l4"), "neighbour", "flush", "dev", "eth0");
      const answers = await lab.capture(FOREIGN, "arp.opcode == 2", ["arp.src.proto_ipv4"], () => {
        const answer = lab.ping("kernel/l4", addressOf("r2"));
        assert.match(answer.out, / 0% packet loss/, answer.out);
        assert.doesNotMatch(answer.out, /DUP/);
      });
      const gateway = answers.filter((line) => line.includes(GATEWAYS.left.ipv4));
      assert.deepEqual(gateway, [GATEWAYS.left.ipv4]);
    });

    test("stays in its network with our ports", () => {
      for (const family of FAMILIES)
        assert.match(lab.ping("kernel/l4", addressOf("l1", family)).out, / 0% packet loss/);
    });
  });

  describe("routes beyond subnets", () => {
    before(() => {
      const box = lab.workload("forward/l2");
      for (const line of ["address add 10.50.1.1/32 dev lo", "address add 10.50.60.1/32 dev lo"])
        assert.equal(run("ip", "-n", box, ...line.split(" ")).exit, 0);
    });

    test("a route leads to a forwarding workload", () => {
      for (const port of ["forward/r1", "forward/l3"])
        assert.match(lab.ping(port, "10.50.1.1").out, / 0% packet loss/, port);
    });

    test("a longer one that says drop drops, and says nothing", () => {
      const dropped = lab.counted(1, "blackhole");
      const answer = lab.ping("forward/r1", "10.50.60.1", "-W", "1");
      assert.match(answer.out, / 100% packet loss/);
      assert.doesNotMatch(answer.out, /nreachable/);
      assert.equal(lab.counted(1, "blackhole"), dropped + 2);
    });

    test("where there is none, the gateway says so", () => {
      const answer = lab.ping("forward/r1", "10.70.0.1", "-W", "1");
      assert.match(answer.out, /From 10\.2\.0\.254 .*Destination Net Unreachable/);
      assert.match(lab.ping("forward/r1", "fd00:70::1").out, /From fd00:2::fe .*No route/);
    });
  });

  describe("leaks", () => {
    test("two tenants reach what they show each other, and nothing else", () => {
      assert.match(lab.ping("shop/r1", "10.4.0.1").out, / 0% packet loss/);
      assert.match(lab.ping("desk/r1", "10.3.0.1").out, / 0% packet loss/);
      // Each has its own 10.1.0.1: the answer is for itself, and not for the other's packet.
      for (const [port, address] of [
        ["shop/l1", "10.4.0.1"],
        ["desk/l1", "10.3.0.1"],
      ] as const)
        assert.match(lab.ping(port, address, "-W", "1").out, / 100% packet loss/, port);
      assert.match(lab.ping("sym/l1", "10.3.0.1", "-W", "1").out, / 100% packet loss/);
    });
  });
});

/** TTLs or hop limits in what ping says. */
const hopsIn = ({ out }: Run): readonly number[] =>
  [...out.matchAll(/ ttl=(\d+) /g)].map(([, ttl]) => Number(ttl));

/** Who answers at each hop, in order. */
function traceroute(port: string, address: string): readonly string[] {
  const done = lab.exec(
    port,
    "traceroute",
    "-n",
    "-q",
    "1",
    "-w",
    "2",
    "-N",
    "1",
    "-m",
    "5",
    address,
  );
  assert.equal(done.exit, 0, done.err);
  return [...done.out.matchAll(/^ *\d+ +(\S+)/gm)].map(([, hop = ""]) => hop);
}

interface Iperf {
  readonly end: {
    readonly sum_sent: { readonly bytes: number };
    readonly sum_received: { readonly bytes: number };
    readonly sum: { readonly lost_packets: number; readonly packets: number };
  };
}

/** One run of iperf3 from `from` to `to` ("tenant/name"). */
function iperf(from: string, to: string, ...options: readonly string[]): Iperf {
  const pidFile = `/run/weft/lab/${lab.name}/iperf.pid`;
  const server = lab.exec(to, "iperf3", "--server", "--one-off", "--daemon", "--pidfile", pidFile);
  assert.equal(server.exit, 0, server.err);
  // The daemon may not listen yet.
  const listens = (): boolean => lab.exec(to, "ss", "-Hltn", "sport = :5201").out !== "";
  for (let tries = 0; tries < 100 && !listens(); tries++) run("sleep", "0.05");
  const target = addressOf(to.split("/")[1] ?? "");
  const done = lab.exec(from, "iperf3", "--client", target, "--json", ...options);
  assert.equal(done.exit, 0, done.out);
  return JSON.parse(done.out);
}

/** Lets a workload send packets larger than its network carries, while `use` runs. */
function widen(port: string, hostInterface: string, hostNumber: number, use: () => void): void {
  const ends = [
    ["-n", lab.host(hostNumber), "link", "set", hostInterface],
    ["-n", lab.workload(port), "link", "set", "eth0"],
  ];
  const before = ends.map(([, space = "", , , device = ""]) =>
    Number(/ mtu (\d+) /.exec(run("ip", "-n", space, "link", "show", device).out)?.[1]),
  );
  for (const end of ends) assert.equal(run("ip", ...end, "mtu", "9000").exit, 0);
  try {
    use();
  } finally {
    for (const [i, end] of ends.entries()) run("ip", ...end, "mtu", String(before[i]));
    run("ip", "-n", lab.workload(port), "route", "flush", "cache");
  }
}
