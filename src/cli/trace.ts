/**
 * `weft trace`: what becomes of a packet from one port to another, and of its answer, by the rows of every host that it
 * crosses. No packet is sent, unless one is asked for.
 */

import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { formatIp, type IpAddress, parseIp, parsePrefix } from "../base/ip.ts";
import { err, ok, type Result } from "../base/result.ts";
import { compileHost } from "../intent/compile.ts";
import type { Intent, Port } from "../intent/intent.ts";
import { networkKeyOf } from "../intent/passes/names.ts";
import { routersByNetworkOf } from "../intent/routers.ts";
import type { TraceProtocol } from "../pipeline/trace/probe-packet.ts";
import {
  type LiveTrace,
  type Trace,
  type TraceEnd,
  type TraceQuestion,
  trace as traceOf,
} from "../pipeline/trace/trace.ts";
import { type World, worldOf } from "../pipeline/trace/world.ts";
import { emptyIdBook } from "../rows/rows.ts";
import { readIntent } from "./intent-input.ts";
import { answerOf, linesOf } from "./trace-text.ts";

/** Where an agent's intent is by custom. */
const INTENT = "/etc/weft";
const PORT_DEFAULT = 80;

/** Sends one marked packet, to `mac`, and says who has seen it; an error is a sentence. */
export type SendMarked = (
  question: TraceQuestion,
  mac: string,
) => Promise<Result<LiveTrace, string>>;

export const traceWith = (sendMarked: SendMarked): Command => ({
  name: "trace",
  summary: "Say what becomes of a packet between two ports, lookup by lookup, and of its answer.",
  arguments: ["<source>", "<destination>"],
  options: [
    { flags: "--protocol <name>", summary: "icmp (the default), tcp or udp" },
    {
      flags: "--port <n>",
      summary: `the port that is asked, of TCP and UDP (default ${PORT_DEFAULT})`,
    },
    { flags: "--intent <path>", summary: `the intent (default ${INTENT})` },
    { flags: "--live", summary: "in a lab: send such a packet too, and say which programs saw it" },
    { flags: "--json", summary: "answer in JSON" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const protocol = protocolOf(given);
    if (!protocol.ok) return usage(shell, protocol.error);
    const input = await readIntent(shell, textOf(given, "intent") ?? INTENT);
    if (input === null) return EXIT.usage;
    if (input.errors > 0)
      return usage(shell, `the intent has ${input.errors} errors: weft check tells them`);
    const ends = endsOf(input.intent, textOf(given, "source"), textOf(given, "destination"));
    if (!ends.ok) return usage(shell, ends.error);
    const question = { ...ends.value, ...protocol.value };
    const answer = traceOf(worldOfIntent(input.intent), question);
    const live = given.live === true ? await liveOf(sendMarked, question, answer) : null;
    if (live?.ok === false) {
      shell.err(`weft trace: ${live.error}`);
      return EXIT.unreachable;
    }
    const told = live?.value ?? null;
    if (given.json === true) shell.out(JSON.stringify(answerOf(answer, question, told)));
    else for (const line of linesOf(answer, question, told)) shell.out(line);
    return answer.arrives && (told === null || told.isReceived) ? EXIT.ok : EXIT.found;
  },
});

async function liveOf(
  sendMarked: SendMarked,
  question: TraceQuestion,
  { forward }: Trace,
): Promise<Result<LiveTrace, string>> {
  const mac = forward.neighbour?.mac ?? null;
  return mac === null ? err(`nothing can be sent: ${forward.why}`) : sendMarked(question, mac);
}

function usage(shell: Shell, complaint: string): ExitCode {
  shell.err(`weft trace: ${complaint}`);
  return EXIT.usage;
}

type Asked = Pick<TraceQuestion, "protocol" | "port">;

const isProtocol = (text: string): text is TraceProtocol =>
  text === "icmp" || text === "tcp" || text === "udp";

function protocolOf(given: Given): Result<Asked, string> {
  const protocol = textOf(given, "protocol") ?? "icmp";
  if (!isProtocol(protocol)) return err(`--protocol is icmp, tcp or udp, not ${protocol}`);
  const text = textOf(given, "port");
  if (protocol === "icmp")
    return text === undefined ? ok({ protocol, port: 0 }) : err("--port is TCP's and UDP's");
  const port = Number(text ?? PORT_DEFAULT);
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  return isPort ? ok({ protocol, port }) : err(`--port is 1 to 65535, not ${text}`);
}

function worldOfIntent(intent: Intent): World {
  const namesByVtep = new Map<string, string>();
  for (const { key, spec } of intent.hosts.values())
    for (const vtep of spec.vteps) {
      const ip = parseIp(vtep);
      if (ip) namesByVtep.set(formatIp(ip), key);
    }
  return worldOf(namesByVtep, (name) =>
    intent.hosts.get(name)?.spec.managed ? compileHost(intent, name, emptyIdBook).rows : null,
  );
}

type Ends = Pick<TraceQuestion, "from" | "to">;

/** What the arguments name, with addresses of one family. */
function endsOf(intent: Intent, from = "", to = ""): Result<Ends, string> {
  const source = namedOf(intent, from);
  if (!source.ok) return source;
  const { port } = source.value;
  if (port === null) return err(`the source is a port, "tenant/port", not ${from}`);
  const target = parseIp(to) ? ok(holderOf(intent, port, to)) : namedOf(intent, to);
  if (!target.ok) return target;
  const pair = pairOf(source.value.addresses, target.value.addresses);
  if (pair === null) return err(`${from} and ${to} have no addresses of one family`);
  return ok({
    from: endOf(intent, port, pair[0]),
    to: endOf(intent, target.value.port, pair[1]),
  });
}

interface Named {
  readonly port: Port | null;
  readonly addresses: readonly IpAddress[];
}

/** "tenant/port", or one of its addresses behind a colon. */
function namedOf(intent: Intent, text: string): Result<Named, string> {
  const [, key = text, address] = /^([^/:]+\/[^:]+)(?::(.*))?$/.exec(text) ?? [];
  const port = intent.ports.get(key);
  if (!port) {
    const some = [...intent.ports.keys()].slice(0, 5).join(", ");
    return err(`no port ${key} in the intent: it has ${some || "none"}`);
  }
  const texts = address === undefined ? port.spec.addresses : [address];
  const addresses = texts.flatMap((one) => parseIp(one) ?? []);
  if (addresses.length > 0) return ok({ port, addresses });
  return err(
    address === undefined
      ? `${key} declares no address: name one, ${key}:ADDRESS`
      : `${address} is no address`,
  );
}

/** Whose a bare address is, as `asker` sees it: a port of its network, or of one that its router joins. */
function holderOf(intent: Intent, asker: Port, text: string): Named {
  const routers = routersByNetworkOf(intent);
  const own = networkKeyOf(asker);
  const router = routers.get(own);
  const ip = parseIp(text);
  const address = ip ? formatIp(ip) : "";
  const isNear = (port: Port): boolean => {
    const network = networkKeyOf(port);
    return network === own || (router !== undefined && routers.get(network) === router);
  };
  const has = ({ spec }: Port): boolean =>
    spec.addresses.some((one) => formatIp(parseIp(one) ?? { octets: NONE }) === address);
  const holder = [...intent.ports.values()].find((port) => has(port) && isNear(port)) ?? null;
  return { port: holder, addresses: ip ? [ip] : [] };
}

const NONE = new Uint8Array(16);

function pairOf(
  ours: readonly IpAddress[],
  theirs: readonly IpAddress[],
): readonly [IpAddress, IpAddress] | null {
  for (const own of ours)
    for (const other of theirs) if (own.family === other.family) return [own, other];
  return null;
}

function endOf(intent: Intent, port: Port | null, address: IpAddress): TraceEnd {
  if (port === null)
    return { port: null, host: null, mac: null, address, subnets: [], gateways: [] };
  const network = intent.networks.get(networkKeyOf(port));
  const { subnets = [], gateways = [] } = network?.spec ?? {};
  return {
    ...{ port: port.key, host: port.spec.host, mac: port.spec.mac.toLowerCase(), address },
    subnets: subnets.flatMap((subnet) => parsePrefix(subnet) ?? []),
    gateways: gateways.flatMap((gateway) => parseIp(gateway) ?? []),
  };
}
