/** `weft counters`: what happened to how many frames, by verdict and by port. */
import { z } from "zod";
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../base/command.ts";
import { ask } from "../io/agent-client.ts";
import { AGENT_OPTIONS, complain, misunderstood, socketOf } from "./agent-options.ts";

const Counters = z.object({
  host: z.string(),
  verdicts: z.array(
    z.object({ id: z.number(), name: z.string(), packets: z.number(), octets: z.number() }),
  ),
  ports: z.array(
    z.looseObject({
      port: z.string(),
      fromPackets: z.number(),
      toPackets: z.number(),
      dropped: z.number(),
    }),
  ),
  eventsLost: z.number(),
  slowPath: z
    .looseObject({
      byReason: z.record(
        z.string(),
        z.object({ heard: z.number(), answered: z.number(), limited: z.number() }),
      ),
    })
    .nullable(),
});

export const counters: Command = {
  name: "counters",
  arguments: [],
  options: AGENT_OPTIONS,
  summary: "Frames by verdict and by port.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const found = socketOf(shell, given);
    if (!found.ok) return found.error;
    const socket = found.value;
    const answer = await ask(socket, "/counters");
    if (!answer.ok) return complain(shell, answer.error);
    const parsed = Counters.safeParse(answer.value);
    if (!parsed.success) return misunderstood(shell, socket);
    if (given.json === true) {
      shell.out(JSON.stringify(answer.value));
      return EXIT.ok;
    }
    const { verdicts, ports, eventsLost, slowPath } = parsed.data;
    const row = (...cells: readonly (string | number)[]): string =>
      cells.map((cell, i) => (i === 0 ? `${cell}`.padEnd(28) : `${cell}`.padStart(14))).join("");
    shell.out(row("verdict", "packets", "octets"));
    for (const v of verdicts) if (v.packets > 0) shell.out(row(v.name, v.packets, v.octets));
    shell.out("");
    shell.out(row("port", "from", "to", "dropped"));
    for (const p of ports) shell.out(row(p.port, p.fromPackets, p.toPackets, p.dropped));
    const slow = Object.entries(slowPath?.byReason ?? {}).filter(([, count]) => count.heard > 0);
    if (slow.length > 0) {
      shell.out("");
      shell.out(row("handed to the agent", "heard", "answered", "limited"));
    }
    for (const [reason, c] of slow) shell.out(row(reason, c.heard, c.answered, c.limited));
    if (eventsLost > 0) shell.out(`\n${eventsLost} events were counted but not told`);
    return EXIT.ok;
  },
};
