/** From samples with few and many routes to figures and goals. Pure; leaves out how they were taken (routes.ts). */
import { type Figure, figureOf, isOff, type Outcome, ROUNDS_MIN } from "./figures.ts";

/** One contender, measured once. */
export interface RouteSample {
  /** Thousands of packets a second with few routes, with many, and with few again. */
  readonly few: number;
  readonly many: number;
  readonly again: number;
  /** From few routes to many in force on both hosts. */
  readonly loadMs: number;
}

export type RouteRound = ReadonlyMap<string, RouteSample>;

export interface RouteFigures {
  readonly contender: string;
  readonly few: Figure;
  readonly many: Figure;
  /** Many against few, of one sample. */
  readonly ratio: Figure;
  /** Few again against few: the noise floor. */
  readonly floor: Figure;
  readonly loadMs: Figure;
}

/** The share of the rate with few routes that is left with many. */
export const RATIO_MIN = 0.9;
export const LOAD_MS_MAX = 5000;

export function figuresOf(rounds: readonly RouteRound[]): readonly RouteFigures[] {
  const names = [...new Set(rounds.flatMap((round) => [...round.keys()]))];
  return names.flatMap((contender) => {
    const samples = rounds.flatMap((round) => round.get(contender) ?? []);
    const of = (value: (sample: RouteSample) => number): Figure | null =>
      figureOf(samples.map(value));
    const [few, many] = [of((s) => s.few), of((s) => s.many)];
    const [ratio, floor] = [of((s) => s.many / s.few), of((s) => s.again / s.few)];
    const loadMs = of((s) => s.loadMs);
    return few && many && ratio && floor && loadMs
      ? [{ contender, few, many, ratio, floor, loadMs }]
      : [];
  });
}

export function outcomeOfRoutes(rounds: readonly RouteRound[]): Outcome {
  if (figuresOf(rounds).some(({ floor }) => isOff(floor))) return "void";
  return rounds.length < ROUNDS_MIN ? "trial" : "sound";
}

export interface RouteGoal {
  readonly contender: string;
  readonly what: string;
  readonly met: boolean;
}

/** Every load is to be in time, not the median one. */
export const judgeRoutes = (rounds: readonly RouteRound[]): readonly RouteGoal[] =>
  figuresOf(rounds)
    .filter(({ contender }) => contender.startsWith("weft-"))
    .flatMap(({ contender, ratio, loadMs }) => [
      {
        contender,
        what: `rate with many routes: at least ${RATIO_MIN} × with few`,
        met: ratio.median >= RATIO_MIN,
      },
      {
        contender,
        what: `many routes in force: within ${LOAD_MS_MAX / 1000} s, each time`,
        met: loadMs.high < LOAD_MS_MAX,
      },
    ]);
