/** `weft matrix`: probes every ordered pair of ports with real frames and compares with the intent. */
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../../base/command.ts";
import { monotonicMs } from "../../io/clock.ts";
import type { Protocol } from "../../verify/judgement.ts";
import { openLab, refuseUnlessRoot } from "../choose.ts";
import { complain } from "../complaint.ts";
import { runMatrix } from "../matrix-run.ts";
import { renderMatrix } from "../matrix-text.ts";
import type { Wanted } from "../probe.ts";
import type { LabState } from "../state.ts";

const PROTOCOLS: readonly Protocol[] = ["arp", "icmp", "tcp", "udp"];
const DEFAULT_PROTOCOLS = "arp,icmp,udp";

export const matrix: Command = {
  name: "matrix",
  arguments: ["[name]"],
  options: [
    { flags: "--json", summary: "As one JSON object." },
    {
      flags: "--protocol <list>",
      summary:
        `Of ${PROTOCOLS.join(", ")}; ${DEFAULT_PROTOCOLS} if left out. arp (in IPv6 neighbour discovery) is an` +
        " announcement: it reaches the sender's network and no other, also where a router joins them.",
    },
    { flags: "--from <port>", summary: "Only probes of this port (tenant/name)." },
    { flags: "--to <port>", summary: "Only probes to this port (tenant/name)." },
  ],
  summary: "Probe every pair of a lab's ports: who reaches whom, and the proof that others do not.",
  run: async (shell: Shell, given: Given): Promise<ExitCode> => {
    const refused = refuseUnlessRoot(shell, "weft matrix");
    if (refused !== null) return refused;
    const names = (textOf(given, "protocol") ?? DEFAULT_PROTOCOLS).split(",");
    const protocols = PROTOCOLS.filter((name: Protocol) => names.includes(name));
    const unknown = names.filter((name: string) => !PROTOCOLS.some((p) => p === name));
    if (unknown.length > 0) {
      shell.err(`--protocol: ${unknown.join(", ")} is none of ${PROTOCOLS.join(", ")}`);
      return EXIT.usage;
    }
    const state = openLab(shell, given);
    if (!state.ok) return state.error;
    return printMatrix(shell, state.value, {
      wanted: { protocols, from: textOf(given, "from") ?? null, to: textOf(given, "to") ?? null },
      json: given.json === true,
    });
  },
};

/** Runs and prints the matrix; ok only if every probe came out as intended. */
export async function printMatrix(
  shell: Shell,
  state: LabState,
  how: { readonly wanted: Wanted; readonly json: boolean },
): Promise<ExitCode> {
  const began = monotonicMs();
  const ran = await runMatrix(state, how.wanted);
  if (!ran.ok) return complain(shell, ran.error);
  const { report, places } = ran.value;
  if (how.json) shell.out(JSON.stringify(report));
  else {
    for (const line of renderMatrix(report, places)) shell.out(line);
    shell.out(`(${((monotonicMs() - began) / 1000).toFixed(1)} s)`);
  }
  return report.summary.asIntended === report.summary.total ? EXIT.ok : EXIT.found;
}
