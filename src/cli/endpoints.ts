/** `weft endpoints`: who is where, as one host knows it: declared, discovered, or looked for in vain. */
import { z } from "zod";
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../base/command.ts";
import { ask } from "../io/agent-client.ts";
import { AGENT_OPTIONS, complain, misunderstood, socketOf } from "./agent-options.ts";
import { renderTable } from "./table.ts";

const Endpoint = z.looseObject({
  tenant: z.string().nullable(),
  network: z.string().nullable(),
  vni: z.number(),
  port: z.string().nullable(),
  mac: z.string().nullable(),
  address: z.string(),
  state: z.enum(["declared", "discovered", "silent"]),
  where: z.string().nullable(),
  lastSeen: z.string().nullable(),
  expires: z.string().nullable(),
  moves: z.number(),
});

const Answer = z.object({
  host: z.string(),
  endpoints: z.array(Endpoint),
  refused: z.object({ declared: z.number(), foreign: z.number(), full: z.number() }),
});

const HEAD = ["network", "address", "mac", "where", "port", "state", "last seen", "expires"];

export const endpoints: Command = {
  name: "endpoints",
  arguments: [],
  options: AGENT_OPTIONS,
  summary: "Who is where, as a host knows it: declared, discovered or silent.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const found = socketOf(shell, given);
    if (!found.ok) return found.error;
    const socket = found.value;
    const answer = await ask(socket, "/endpoints");
    if (!answer.ok) return complain(shell, answer.error);
    const parsed = Answer.safeParse(answer.value);
    if (!parsed.success) return misunderstood(shell, socket);
    if (given.json === true) {
      shell.out(JSON.stringify(answer.value));
      return EXIT.ok;
    }
    const { refused } = parsed.data;
    for (const line of renderTable([HEAD, ...parsed.data.endpoints.map(cellsOf)], "words"))
      shell.out(line);
    const claims = refused.declared + refused.foreign + refused.full;
    if (claims > 0)
      shell.out(
        `${claims} claims were not believed: ${refused.declared} of declared addresses, ${refused.foreign} of none of the network's, ${refused.full} of one too many`,
      );
    return EXIT.ok;
  },
};

function cellsOf(endpoint: z.output<typeof Endpoint>): readonly string[] {
  const { tenant, network, vni, mac, where, port, state, moves } = endpoint;
  return [
    tenant === null || network === null ? `${vni}` : `${tenant}/${network}`,
    endpoint.address,
    mac ?? "-",
    where ?? "-",
    port ?? "-",
    moves > 0 ? `${state}, moved ${moves}×` : state,
    endpoint.lastSeen ?? "-",
    endpoint.expires ?? "-",
  ];
}
