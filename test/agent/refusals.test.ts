/** What an agent refuses to start on: the exit code, the words, and that nothing was touched. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { machine } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type AgentProcess, Fabric, sleep } from "./fabric.ts";

interface Refusal {
  /** Spoils the fabric, and starts h1's agent if that takes other words than usual. */
  readonly given: (fabric: Fabric) => AgentProcess | undefined;
  readonly exit: number;
  readonly says: readonly RegExp[];
}

const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const edit = (fabric: Fabric, change: (fabric: Fabric) => void): undefined => {
  change(fabric);
  fabric.write();
};
const write = (fabric: Fabric, text: string): undefined => {
  fabric.writeText(text);
};

const refusals: Readonly<Record<string, Refusal>> = {
  "not root": {
    given: (f) => f.startThrough("h1", nobody),
    exit: 4,
    says: [/weft agent: not root/],
  },
  "a kernel without tcx": {
    given: (f) => f.startThrough("h1", ["setarch", machine(), "--uname-2.6"]),
    exit: 4,
    says: [/this kernel is Linux 2\.6\.\d+.*; tcx needs 6\.6 or later/],
  },
  "no such uplink": {
    given: (f) =>
      edit(f, () => {
        f.document("Host", "h1").spec.uplinks = [{ interface: "up7", mtu: 1600 }];
      }),
    exit: 4,
    says: [/Host h1: uplink up7: this host has no interface up7/, /fix: .*spec\.uplinks/],
  },
  "an uplink that is down": {
    given: (f) => void f.ip("h1", "link set up0 down"),
    exit: 4,
    says: [/uplink up0: the interface is down/, /fix: ip link set up0 up/],
  },
  "an uplink of too small an MTU": {
    given: (f) => void f.ip("h1", "link set up0 mtu 1500"),
    exit: 4,
    says: [/its MTU is 1500, the intent counts on 1600/, /fix: set the interface's MTU to 1600/],
  },
  "pins that are on no bpffs": {
    given: (f) => f.start("h1", "--pins", join(f.directory, "pins")),
    exit: 4,
    says: [/is not on a bpffs/, /mount -t bpf bpf \S+\/pins/, /--pins/],
  },
  "no datapath": {
    given: (f) => f.start("h1", "--objects", f.directory),
    exit: 4,
    says: [/no datapath in \S+ \(from-port\.bpf\.o is missing\)/, /scripts\/setup\.sh/],
  },
  "a datapath that is none": {
    given: (f) => {
      for (const name of ["from-port", "from-underlay", "from-slow-path", "idle-device", "sweep"])
        writeFileSync(join(f.directory, `${name}.bpf.o`), "no object");
      return f.start("h1", "--objects", f.directory);
    },
    exit: 4,
    says: [/open \S+from-port\.bpf\.o/],
  },
  "a host that is not in the intent": {
    given: (f) => f.start("h1", "--host", "h7"),
    exit: 2,
    says: [/--host h7: it is not in the intent \(managed hosts: h1, h2\)/],
  },
  "a host that is not managed": {
    given: (f) =>
      edit(f, () => {
        f.document("Host", "h1").spec.managed = false;
        for (const tenant of ["a", "b"] as const)
          f.document("Port", "p1", tenant).spec.interface = undefined;
      }),
    exit: 2,
    says: [/--host h1: it is not managed by weft \(managed hosts: h2\)/],
  },
  "no intent": {
    given: (f) => void rmSync(join(f.intent, "all.yaml")),
    exit: 2,
    says: [/the directory has no \*\.yaml/],
  },
  "no YAML": {
    given: (f) => write(f, "{kind: Fabric"),
    exit: 1,
    says: [
      /^\S+all\.yaml:1:14: error yaml-syntax: .* \(fix: add what is missing\)$/m,
      /1 error in the intent: nothing is applied/,
    ],
  },
  "an unknown field": {
    given: (f) =>
      edit(f, () => {
        f.document("Port", "p1", "a").spec.adresses = [];
      }),
    exit: 1,
    says: [/unknown-field/, /adresses/, /Port a\/p1/, /addresses/, /nothing is applied/],
  },
  "one number for two networks": {
    given: (f) =>
      edit(f, () => {
        f.document("Network", "net", "b").spec.vni = 11000;
      }),
    exit: 1,
    says: [/number-duplicate/, /Network b\/net/, /11000/],
  },
  "a VSID that NVGRE forbids": {
    given: (f) =>
      edit(f, () => {
        f.document("Network", "net", "b").spec.encapsulations = ["nvgre"];
        f.document("Network", "net", "b").spec.vni = 4095;
      }),
    exit: 1,
    says: [/number-reserved/, /Network b\/net/, /4095/],
  },
};

test("refusals", async (t) => {
  for (const [what, { given, exit, says }] of Object.entries(refusals))
    await t.test(what, async (t) => {
      const fabric = Fabric.make(t);
      const before = fabric.links("h1").map(({ ifname, flags }) => ({ ifname, flags }));
      const port = fabric.link("h1", "port-a");
      const agent = given(fabric) ?? fabric.start("h1");
      assert.equal(await agent.exited, exit, agent.err);
      for (const words of says) assert.match(agent.err, words);
      assert.doesNotMatch(agent.err, /^\s+at /m, "a stack is no explanation");
      assert.equal(agent.out, "");
      const after = fabric.links("h1").map(({ ifname, flags }) => ({ ifname, flags }));
      const uplink = (links: typeof before): typeof before =>
        links.filter((l) => l.ifname !== "up0");
      assert.deepEqual(uplink(after), uplink(before));
      assert.deepEqual(fabric.link("h1", "port-a"), port);
      assert.deepEqual(linksUnder(join(fabric.directory, "bpf")), [], "something is attached");
    });
});

/** Names of pinned links, in whatever host's directory. */
function linksUnder(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    /links\/./.test(path),
  );
}

test("a second agent on the same directories is refused, and names the first", async (t) => {
  const fabric = await Fabric.running(t);
  const first = fabric.agent("h1");
  for (const words of [
    [],
    ["--run", join(fabric.directory, "other"), "--state", join(fabric.directory, "other")],
    ["--pins", join(fabric.directory, "bpf", "other"), "--run", join(fabric.directory, "other")],
  ]) {
    const second = fabric.start("h1", ...words);
    assert.equal(await second.exited, 4);
    assert.match(second.err, new RegExp(`is in use by process ${first.pid}\\b`));
  }
  assert.equal((await fabric.status("h1")).pid, first.pid);
  assert.ok(fabric.pings("a1", 2));
  first.kill();
  await first.exited;
  await fabric.start("h1").ready();
});

test("a foreign vxlan device has the port: no idle device, and traffic", async (t) => {
  const fabric = Fabric.make(t);
  fabric.ip("h1", "link add vx9 type vxlan id 9 dstport 4789 local 192.0.2.1");
  fabric.ip("h1", "link set vx9 up");
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  assert.deepEqual((await fabric.status("h1")).idleDevice, { at: "foreign", name: "vx9" });
  assert.equal(fabric.link("h1", "weft-idle4789"), null);
  assert.ok(fabric.pings("a1", 2));
  await t.test("it goes: ours comes", async () => {
    fabric.ip("h1", "link delete vx9");
    await fabric.until("h1", "the idle device", (s) => s.idleDevice?.at === "ready");
  });
  await t.test("another comes: ours gives way, and never without its program", async () => {
    fabric.ip("h1", "link add vx8 type vxlan id 8 dstport 4789 local 192.0.2.1");
    await fabric.until("h1", "it is seen", (s) => s.idleDevice?.at === "foreign");
    assert.equal(fabric.link("h1", "weft-idle4789"), null);
    fabric.ip("h1", "link set vx8 up");
    assert.ok(fabric.pings("a1", 2));
    fabric.ip("h1", "link delete vx8");
  });
  await t.test("the fabric changes its port: the old device goes", async () => {
    await fabric.until("h1", "ours again", (s) => s.idleDevice?.at === "ready");
    fabric.document("Fabric", "f").spec.vxlanPort = 4790;
    fabric.write();
    const names = (): readonly string[] =>
      fabric
        .links("h1")
        .map((l) => l.ifname)
        .filter((name) => name.startsWith("weft-idle"));
    await fabric.until("h1", "the new device", () => names().join() === "weft-idle4790");
  });
});

test("a plain socket has the port: traffic without the idle device, and no storm", async (t) => {
  const fabric = Fabric.make(t);
  const program =
    "import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(('0.0.0.0',4789))\nprint(1,flush=True)\ntime.sleep(60)";
  const holder = spawn(
    "nsenter",
    [`--net=/run/netns/${fabric.namespace("h1")}`, "/usr/bin/python3", "-c", program],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  t.after(() => holder.kill("SIGKILL"));
  await new Promise((settle) => holder.stdout.once("data", settle));
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  assert.deepEqual((await fabric.status("h1")).idleDevice, { at: "occupied" });
  assert.ok(fabric.pings("a1", 2));
  const indexNow = (): number => {
    fabric.ip("h1", "link add probe type veth peer name eborp");
    const index = fabric.link("h1", "probe")?.ifindex ?? 0;
    fabric.ip("h1", "link delete probe");
    return index;
  };
  await sleep(500);
  const before = indexNow();
  await sleep(2000);
  assert.equal(indexNow() - before, 2, "devices come and go all the time");
});
