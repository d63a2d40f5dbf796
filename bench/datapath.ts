/** `npm run bench -- datapath`: weft's datapath between workloads of one subnet. */
import { bridgedContenders } from "./bridged.ts";
import { type Asked, compare, type Field, profileEach } from "./comparison.ts";
import { jsonOf, outcomeOf, renderText } from "./report.ts";
import { bridgedStandard } from "./standards.ts";

export interface DatapathAsked extends Asked {
  readonly json: boolean;
  /** Names: show where these spend their time, and measure nothing. Null: measure. */
  readonly profile: readonly string[] | null;
}

const field: Field = {
  standard: bridgedStandard,
  contenders: bridgedContenders,
  routed: false,
};

/** Exit code: 0 measured, 1 void. Throws if anything could not be measured. */
export async function benchDatapath(asked: DatapathAsked): Promise<0 | 1> {
  if (asked.profile) {
    await profileEach(asked, field, asked.profile);
    return 0;
  }
  const run = await compare(asked, field);
  process.stdout.write(asked.json ? `${JSON.stringify(jsonOf(run))}\n` : renderText(run));
  return outcomeOf(run.rounds, run.standard) === "void" ? 1 : 0;
}
