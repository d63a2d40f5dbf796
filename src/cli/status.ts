/** `weft status`: is everything of the intent in force on this host, and if not, what is missing. */
import { z } from "zod";
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../base/command.ts";
import { ask } from "../io/agent-client.ts";
import { AGENT_OPTIONS, complain, misunderstood, socketOf } from "./agent-options.ts";

const Status = z.looseObject({
  host: z.string(),
  ready: z.boolean(),
  stale: z.boolean(),
  revision: z.string(),
  pid: z.number(),
  findings: z.array(z.looseObject({ message: z.string(), file: z.string(), line: z.number() })),
  problems: z.array(z.looseObject({ message: z.string(), suggestion: z.string().nullable() })),
  ports: z.array(z.object({ port: z.string(), interface: z.string(), state: z.string() })),
  unreachableHosts: z.array(z.string()),
  underlay: z.looseObject({
    uplinks: z.array(z.looseObject({ interface: z.string(), state: z.string() })),
    paths: z.array(
      z.looseObject({
        host: z.string(),
        remote: z.string(),
        instead: z.string().nullable(),
        mtu: z.number().nullable(),
        routeWidth: z.number(),
      }),
    ),
    lost: z.array(
      z.object({
        interface: z.string(),
        address: z.string(),
        state: z.string(),
        hosts: z.array(z.string()),
      }),
    ),
  }),
  slowPath: z.looseObject({ interface: z.string() }).nullable(),
  drift: z.object({ entries: z.number(), repairs: z.number(), lastAt: z.string().nullable() }),
});

export const status: Command = {
  name: "status",
  arguments: [],
  options: AGENT_OPTIONS,
  summary: "Is the intent in force on this host? Exit 1 if not all of it.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const found = socketOf(shell, given);
    if (!found.ok) return found.error;
    const socket = found.value;
    const answer = await ask(socket, "/status");
    if (!answer.ok) return complain(shell, answer.error);
    const parsed = Status.safeParse(answer.value);
    if (!parsed.success) return misunderstood(shell, socket);
    const s = parsed.data;
    const absent = s.ports.filter((p) => p.state !== "in-force");
    const losses = lossesOf(s.underlay);
    const faults = s.problems.length + s.unreachableHosts.length + absent.length + losses.length;
    const sound = s.ready && !s.stale && faults === 0;
    if (given.json === true) shell.out(JSON.stringify(answer.value));
    else {
      const words = [s.ready ? "ready" : "not ready", ...(s.stale ? ["stale"] : [])].join(", ");
      shell.out(`${s.host}: ${words}, revision ${s.revision}, pid ${s.pid}`);
      for (const { file, line, message } of s.findings) shell.out(`  ${file}:${line}: ${message}`);
      for (const { message, suggestion } of s.problems)
        shell.out(`  ${message}${suggestion === null ? "" : ` (fix: ${suggestion})`}`);
      for (const host of s.unreachableHosts) shell.out(`  no way to host ${host}`);
      for (const line of [...losses, underlayText(s.underlay)]) shell.out(`  ${line}`);
      if (s.slowPath === null) shell.out("  no slow path: what needs the agent is dropped");
      shell.out(`  ${s.ports.length - absent.length} of ${s.ports.length} ports in force`);
      for (const port of absent) shell.out(`  ${port.port}: ${port.interface} is ${port.state}`);
      if (s.drift.repairs > 0)
        shell.out(
          `  ${s.drift.entries} entries were not what we left, in ${s.drift.repairs} repairs, last ${s.drift.lastAt}`,
        );
    }
    return sound ? EXIT.ok : EXIT.found;
  },
};

type Underlay = z.infer<typeof Status>["underlay"];

function lossesOf({ uplinks, paths, lost }: Underlay): readonly string[] {
  const hops = lost.map(
    ({ interface: device, address, state, hosts }) =>
      `next hop ${address} on ${device} is lost (${state}): fewer ways to ${listOf(hosts)}`,
  );
  const others = paths
    .filter(({ instead }) => instead !== null)
    .map(({ host, remote, instead }) => `no way to ${remote} of ${host}: ${instead} instead`);
  const named = new Set(lost.map((hop) => hop.interface));
  // One that is missing, or down, is a problem beside; what is behind it may be nobody's next hop any more.
  const dark = uplinks
    .filter(({ interface: device, state }) => state === "link-down" && !named.has(device))
    .map(({ interface: device }) => `uplink ${device} has no carrier`);
  return [...hops, ...others, ...dark];
}

const NAMES_MAX = 8;

/** The first of many: the rest is in --json. */
function listOf(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return `${names.slice(0, NAMES_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function underlayText({ uplinks, paths }: Underlay): string {
  const hosts = new Set(paths.map(({ host }) => host)).size;
  const range = (values: readonly number[]): string =>
    values.length === 0 ? "-" : [...new Set([Math.min(...values), Math.max(...values)])].join("-");
  const mtus = paths.flatMap(({ mtu }) => mtu ?? []);
  const widths = paths.map(({ routeWidth }) => routeWidth);
  return (
    `underlay: ${uplinks.length} uplinks, ${hosts} hosts at ${paths.length} addresses,` +
    ` MTU ${range(mtus)}, next hops of a route ${range(widths)}`
  );
}
