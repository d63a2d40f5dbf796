/**
 * Routed packets in every shape that an skb comes in: aggregates of TCP, what an uplink gathered (GRO),
 * datagrams of every size, fragments, a linear part that ends behind the Ethernet header. To a port beside and to one on
 * another host, symmetric and asymmetric, both encapsulations, segmentation by the kernel on and off. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, describe, test } from "node:test";
import { ethernet, filler, hex, ip4, join, udp } from "./frame.ts";
import { drain, type Intent, Lab, until } from "./live.ts";

const ROUTERS = [
  { encapsulation: "vxlan", irb: "symmetric" },
  { encapsulation: "nvgre", irb: "symmetric" },
  { encapsulation: "vxlan", irb: "asymmetric" },
  { encapsulation: "nvgre", irb: "asymmetric" },
] as const;
type Router = (typeof ROUTERS)[number];
const nameOf = ({ encapsulation, irb }: Router): string => `${encapsulation}-${irb.slice(0, 4)}`;

const GATEWAY_MAC = "06:77:65:66:74:01";
/** Ports of a router: one sends, one is beside it on the other network, one on the other network and host. */
const PLACES = [
  { place: "here", network: 1, host: "h1" },
  { place: "beside", network: 2, host: "h1" },
  { place: "far", network: 2, host: "h2" },
] as const;
const addressOf = (place: (typeof PLACES)[number]["place"]): string =>
  ({ here: "10.1.0.1", beside: "10.2.0.2", far: "10.2.0.3" })[place];

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "nvgre-safe" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: { uplinks: [{ interface: "uplink0", mtu: 1600 }], vteps: [`192.0.2.${n}`] },
  })),
  ...ROUTERS.flatMap((router, i) => {
    const name = nameOf(router);
    const encapsulations = [router.encapsulation];
    return [
      ...[1, 2].map((n) => ({
        kind: "Network",
        metadata: { name: `${name}-${n}`, tenant: "org" },
        spec: {
          ...{ subnets: [`10.${n}.0.0/24`], gateways: [`10.${n}.0.254`], encapsulations },
          vni: 20_000 + 10 * i + n,
        },
      })),
      {
        kind: "Router",
        metadata: { name, tenant: "org" },
        spec: {
          ...{ networks: [`${name}-1`, `${name}-2`], l3vni: 20_000 + 10 * i, encapsulations },
          irb: router.irb,
        },
      },
      ...PLACES.map(({ place, network, host }, j) => ({
        kind: "Port",
        metadata: { name: `${name}-${place}`, tenant: "org" },
        spec: {
          ...{ network: `${name}-${network}`, host, interface: `p${i}-${place}` },
          ...{ mac: `02:00:00:00:00:0${j + 1}`, addresses: [addressOf(place)] },
        },
      })),
    ];
  }),
];

let lab: Lab;
before(() => {
  lab = Lab.up("shapes", intent);
});
after(() => lab.down());

/** Whether the kernel segments for the uplinks' drivers, as NICs without offload have it; and gathers what arrives. */
async function setSegmentation(on: "on" | "off"): Promise<void> {
  const words = `tso ${on} gso ${on} gro on`.split(" ");
  for (const host of ["h1", "h2"])
    await lab.exec(lab.host(host).namespace, "ethtool", "-K", "uplink0", ...words);
}

for (const router of ROUTERS)
  describe(nameOf(router), () => {
    const space = (place: string): string => lab.port(`${nameOf(router)}-${place}`).namespace;

    for (const place of ["beside", "far"] as const) {
      const to = addressOf(place);
      test(`${place}: streams and datagrams of every size, octets equal`, async () => {
        await lab.serveEcho(space(place));
        for (const segmentation of ["off", "on"] as const) {
          await setSegmentation(segmentation);
          await lab.echo(space("here"), "tcp", to, 4 << 20);
          // Beyond the MTU in fragments of the sender's.
          await lab.echo(space("here"), "udp", to, 4000);
        }
      });

      test(`${place}: a frame whose linear part ends behind the Ethernet header`, async () => {
        const directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
        try {
          const file = joinPath(directory, "frame");
          const { mac } = lab.port(`${nameOf(router)}-here`);
          const body = udp(4000, 4001, filler(700));
          const packet = (ttl: number): Uint8Array =>
            ip4({ from: "10.1.0.1", to, protocol: 17, ttl }, body);
          const frame = ethernet({ to: GATEWAY_MAC, from: mac }, 0x0800, packet(9));
          // struct virtio_net_hdr: a linear part of 14 octets.
          writeFileSync(file, hex(join([0, 0, 14, 0, 0, 0, 0, 0, 0, 0], frame)));
          const receiver = lab.socketOf(`${nameOf(router)}-${place}`);
          drain(receiver);
          const program = joinPath(import.meta.dirname, "tap.py");
          await lab.exec(space("here"), "/usr/bin/python3", program, "socket", "eth0", file);
          const hops = place === "far" && router.irb === "symmetric" ? 2 : 1;
          const wanted = hex(packet(9 - hops));
          await until("it arrives, as many routers older as it went through", () =>
            drain(receiver).some((one) => hex(one.subarray(14)) === wanted),
          );
        } finally {
          rmSync(directory, { recursive: true });
        }
      });
    }
  });

test("nothing was refused on the way", () => {
  for (const host of ["h1", "h2"]) {
    const { "gso-unsupported": gso, "encap-failed": encap, "too-big": tooBig } = lab.counters(host);
    assert.deepEqual(
      { gso, encap, tooBig },
      { gso: undefined, encap: undefined, tooBig: undefined },
    );
  }
});
