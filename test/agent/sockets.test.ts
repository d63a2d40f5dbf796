/** The agent's two sockets, and the commands that talk to them. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createConnection } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { eventually, Fabric, sleep, WEFT } from "./fabric.ts";
import { bpftool } from "./variant.ts";

const socket = (fabric: Fabric, name: "read" | "admin"): string =>
  join(fabric.run("h1"), `${name}.sock`);

interface Answer {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

function weft(fabric: Fabric, ...words: readonly string[]): Answer {
  const done = spawnSync(WEFT, [...words, "--socket", socket(fabric, "read")], {
    encoding: "utf8",
  });
  return { exit: done.status, out: done.stdout, err: done.stderr };
}

/** Gives workload a1 an address that is not its own, and sends from it. */
function spoof(fabric: Fabric, packets: number): void {
  fabric.ip("a1", "address replace 10.1.0.99/24 dev eth0");
  fabric.ip("a1", "neighbour replace 10.1.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent");
  const words = ["-I", "10.1.0.99", "-q", "-c", String(packets), "-l", String(packets), "-W", "1"];
  const name = `--net=/run/netns/${fabric.namespace("a1")}`;
  spawnSync("nsenter", [name, "ping", ...words, "10.1.0.2"], { stdio: "ignore" });
}

interface Line {
  readonly lost?: number;
  readonly verdict?: string;
  readonly headersHex?: string;
}

/** A following `weft drops`. */
class Follower {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  err: string = "";
  #out: string = "";

  constructor(fabric: Fabric, ...words: readonly string[]) {
    const all = ["drops", "--follow", "--socket", socket(fabric, "read"), ...words];
    this.child = spawn(WEFT, all, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (part) => {
      this.#out += part;
    });
    this.child.stderr?.on("data", (part) => {
      this.err += part;
    });
    this.exited = new Promise((settle) => this.child.on("close", (code) => settle(code)));
  }

  get lines(): readonly string[] {
    return this.#out.split("\n").filter((line) => line !== "");
  }

  get records(): readonly Line[] {
    return this.lines.map((line) => JSON.parse(line));
  }
}

test("sockets are for root, and the one that only answers for group weft", async (t) => {
  const fabric = Fabric.make(t);
  const groups = join(fabric.directory, "group");
  writeFileSync(groups, "root:x:0:\nweftish:x:7:\nweft:x:4242:someone\n");
  const script = 'mount --bind "$0" /etc/group && exec "$@"';
  const through = ["unshare", "--mount", "sh", "-c", script, groups];
  const modes = (): readonly number[] =>
    (["read", "admin"] as const).flatMap((name) => {
      const { mode, uid, gid } = statSync(socket(fabric, name));
      return [mode & 0o777, uid, gid];
    });
  const agent = fabric.startThrough("h1", through);
  await eventually(() => assert.deepEqual(modes(), [0o660, 0, 4242, 0o600, 0, 0]), 15_000);
  assert.equal(statSync(fabric.run("h1")).mode & 0o777, 0o755);
  await agent.stop();
  assert.throws(() => statSync(socket(fabric, "read")), /ENOENT/);
});

test("requests to act are recorded with who asked; nothing that is asked ends the agent", async (t) => {
  const fabric = await Fabric.running(t);
  const agent = fabric.agent("h1");
  const raw = (name: "read" | "admin", text: string): Promise<string> =>
    new Promise((settle) => {
      const client = createConnection(socket(fabric, name));
      let answer = "";
      client.on("data", (part) => {
        answer += part;
      });
      client.on("error", (e) => settle(e.message));
      client.on("close", () => settle(answer));
      client.end(text);
    });
  assert.match(
    await raw("read", "GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    / 404 /,
  );
  assert.match(
    await raw("read", "POST /trace HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    / 404 /,
  );
  assert.match(await raw("read", "no HTTP at all\r\n\r\n"), / 400 /);
  assert.match(await raw("admin", post("nonsense")), / 400 /);
  assert.match(
    await raw("admin", post('{"ports":["a/none"]}')),
    / 404 .*no port a\/none on this host/s,
  );
  assert.match(await raw("admin", post('{"ports":["constructor"]}')), / 404 /);
  // A client that goes away in the middle of what it says.
  await raw("admin", "POST /trace HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  // As somebody else, whom we let in for this once.
  chmodSync(fabric.directory, 0o755);
  chmodSync(socket(fabric, "admin"), 0o666);
  const program = `import socket\ns=socket.socket(socket.AF_UNIX)\ns.connect(${JSON.stringify(socket(fabric, "admin"))})\ns.send(b"GET /status HTTP/1.0\\r\\n\\r\\n")\ns.recv(9)`;
  const nobody = [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "/usr/bin/python3",
    "-c",
    program,
  ];
  assert.equal(spawnSync("setpriv", nobody, { stdio: "inherit" }).status, 0);
  const asked = (): readonly Record<string, unknown>[] =>
    agent.log().filter((line) => line.event === "admin request");
  const told = (request: string, uid: number): boolean =>
    asked().some((line) => line.request === request && line.uid === uid);
  await eventually(() => assert.ok(told("GET /status", 65534), agent.err));
  assert.ok(told("POST /trace", 0));
  assert.ok(asked().some((line) => line.pid === process.pid));
  assert.ok(!asked().some((line) => line.request === "GET //"), "reading is not recorded");
  assert.equal((await fabric.status("h1")).ready, true);
});

const post = (body: string): string =>
  `POST /trace HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test("drops: a spoofed packet is told with all that is known, a flood by its number", async (t) => {
  const fabric = await Fabric.running(t);
  const follower = new Follower(fabric, "--json");
  t.after(() => follower.child.kill("SIGKILL"));
  const readable = new Follower(fabric, "--count", "1");
  await sleep(700);
  const before = await fabric.counted("h1", "source-ipv4");
  spoof(fabric, 1);
  const first = await eventually(() => {
    const found = follower.records.find((r) => r.verdict === "source-ipv4");
    assert.ok(found);
    return found;
  });
  const { at, headersHex = "", ...rest }: Line & { readonly at?: string } = first;
  assert.deepEqual(rest, {
    host: "h1",
    verdict: "source-ipv4",
    rule: null,
    tenant: "a",
    network: "net",
    port: "a/p1",
    sourceVtep: null,
    vni: null,
  });
  assert.match(headersHex, /^0200000000020200000000010800450000/);
  assert.match(headersHex, /0a0100630a010002/, "the inner addresses");
  const ageMs = Date.now() - Date.parse(at ?? "");
  assert.ok(Math.abs(ageMs) < 5000, `it is told to be ${ageMs} ms old`);
  assert.equal(await readable.exited, 0);
  assert.match(readable.lines[0] ?? "", / source-ipv4 a\/p1$/);

  await sleep(1200);
  spoof(fabric, 1500);
  const counted = (await fabric.counted("h1", "source-ipv4")) - before;
  assert.equal(counted, 1501);
  await eventually(() => {
    const told = follower.records.filter((r) => r.verdict === "source-ipv4").length;
    const lost = follower.records.reduce((sum, r) => sum + (r.lost ?? 0), 0);
    assert.ok(lost > 0, "nothing was lost: the flood was none");
    assert.equal(told + lost, counted);
  });
  const { ports } = await fabric.counters("h1");
  assert.ok((ports.find((p) => p.port === "a/p1")?.dropped ?? 0) >= counted);

  await t.test("a follower that outlives the agent says so", async () => {
    await fabric.agent("h1").stop("SIGKILL");
    assert.equal(await follower.exited, 3);
    assert.match(follower.err, /read\.sock: .*(ended|broke off)/);
    const status = weft(fabric, "status");
    assert.equal(status.exit, 3);
    assert.match(status.err, /read\.sock/);
  });
});

test("counters add up: what one port sends the other gets", async (t) => {
  const fabric = await Fabric.running(t);
  fabric.pings("a1", 2, 3);
  const of = async (host: "h1" | "h2", port: string): Promise<{ from: number; to: number }> => {
    const found = (await fabric.counters(host)).ports.find((p) => p.port === port);
    return { from: found?.fromPackets ?? 0, to: found?.toPackets ?? 0 };
  };
  const before = [await of("h1", "a/p1"), await of("h2", "a/p2")];
  const verdicts = async (name: string): Promise<number> =>
    (await fabric.counted("h1", name)) + (await fabric.counted("h2", name));
  // ARP requests are flooded, all else goes to one peer.
  const sent = async (): Promise<number> =>
    (await verdicts("encapsulated")) + (await verdicts("flooded"));
  const [sentBefore, delivered] = [await sent(), await verdicts("delivered")];
  fabric.exec("a1", "ping", "-q", "-c", "50", "-i", "0.01", "10.1.0.2");
  const after = [await of("h1", "a/p1"), await of("h2", "a/p2")];
  const moved = after.map((now, i) => ({
    from: now.from - (before[i]?.from ?? 0),
    to: now.to - (before[i]?.to ?? 0),
  }));
  const [one, two] = moved;
  assert.ok(one && two);
  assert.deepEqual([one.from, one.to], [two.to, two.from]);
  assert.ok(one.from >= 50 && one.to >= 50);
  assert.equal((await sent()) - sentBefore, one.from + two.from);
  const flooded = one.to + two.to - ((await verdicts("delivered")) - delivered);
  assert.ok(flooded >= 0 && flooded <= 4, `${flooded} frames to ports without a verdict`);
  const table = weft(fabric, "counters");
  assert.equal(table.exit, 0);
  assert.match(table.out, /^encapsulated +\d+ +\d+$/m);
  assert.match(table.out, /^a\/p1 +\d+ +\d+ +\d+$/m);
  const json: { readonly verdicts: readonly { readonly id: number }[] } = JSON.parse(
    weft(fabric, "counters", "--json").out,
  );
  assert.deepEqual(
    json.verdicts.map((v) => v.id),
    json.verdicts.map((_, i) => i + 1),
  );
});

test("status: exit 0 when all is in force, 1 and the reason when not", async (t) => {
  const fabric = await Fabric.running(t);
  const good = weft(fabric, "status");
  assert.deepEqual([good.exit, good.err], [0, ""]);
  assert.match(
    good.out,
    /^h1: ready, revision [0-9a-f]{16}, pid \d+\n {2}underlay: 1 uplinks, 1 hosts at 1 addresses, MTU 1600, next hops of a route 1\n {2}2 of 2 ports in force\n$/,
  );
  const json: { readonly host: string; readonly ready: boolean } = JSON.parse(
    weft(fabric, "status", "--json").out,
  );
  assert.deepEqual([json.host, json.ready], ["h1", true]);
  fabric.ip("h1", "link set up0 mtu 1550");
  await fabric.until("h1", "the MTU is told", (s) => s.problems.length > 0);
  const bad = weft(fabric, "status");
  assert.equal(bad.exit, 1);
  assert.match(bad.out, /uplink up0: its MTU is 1550, the intent counts on 1600 \(fix: set /);
  fabric.ip("h1", "link set up0 mtu 1600");
  await fabric.until("h1", "it is right again", (s) => s.problems.length === 0);
  assert.equal(weft(fabric, "status").exit, 0);

  fabric.ip("h1", "route add blackhole 192.0.2.2/32");
  await fabric.until("h1", "the peer is lost", (s) => s.unreachableHosts.length > 0);
  const alone = weft(fabric, "status");
  assert.equal(alone.exit, 1);
  assert.match(alone.out, /^ {2}no way to host h2$/m);
  fabric.ip("h1", "route del blackhole 192.0.2.2/32");
  await fabric.until("h1", "the peer is back", (s) => s.unreachableHosts.length === 0);

  fabric.ip("h1", "link delete port-a");
  await fabric.until("h1", "the port is gone", (s) => s.ports.some((p) => p.state === "absent"));
  const short = weft(fabric, "status");
  assert.equal(short.exit, 1);
  assert.match(short.out, /^ {2}1 of 2 ports in force\n {2}a\/p1: port-a is absent$/m);
});

test("a trace tells every frame of a port, and ends with the agent", async (t) => {
  const fabric = await Fabric.running(t);
  const lines: string[] = [];
  const asked = request(
    { socketPath: socket(fabric, "admin"), method: "POST", path: "/trace" },
    (response) => {
      response.on("error", (e) => lines.push(e.message));
      response.setEncoding("utf8");
      response.on("data", (part) => lines.push(...String(part).trim().split("\n")));
    },
  );
  asked.on("error", (e) => lines.push(e.message));
  asked.end('{"ports":["a/p1"],"seconds":60}');
  await eventually(() => assert.equal(lines[0], '{"tracing":["a/p1"]}'));
  fabric.exec("a1", "ping", "-q", "-c", "20", "-i", "0.01", "10.1.0.2");
  await eventually(() => {
    const frames = lines.slice(1).map((line) => JSON.parse(line));
    const pings = frames.filter((f) => f.verdict === "encapsulated" && f.frameOctets === 98);
    assert.equal(pings.length, 20);
    assert.ok(pings.every((f) => f.hook === "from-port" && f.port === "a/p1"));
  });
  const flags = (): readonly number[] => {
    const path = join(fabric.pins("h1"), `v${LIMIT.WEFT_ABI}`, "attach");
    const rows: readonly { readonly value: readonly string[] }[] = bpftool(
      ...["map", "dump", "pinned", path],
    );
    return rows.map(({ value }) => Number(value[14]) & 1);
  };
  assert.deepEqual(flags().toSorted(), [0, 1]);
  assert.equal(await fabric.agent("h1").stop(), 0);
  assert.deepEqual(flags(), [0, 0]);
});

test("a follower that does not read costs the agent no memory", async (t) => {
  const fabric = await Fabric.running(t);
  const asleep = request(
    { socketPath: socket(fabric, "admin"), method: "POST", path: "/trace" },
    (response) => response.pause(),
  );
  asleep.on("error", () => assert.ok(true));
  asleep.end('{"ports":["a/p1"],"seconds":60}');
  await sleep(300);
  const before = fabric.agent("h1").memory("VmRSS");
  for (let i = 0; i < 8; i++)
    fabric.exec("a1", "ping", "-q", "-c", "3000", "-l", "3000", "-W", "1", "10.1.0.2");
  const after = fabric.agent("h1").memory("VmRSS");
  assert.ok(after - before < 25e6, `it grew by ${(after - before) / 1e6} MB`);
  asleep.destroy();
  assert.equal((await fabric.status("h1")).ready, true);
});
