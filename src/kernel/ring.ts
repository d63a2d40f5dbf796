/** The datapath's event ring buffer: polled by its fd, drained by copy. */
import koffi from "koffi";
import { err, ok, type Result } from "../base/result.ts";
import type { BpfError } from "./bpf.ts";
import { errnoName, errnoText } from "./libc.ts";

const libbpf = koffi.load("libbpf.so.1");
const samplePrototype = koffi.proto("int weft_ring_sample(void *, void *, size_t)");
const newRing: (fd: number, callback: bigint, context: null, options: null) => bigint | null =
  libbpf.func("void *ring_buffer__new(int, weft_ring_sample *, void *, const void *)");
const consumeRing: (ring: bigint) => number = libbpf.func("int ring_buffer__consume(void *)");
const freeRing: (ring: bigint) => void = libbpf.func("void ring_buffer__free(void *)");
const ringFd: (ring: bigint) => number = libbpf.func("int ring_buffer__epoll_fd(void *)");

/** Readable (`fd`) when there is something to drain. */
export class EventRing {
  readonly fd: number;
  readonly #ring: bigint;
  readonly #callback: bigint;
  readonly #drained: Uint8Array[];

  private constructor(ring: bigint, callback: bigint, drained: Uint8Array[]) {
    this.#ring = ring;
    this.#callback = callback;
    this.#drained = drained;
    this.fd = ringFd(ring);
  }

  static open(mapFd: number): Result<EventRing, BpfError> {
    const drained: Uint8Array[] = [];
    const callback = koffi.register(
      (_context: unknown, sample: bigint, octets: number | bigint): number => {
        // The memory is the kernel's again once we return: copy.
        drained.push(new Uint8Array(koffi.view(sample, Number(octets))).slice());
        return 0;
      },
      koffi.pointer(samplePrototype),
    );
    const ring = newRing(mapFd, callback, null, null);
    if (ring === null) {
      koffi.unregister(callback);
      const errno = koffi.errno();
      return err({
        kind: "bpf",
        call: "open the event ring",
        errno,
        name: errnoName(errno),
        detail: errnoText(errno),
      });
    }
    return ok(new EventRing(ring, callback, drained));
  }

  /** Every event since the last time, oldest first. */
  drain(): readonly Uint8Array[] {
    consumeRing(this.#ring);
    return this.#drained.splice(0);
  }

  close(): void {
    freeRing(this.#ring);
    koffi.unregister(this.#callback);
  }
}
