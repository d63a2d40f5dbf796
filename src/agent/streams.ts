/** Followers of the event ring: who wants drops, who wants every frame of which ports. */
import {
  type DatapathEvent,
  dropRecord,
  EventNames,
  isDrop,
  parseEvent,
  traceRecord,
} from "./events.ts";

type Write = (record: object) => void;

interface Tracer {
  readonly ports: ReadonlySet<number>;
  readonly write: Write;
}

export class EventStreams {
  readonly #host: string;
  readonly #retraced: () => void;
  readonly #drops = new Set<Write>();
  readonly #tracers = new Set<Tracer>();
  #names: EventNames = new EventNames([]);
  #lost: number = 0;

  /** `retraced` is called, and puts it in force before it returns, when the set of traced ports has changed. */
  constructor(host: string, retraced: () => void) {
    this.#host = host;
    this.#retraced = retraced;
  }

  set names(names: EventNames) {
    this.#names = names;
  }

  /** Ids of ports whose every frame is wanted. */
  get traced(): ReadonlySet<number> {
    return new Set([...this.#tracers].flatMap((tracer) => [...tracer.ports]));
  }

  followDrops(write: Write): () => void {
    this.#drops.add(write);
    return (): void => {
      this.#drops.delete(write);
    };
  }

  trace(ports: readonly number[], write: Write): () => void {
    const tracer = { ports: new Set(ports), write };
    this.#tracers.add(tracer);
    this.#retraced();
    return (): void => {
      this.#tracers.delete(tracer);
      this.#retraced();
    };
  }

  deliver(samples: readonly Uint8Array[]): void {
    if (this.#drops.size === 0 && this.#tracers.size === 0) return;
    for (const sample of samples) this.#deliverOne(parseEvent(sample));
  }

  #deliverOne(event: DatapathEvent): void {
    if (isDrop(event.verdict) && this.#drops.size > 0) {
      const record = dropRecord(event, this.#host, this.#names);
      for (const write of this.#drops) write(record);
    }
    for (const { ports, write } of this.#tracers)
      if (event.hook === "from-port" && ports.has(event.port))
        write(traceRecord(event, this.#names));
  }

  /** The total of events lost so far; what is new since the last time is told to every follower. */
  tellLost(total: number): void {
    const lost = total - this.#lost;
    this.#lost = total;
    if (lost <= 0) return;
    for (const write of this.#drops) write({ lost });
    for (const { write } of this.#tracers) write({ lost });
  }
}
