/** `npm run bench -- routing`: weft's routing between workloads of two subnets, against the kernel's own ways. */
import { compare, type Field, machine, profileEach } from "./comparison.ts";
import { isFrugal } from "./neighbour-figures.ts";
import { measureNeighbours, type NeighboursAsked } from "./neighbours.ts";
import { jsonOf, outcomeOf, renderText } from "./report.ts";
import { outcomeOfRoutes } from "./route-figures.ts";
import { jsonOfRoutes, type RouteRun, renderNeighbours, renderRoutes } from "./route-report.ts";
import { routedContenders } from "./routed.ts";
import { FEW, measureRoutes, type RoutesAsked } from "./routes.ts";
import { routedStandard } from "./standards.ts";

/** What is measured, in this order. */
export const routingParts = ["paths", "routes", "neighbours"] as const;
type RoutingPart = (typeof routingParts)[number];

export interface RoutingAsked extends RoutesAsked, NeighboursAsked {
  readonly parts: readonly RoutingPart[];
  readonly json: boolean;
  /** Names: show where these spend their time, and measure nothing. Null: measure. */
  readonly profile: readonly string[] | null;
}

const field: Field = {
  standard: routedStandard,
  contenders: routedContenders,
  routed: true,
};

/** A part's figures, ready to be shown. */
interface Shown {
  readonly text: string;
  readonly json: object;
  /** Nothing is shown by it. */
  readonly isVoid: boolean;
}

/** Exit code: 0 measured, 1 a part of it is void. Throws if anything could not be measured. */
export async function benchRouting(asked: RoutingAsked): Promise<0 | 1> {
  if (asked.profile) {
    await profileEach(asked, field, asked.profile);
    return 0;
  }
  const shown = new Map<RoutingPart, Shown>();
  for (const part of routingParts)
    if (asked.parts.includes(part)) shown.set(part, await measurePart[part](asked));
  const parts = [...shown];
  if (asked.json) {
    const figures = Object.fromEntries(parts.map(([part, { json }]) => [part, json]));
    const { command } = asked;
    process.stdout.write(`${JSON.stringify({ command, machine: machine(), ...figures })}\n`);
  } else process.stdout.write(parts.map(([, { text }]) => text).join("\n"));
  return parts.some(([, { isVoid }]) => isVoid) ? 1 : 0;
}

const measurePart: Readonly<Record<RoutingPart, (asked: RoutingAsked) => Promise<Shown>>> = {
  paths: async (asked) => {
    const run = await compare(asked, field);
    return {
      text: renderText(run),
      json: jsonOf(run),
      isVoid: outcomeOf(run.rounds, run.standard) === "void",
    };
  },
  routes: async (asked) => {
    const rounds = await measureRoutes(asked);
    const run: RouteRun = { few: FEW, many: asked.routes, lengths: asked.lengths, rounds };
    return {
      text: renderRoutes(run),
      json: jsonOfRoutes(run),
      isVoid: outcomeOfRoutes(rounds) === "void",
    };
  },
  neighbours: async (asked) => {
    const figures = await measureNeighbours(asked);
    return {
      text: renderNeighbours(figures),
      json: { ...figures, isFrugal: isFrugal(figures) },
      isVoid: false,
    };
  },
};
