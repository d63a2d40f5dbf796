/** The shape of a router. */
import { z } from "zod";
import { apiVersion, encapsulation, tenantMetadata } from "./common.ts";
import { address, distinct, name, prefix, reference } from "./scalar.ts";

const route = z
  .strictObject({
    prefix: prefix.describe("Where it leads to."),
    via: address
      .exactOptional()
      .describe("A workload on one of the networks, which takes it from there."),
    blackhole: z.literal(true).exactOptional().describe("What goes there is dropped."),
  })
  .superRefine((spec, context) => {
    const complain = (message: string): void => {
      context.addIssue({ code: "custom", path: [], message });
    };
    const { via } = spec;
    if ((via === undefined) === (spec.blackhole === undefined))
      complain("a route has either via or blackhole: true");
    else if (via !== undefined && via.includes(":") !== spec.prefix.includes(":"))
      complain("via and prefix are of one family");
  });

export const routerSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Router"),
  metadata: tenantMetadata,
  spec: z.strictObject({
    networks: distinct(reference)
      .min(1)
      .describe("The networks of its tenant that it joins, each with a gateway."),
    l3vni: z
      .int()
      .min(0)
      .max(0xffffff)
      .exactOptional()
      .describe("Its number, of those of networks; left out: the one in numbers.yaml."),
    encapsulations: distinct(encapsulation)
      .min(1)
      .default(["vxlan"])
      .describe(
        "What may carry routed packets, in order of preference; a peer gets the first that it speaks.",
      ),
    irb: z
      .enum(["symmetric", "asymmetric"])
      .default("symmetric")
      .describe(
        "How packets go to another host: under the router's number, routed at both ends, or under that of their destination's network.",
      ),
    gateway: z
      .enum(["distributed", "centralized"])
      .default("distributed")
      .describe("Where packets are routed: where they come from, or on gatewayHost."),
    gatewayHost: name
      .exactOptional()
      .describe(
        "The host that routes for all (centralized), or stands ready to while gateway is changed.",
      ),
    routes: z.array(route).default([]).describe("Ways beyond the subnets of its networks."),
    export: z
      .array(
        z.strictObject({
          prefixes: distinct(prefix).min(1).describe("Parts of its subnets and routes."),
          to: distinct(reference).min(1).describe("Routers that get ways there."),
        }),
      )
      .default([])
      .describe("What other routers reach."),
  }),
});
