/**
 * The gateway for hosts that have none of their own, as far as this host may be it: watches the other candidates, says
 * in the rows which networks it serves, and tells those networks when it begins to.
 */
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { announcementOf } from "../endpoints/question.ts";
import { announcedOf, deadOf, servedOf, watchedOf } from "../endpoints/standby.ts";
import {
  initial,
  isAlive,
  nextDeadline,
  step,
  type WatchAction,
  type WatchEvent,
  type WatchState,
} from "../endpoints/watch.ts";
import { OWN_PART } from "../intent/host-parts.ts";
import { monotonicMs } from "../io/clock.ts";
import { log } from "../io/log.ts";
import { EchoSocket } from "../kernel/echo-socket.ts";
import { VNI_IN_FLAG } from "../rows/abi.generated.ts";
import { integerOf } from "../rows/pack.ts";
import type { Row, RowParts, StandbyRow } from "../rows/rows.ts";
import type { Question } from "./endpoints.ts";
import type { Entries } from "./entries.ts";

type News = Extract<WatchAction, { readonly do: "tell" }>;

export class Standby {
  readonly #rowsByPart = new Map<string, readonly StandbyRow[]>();
  #rows: readonly StandbyRow[] = [];
  #networks: ReadonlySet<number> = new Set();
  #state: WatchState = initial(monotonicMs());
  /** Null: there is nobody to watch, or no socket to be had. */
  #echoes: EchoSocket | null = null;
  #served: ReadonlySet<number>;
  /** Networks that are to be told, when the rows are in force. */
  readonly #unannounced = new Set<number>();
  /** Addresses that cannot be asked: told once. */
  readonly #refused = new Set<string>();

  /** `arrivals`: what is in force, of an earlier life. */
  constructor(arrivals: Entries) {
    const gateways = [...arrivals.values()].filter(
      ({ row }) => (integerOf("vniInRow", row, "flags") & VNI_IN_FLAG.VNI_IN_GATEWAY) !== 0,
    );
    this.#served = new Set(gateways.map(({ row }) => integerOf("vniInRow", row, "network")));
  }

  /** Parts have changed; null: any. */
  take(parts: RowParts, changed: ReadonlySet<string> | null): void {
    if (!changed) this.#rowsByPart.clear();
    for (const part of changed ?? parts.keys()) {
      const rows = (parts.get(part) ?? []).filter((row) => row.table === "standby");
      if (rows.length > 0) this.#rowsByPart.set(part, rows);
      else this.#rowsByPart.delete(part);
    }
    this.#rows = [...this.#rowsByPart.values()].flat();
    this.#networks = new Set(this.#rows.map(({ network }) => network));
    const dead = deadOf(this.#rows, this.#served);
    this.#feed({ on: "watch", addresses: watchedOf(this.#rows), dead });
    this.#serve(new Set());
    this.#openOrClose();
  }

  get fds(): readonly number[] {
    return this.#echoes?.fds ?? [];
  }

  /** Infinity: there is nobody to watch. */
  get dueAtMs(): number {
    return this.#echoes ? nextDeadline(this.#state) : Number.POSITIVE_INFINITY;
  }

  /** Takes up answers, and asks when it is time; the parts whose rows are others now. */
  turn(): ReadonlySet<string> {
    const news = (this.#echoes?.answers() ?? []).flatMap((address) =>
      this.#feed({ on: "answer", address }),
    );
    if (monotonicMs() >= this.dueAtMs) news.push(...this.#feed({ on: "deadline" }));
    if (news.length === 0) return new Set();
    return this.#serve(new Set(news.flatMap(({ address, alive }) => (alive ? address : []))));
  }

  /** `parts`, with the gateways of this moment. */
  apply(parts: RowParts): RowParts {
    if (this.#rowsByPart.size === 0) return parts;
    const out = new Map(parts);
    for (const part of this.#rowsByPart.keys())
      out.set(
        part,
        (parts.get(part) ?? []).map((row) => this.#asServed(row)),
      );
    return out;
  }

  /** What the networks are to hear; to be asked when the rows are in force. */
  announcements(parts: RowParts): readonly Question[] {
    if (this.#unannounced.size === 0) return [];
    const settings = parts.get(OWN_PART)?.find((row) => row.table === "settings");
    const mac = parseMac(settings?.gatewayMac ?? "");
    const networks = [...this.#unannounced];
    this.#unannounced.clear();
    if (!mac) return [];
    const gateways = [...parts.values()].flat().filter((row) => row.table === "gateway");
    return networks.flatMap((network) =>
      gateways
        .filter((row) => row.network === network)
        .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((text) => parseIp(text ?? "") ?? []))
        .map((address) => announcementOf(address, mac, { isRouter: true }))
        .map((frame): Question => ({ do: "send-to-network", network, frame })),
    );
  }

  #asServed(row: Row): Row {
    if (row.table !== "vni_in" || row.isRouter || !this.#networks.has(row.network)) return row;
    return { ...row, isGateway: this.#served.has(row.network) };
  }

  /** What is told of hosts. */
  #feed(event: WatchEvent): readonly News[] {
    const { state, actions } = step(this.#state, event, monotonicMs());
    this.#state = state;
    for (const action of actions) if (action.do === "ask") this.#ask(action.address);
    const news = actions.filter((action) => action.do === "tell");
    for (const { address, alive } of news)
      log(alive ? "info" : "warning", alive ? "a host is back" : "a host is gone", { address });
    return news;
  }

  #ask(address: string): void {
    const asked = this.#echoes?.ask(address);
    // Without a way to him he is as good as dead, and that is what comes of no answer.
    if (!asked || asked.ok) this.#refused.delete(address);
    else if (!this.#refused.has(address)) {
      this.#refused.add(address);
      log("warning", "a host cannot be asked whether it is there", { address, ...asked.error });
    }
  }

  #serve(back: ReadonlySet<string>): ReadonlySet<string> {
    const before = this.#served;
    const after = servedOf(this.#rows, (address) => isAlive(this.#state, address));
    this.#served = after;
    for (const network of announcedOf(this.#rows, [before, after], back))
      this.#unannounced.add(network);
    const changed = [...this.#rowsByPart].filter(([, rows]) =>
      rows.some(({ network }) => before.has(network) !== after.has(network)),
    );
    for (const [part] of changed) log("info", "the gateway for other hosts changes", { part });
    return new Set(changed.map(([part]) => part));
  }

  #openOrClose(): void {
    const isNeeded = this.#rows.length > 0;
    if (isNeeded === (this.#echoes !== null)) return;
    if (!isNeeded) {
      this.close();
      return;
    }
    const opened = EchoSocket.open();
    if (!opened.ok) log("error", "other gateways are not watched", { ...opened.error });
    this.#echoes = opened.ok ? opened.value : null;
  }

  close(): void {
    this.#echoes?.close();
    this.#echoes = null;
  }
}
