/** Questions for the gateway from hosts that have none of their own: answered by the one host that is it. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { mappedOctets } from "../../src/base/ip.ts";
import { ADMIT_FLAG, TARGET_KIND, VNI_IN_FLAG } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import {
  arp,
  ethernet,
  hex,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  mac,
  macOption,
  u32,
  udp,
  vxlan,
} from "./frame.ts";
import { entropyOf, expected } from "./outer.ts";
import {
  DROP,
  FOR_EVER_NS,
  LOCAL,
  NETWORK,
  NEXT_HOP,
  PEERS,
  REDIRECT,
  Rig,
  UPLINK,
} from "./rig.ts";

const [FOREIGN] = PEERS;
const GATEWAY = "06:77:65:66:74:01";
const GATEWAYS = ["10.1.0.254", "fd00::fe"] as const;
const EVERYBODY = "ff:ff:ff:ff:ff:ff";

let rig: Rig;
before(() => {
  rig = new Rig("gateway");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  rig.setAt("settings", 0, { vxlanPort: 4789, gatewayMac: mac(GATEWAY) });
  rig.setVniIn({ flags: VNI_IN_FLAG.VNI_IN_GATEWAY });
  rig.setAdmit(1, NETWORK, ADMIT_FLAG.ADMIT_DSCP_KEEP, 1);
  for (const address of GATEWAYS)
    rig.set(
      "host",
      pack("hostKey", { space: NETWORK, address: mappedOctets({ octets: ip(address) }) }),
      {
        ...{ network: NETWORK, kind: TARGET_KIND.TARGET_GATEWAY, mac: mac(GATEWAY), mtu: 1500 },
      },
    );
  rig.setAt("slow", 0, { ifindex: rig.ifindex("spare"), heardUntilNs: FOR_EVER_NS });
});

const arriving = (frame: Uint8Array): Uint8Array =>
  ethernet(
    { to: UPLINK, from: NEXT_HOP },
    0x0800,
    ip4(
      { from: FOREIGN.address, to: LOCAL.ipv4, protocol: 17 },
      udp(50_000, 4789, join(vxlan(NETWORK), frame)),
    ),
  );

const question = (target: string, to = EVERYBODY): Uint8Array =>
  ethernet(
    { to, from: FOREIGN.mac },
    0x0806,
    arp({ senderMac: FOREIGN.mac, sender: "10.1.0.9", target }),
  );

/** As the gateway's MAC answers `question`. */
const answer = (target: string): Uint8Array =>
  ethernet(
    { to: FOREIGN.mac, from: GATEWAY },
    0x0806,
    [0, 1, 8, 0, 6, 4, 0, 2],
    mac(GATEWAY),
    ip(target),
    mac(FOREIGN.mac),
    ip("10.1.0.9"),
  );

const solicitation = (target: string): Uint8Array => {
  const ends = { from: "fd00::9", to: "ff02::1:ff00:fe" };
  const body = join(u32(0), ip(target), macOption(1, FOREIGN.mac));
  return ethernet(
    { to: "33:33:ff:00:00:fe", from: FOREIGN.mac },
    0x86dd,
    ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, 135, body)),
  );
};

const flooded = (frame: Uint8Array): void => {
  const { action, delta } = rig.run("uplink", arriving(frame), "uplink");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { flooded: 1 } });
};

describe("the host that is the gateway", () => {
  test("answers ARP, to everybody or to its MAC, by the tunnel that it came from", () => {
    for (const to of [EVERYBODY, GATEWAY]) {
      const frame = arriving(question("10.1.0.254", to));
      const { action, delta, octets } = rig.run("uplink", frame, "uplink");
      assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
      const want = expected(FOREIGN, answer("10.1.0.254"), 0, entropyOf(FOREIGN, octets));
      assert.equal(hex(octets), hex(want));
    }
  });

  test("has its agent answer neighbour solicitations", () => {
    const { delta } = rig.run("uplink", arriving(solicitation("fd00::fe")), "uplink");
    assert.deepEqual(delta, { punted: 1 });
  });

  test("leaves questions for others to them", () => {
    flooded(question("10.1.0.1"));
    flooded(solicitation("fd00::1"));
  });

  test("leaves what is no question alone", () => {
    const reply = arp({
      operation: 2,
      senderMac: FOREIGN.mac,
      sender: "10.1.0.9",
      target: "10.1.0.254",
    });
    flooded(ethernet({ to: EVERYBODY, from: FOREIGN.mac }, 0x0806, reply));
  });

  test("answers no host of ours: it has a gateway of its own", () => {
    rig.setAdmit(1, NETWORK, 0, 1);
    flooded(question("10.1.0.254"));
  });
});

test("a host that is not the gateway answers nobody", () => {
  rig.setVniIn({});
  flooded(question("10.1.0.254"));
  flooded(solicitation("fd00::fe"));
});

test("the gateway of another network is not asked here", () => {
  rig.set(
    "host",
    pack("hostKey", { space: NETWORK, address: mappedOctets({ octets: ip("10.1.0.254") }) }),
    {
      ...{ network: NETWORK + 1, kind: TARGET_KIND.TARGET_GATEWAY, mac: mac(GATEWAY), mtu: 1500 },
    },
  );
  flooded(question("10.1.0.254"));
});
