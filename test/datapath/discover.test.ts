/** Addresses that a port shows: what the agent is told of, and what is no news. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { sightingOf } from "../../src/agent/events.ts";
import { mappedOctets } from "../../src/base/ip.ts";
import { sightingIn } from "../../src/endpoints/sighting.ts";
import { monotonicNs } from "../../src/io/clock.ts";
import {
  ATTACH_FLAG,
  BUCKET_SCOPE,
  ROUTE_FLAG,
  TARGET_KIND,
} from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import { arp, ethernet, icmp6, ip, ip6, join, mac, macOption, u32 } from "./frame.ts";
import { FOR_EVER_NS, NETWORK, PORTS, Rig } from "./rig.ts";

const ME = PORTS[1];
const SPACE = 500;
const ROUTER = "0a:77:c0:00:02:01";
const EVERYBODY = "ff:ff:ff:ff:ff:ff";
const SECOND_NS = 1_000_000_000n;

let rig: Rig;
before(() => {
  rig = new Rig("discover");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  rig.setAt("settings", 0, { vxlanPort: 4789, routerMac: mac(ROUTER) });
  rig.setAt("slow", 0, { ifindex: rig.ifindex("spare"), heardUntilNs: FOR_EVER_NS });
  attach(ATTACH_FLAG.ATTACH_DISCOVER);
  for (const address of ["10.1.0.1", "10.1.0.7", "fd00::1"]) forget(address);
});

/** Port 1, which may use any address. */
const attach = (flags: number): void => {
  const any = ATTACH_FLAG.ATTACH_ANY_IPV4 | ATTACH_FLAG.ATTACH_ANY_IPV6;
  rig.attach("port1", 1, { flags: flags | any, space: SPACE, owner: 9 });
};

const key = (address: string): Uint8Array =>
  pack("hostKey", { space: SPACE, address: mappedOctets({ octets: ip(address) }) });

function forget(address: string): void {
  if (rig.get("host", key(address))) rig.remove("host", key(address));
}

interface Known {
  readonly port?: number;
  readonly kind?: number;
  readonly flags?: number;
  readonly leftSeconds?: number;
}

const know = (address: string, { port = 1, leftSeconds = 160, ...more }: Known): void =>
  rig.set("host", key(address), {
    ...{ network: NETWORK, target: port, kind: TARGET_KIND.TARGET_PORT, mac: mac(ME), mtu: 1500 },
    ...{ flags: ROUTE_FLAG.ROUTE_DISCOVERED, ageSeconds: 160, ...more },
    freshUntilNs: monotonicNs() + BigInt(leftSeconds) * SECOND_NS,
  });

const claims = (sender: string, to = EVERYBODY, operation = 1): Uint8Array =>
  ethernet({ to, from: ME }, 0x0806, arp({ operation, senderMac: ME, sender, target: "10.1.0.9" }));

const nd = (
  type: number,
  target: string,
  option: Uint8Array,
  to = "33:33:00:00:00:01",
): Uint8Array => {
  const ends = { from: "fd00::1", to: "ff02::1" };
  const flags = type === 136 ? 0x20000000 : 0;
  const body = join(u32(flags), ip(target), option);
  return ethernet(
    { to, from: ME },
    0x86dd,
    ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, type, body)),
  );
};

const advertises = (target: string, to?: string): Uint8Array =>
  nd(136, target, macOption(2, ME), to);

/** Addresses that the agent is told of, and what was counted, but for questions (resolve.test.ts). */
function told(frame: Uint8Array): {
  readonly addresses: readonly (string | undefined)[];
  readonly delta: object;
} {
  rig.events();
  const { delta } = rig.run("port", frame, "port1");
  const sightings = rig.events().flatMap((event) => sightingOf(event) ?? []);
  for (const { port } of sightings) assert.equal(port, 1);
  const {
    "neighbour-miss": _missed,
    "neighbour-own": _own,
    "neighbour-unicast": _unicast,
    ...counted
  } = delta;
  const addresses = sightings.map(({ headers }) => sightingIn(headers)?.address);
  return { addresses, delta: counted };
}

const NEWS = { flooded: 1, discovered: 1 };
const NO_NEWS = { addresses: [], delta: { flooded: 1 } };

describe("news", () => {
  test("an ARP request, a reply, an announcement", () => {
    for (const frame of [claims("10.1.0.7"), claims("10.1.0.7", EVERYBODY, 2)])
      assert.deepEqual(told(frame), { addresses: ["10.1.0.7"], delta: NEWS });
  });

  test("a neighbour advertisement", () =>
    assert.deepEqual(told(advertises("fd00::7")), { addresses: ["fd00::7"], delta: NEWS }));

  test("an address that is known of another port, of another host, or has lost a sixteenth of its life", () => {
    for (const known of [
      { port: 2 },
      { kind: TARGET_KIND.TARGET_GROUP },
      { leftSeconds: 149 },
      { leftSeconds: -1 },
    ]) {
      know("10.1.0.7", known);
      assert.deepEqual(told(claims("10.1.0.7")), { addresses: ["10.1.0.7"], delta: NEWS });
    }
  });
});

describe("no news", () => {
  test("a probe, which shows nothing", () => assert.deepEqual(told(claims("0.0.0.0")), NO_NEWS));

  test("a solicitation, even with its sender's MAC", () =>
    assert.deepEqual(told(nd(135, "fd00::9", macOption(1, ME))), NO_NEWS));

  test("link-local addresses", () => {
    assert.deepEqual(told(claims("169.254.3.4")), NO_NEWS);
    assert.deepEqual(told(advertises("fe80::7")), NO_NEWS);
  });

  test("what is known of the port, and young", () => {
    know("10.1.0.7", { leftSeconds: 151 });
    assert.deepEqual(told(claims("10.1.0.7")), NO_NEWS);
  });

  test("what is declared, wherever", () => {
    for (const known of [{}, { port: 2 }, { kind: TARGET_KIND.TARGET_GATEWAY }]) {
      know("10.1.0.7", { ...known, flags: 0, leftSeconds: -1 });
      assert.deepEqual(told(claims("10.1.0.7")), NO_NEWS);
    }
  });

  test("anything from a port whose addresses are declared", () => {
    attach(0);
    assert.deepEqual(told(claims("10.1.0.7")), NO_NEWS);
    assert.deepEqual(told(advertises("fd00::7")), NO_NEWS);
  });

  test("anything, with nobody to listen", () => {
    rig.setAt("slow", 0, { ifindex: rig.ifindex("spare"), heardUntilNs: 1n });
    assert.deepEqual(told(claims("10.1.0.7")), NO_NEWS);
  });
});

describe("answers to the agent's questions, which go to this host's router", () => {
  test("are heard whatever the port has declared, and go no further", () => {
    for (const flags of [0, ATTACH_FLAG.ATTACH_DISCOVER]) {
      attach(flags);
      for (const [frame, address] of [
        [claims("10.1.0.7", ROUTER, 2), "10.1.0.7"],
        [advertises("fd00::7", ROUTER), "fd00::7"],
      ] as const)
        assert.deepEqual(told(frame), {
          addresses: [address],
          delta: { punted: 1, discovered: 1 },
        });
    }
  });

  test("other frames to it are frames to a MAC that nobody has", () => {
    const frame = ethernet({ to: ROUTER, from: ME }, 0x88b5, new Uint8Array(50));
    assert.deepEqual(told(frame), NO_NEWS);
  });
});

test("a storm of claims is told as far as its tenant's budget goes, and forwarded all the same", () => {
  const budget = pack("bucketKey", { scope: BUCKET_SCOPE.BUCKET_PUNT, id: 9 });
  rig.set("bucket", budget, { spentUntilNs: FOR_EVER_NS });
  const spent = { addresses: [], delta: { flooded: 1, "punt-limited": 1 } };
  assert.deepEqual(told(claims("10.1.0.7")), spent);
  rig.remove("bucket", budget);
  assert.deepEqual(told(claims("10.1.0.7")).addresses, ["10.1.0.7"]);
});
