/** The figures of many routes, and of a next hop with many endpoints, as text for people and as JSON. */
import { FLOOR_MAX, ROUNDS_MIN } from "./figures.ts";
import { isFrugal, type NeighbourFigures } from "./neighbour-figures.ts";
import { columns, spread } from "./report.ts";
import { figuresOf, judgeRoutes, outcomeOfRoutes, type RouteRound } from "./route-figures.ts";

export interface RouteRun {
  readonly few: number;
  readonly many: number;
  /** Prefix lengths, in turn. */
  readonly lengths: readonly number[];
  readonly rounds: readonly RouteRound[];
}

export function renderRoutes(run: RouteRun): string {
  const { few, many, lengths, rounds } = run;
  const rows = figuresOf(rounds).map(({ contender, few, many, ratio, floor, loadMs }) => [
    contender,
    few.median.toFixed(1),
    many.median.toFixed(1),
    spread(ratio, "ratio"),
    spread(floor, "ratio"),
    `${(loadMs.median / 1000).toFixed(2)} (to ${(loadMs.high / 1000).toFixed(2)})`,
  ]);
  const head = ["kpps received", `${few}`, `${many}`, "many × few", "few again × few", "loaded, s"];
  const lines = [
    `${few} routes and ${many} (${lengths.map((bits) => `/${bits}`).join(", ")}), as many destinations, equally likely; ${rounds.length} interleaved rounds`,
    "loaded: from few routes to many in force on both hosts, which share this machine; weft's from the intent's file",
    "",
    ...columns([head, ...rows], [18, 9, 9, 24, 24, 20]),
    "",
  ];
  const outcome = outcomeOfRoutes(rounds);
  if (outcome === "void")
    return textOf([...lines, `VOID: few again is off by more than ${FLOOR_MAX * 100} %.`]);
  if (outcome === "trial") lines.push(`TRIAL: fewer than ${ROUNDS_MIN} rounds.`, "");
  return textOf([
    ...lines,
    ...judgeRoutes(rounds).map(
      ({ contender, what, met }) => `  ${met ? "met    " : "NOT MET"}  ${contender}: ${what}`,
    ),
  ]);
}

export const jsonOfRoutes = ({ few, many, lengths, rounds }: RouteRun): object => ({
  few,
  many,
  lengths,
  rounds: rounds.length,
  outcome: outcomeOfRoutes(rounds),
  figures: figuresOf(rounds),
  goals: judgeRoutes(rounds),
  samples: rounds.map((round) => Object.fromEntries(round)),
});

export function renderNeighbours(figures: NeighbourFigures): string {
  const { endpoints, loaded, quiet, rows } = figures;
  return textOf([
    `a next hop with ${endpoints} endpoints behind it (${loaded} rows in all) changes its MAC ${rows.length} times`,
    `rows written for each: ${rows.join(", ")}; without any change: ${quiet}`,
    `  ${isFrugal(figures) ? "met    " : "NOT MET"}  one row for each change`,
  ]);
}

const textOf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
