/** Followers of the event ring: who wants drops, who wants every frame of which ports. */
import {
  type DatapathEvent,
  dropRecord,
  EventNames,
  isDrop,
  parseEvent,
  traceRecord,
} from "./events.ts";

/** False: the follower does not keep up, and has not got the record. */
export type Write = (record: object) => boolean;

/** What the streams ask of the agent. */
export interface StreamSource {
  /** Puts the set of traced ports in force before it returns. */
  readonly retraced: () => void;
  /** The datapath's total of events that were not told. */
  readonly eventsLost: () => number;
}

interface Follower {
  /** Null: all drops. */
  readonly ports: ReadonlySet<number> | null;
  readonly write: Write;
  /** The datapath's total when it was last told. */
  lostBefore: number;
  /** Not written for want of room. */
  missed: number;
}

export class EventStreams {
  readonly #host: string;
  readonly #source: StreamSource;
  readonly #followers = new Set<Follower>();
  #names: EventNames = new EventNames([]);

  constructor(host: string, source: StreamSource) {
    this.#host = host;
    this.#source = source;
  }

  set names(names: EventNames) {
    this.#names = names;
  }

  get followed(): boolean {
    return this.#followers.size > 0;
  }

  /** Ids of ports whose every frame is wanted. */
  get traced(): ReadonlySet<number> {
    return new Set([...this.#followers].flatMap(({ ports }) => [...(ports ?? [])]));
  }

  followDrops(write: Write): () => void {
    return this.#follow(null, write);
  }

  trace(ports: readonly number[], write: Write): () => void {
    const stop = this.#follow(new Set(ports), write);
    this.#source.retraced();
    return (): void => {
      if (stop()) this.#source.retraced();
    };
  }

  /** Nobody follows any more. */
  end(): void {
    this.#followers.clear();
  }

  /** The answer ends it; false: it had ended. */
  #follow(ports: ReadonlySet<number> | null, write: Write): () => boolean {
    const follower = { ports, write, lostBefore: this.#source.eventsLost(), missed: 0 };
    this.#followers.add(follower);
    return (): boolean => this.#followers.delete(follower);
  }

  deliver(samples: readonly Uint8Array[]): void {
    if (this.#followers.size === 0) return;
    for (const sample of samples) this.#deliverOne(parseEvent(sample));
  }

  #deliverOne(event: DatapathEvent): void {
    for (const follower of this.#followers) {
      const { ports } = follower;
      const record =
        ports === null
          ? isDrop(event.verdict) && dropRecord(event, this.#host, this.#names)
          : isOfPort(event.hook) && ports.has(event.port) && traceRecord(event, this.#names);
      if (record && !follower.write(record)) follower.missed++;
    }
  }

  /** Tells every follower how much was lost since the last time. */
  tellLost(): void {
    if (this.#followers.size === 0) return;
    const total = this.#source.eventsLost();
    for (const follower of this.#followers) {
      const lost = total - follower.lostBefore + follower.missed;
      if (lost <= 0 || !follower.write({ lost })) continue;
      follower.lostBefore = total;
      follower.missed = 0;
    }
  }
}

/** Told of the port that sent the frame, or that it was for. */
const isOfPort = (hook: DatapathEvent["hook"]): boolean =>
  hook === "from-port" || hook === "from-underlay";
