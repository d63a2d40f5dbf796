/**
 * pcapng files (draft-ietf-opsawg-pcapng): blocks of type, length, body, length. A section header says the byte order
 * of what follows; interface descriptions say the link type of the packets that name them. Reads enhanced, simple and
 * obsolete packet blocks and skips all others. Leaves out: time, options, statistics, name resolution.
 */
import {
  type Capture,
  type CapturedFrame,
  type CaptureFault,
  cutOff,
  LINK_TYPE_ETHERNET,
  linkTypeText,
} from "./capture.ts";
import { Reader } from "./reader.ts";

const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  packet: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;
const MAGIC = 0x1a2b3c4d;
/** Type, length, and the length again. */
const BLOCK_OCTETS = 12;

interface Interface {
  readonly linkType: number;
  /** Octets kept of each frame; 0: all. */
  readonly snapOctets: number;
}

export function parsePcapng(file: Uint8Array): Capture {
  const walk = new Walk(file);
  while (walk.block());
  return { frames: walk.frames, faults: walk.faults };
}

class Walk {
  readonly frames: CapturedFrame[] = [];
  readonly faults: CaptureFault[] = [];
  readonly #file: Uint8Array;
  readonly #r: Reader;
  #isLittle: boolean = false;
  #packets: number = 0;
  #interfaces: Interface[] = [];

  constructor(file: Uint8Array) {
    this.#file = file;
    this.#r = new Reader(file);
  }

  #u16(): number {
    return this.#isLittle ? this.#r.u16le() : this.#r.u16();
  }

  #u32(): number {
    return this.#isLittle ? this.#r.u32le() : this.#r.u32();
  }

  #fault(kind: CaptureFault["kind"], offset: number, detail: string): false {
    this.faults.push({ kind, offset, detail });
    return false;
  }

  /** Reads one block; false at the end, and where nothing further can be made out. */
  block(): boolean {
    const r = this.#r;
    const offset = r.pos;
    if (r.left === 0) return false;
    if (r.left < BLOCK_OCTETS) return this.#fault("truncated", offset, "a block is cut off");
    // The type of a section header reads alike in both orders; its own magic says which one begins.
    if (new Reader(this.#file.subarray(offset, offset + 4)).u32() === BLOCK.section) {
      const magic = new Reader(this.#file.subarray(offset + 8, offset + 12));
      this.#isLittle = magic.u32() !== MAGIC;
      magic.pos = 0;
      if (this.#isLittle && magic.u32le() !== MAGIC)
        return this.#fault("malformed", offset + 8, "a section of neither byte order");
      this.#interfaces = [];
    }
    const type = this.#u32();
    const octets = this.#u32();
    if (octets < BLOCK_OCTETS || octets % 4 !== 0)
      return this.#fault("malformed", offset + 4, `a block of ${octets} octets`);
    if (octets - 8 > r.left) return this.#fault("truncated", offset, blockText(octets, r.left + 8));
    const outer = r.enter(octets - BLOCK_OCTETS);
    this.#body(type, offset);
    if (r.fault !== "") return this.#fault("malformed", offset, "a block too short for its type");
    r.leave(outer);
    return this.#u32() === octets
      ? true
      : this.#fault("malformed", r.pos - 4, "a block whose two lengths differ");
  }

  #body(type: number, offset: number): void {
    switch (type) {
      case BLOCK.interface: {
        const linkType = this.#u16();
        this.#r.skip(2);
        this.#interfaces.push({ linkType, snapOctets: this.#u32() });
        break;
      }
      case BLOCK.enhancedPacket:
        this.#packet(offset, this.#u32());
        break;
      case BLOCK.packet: {
        const on = this.#u16();
        this.#r.skip(2);
        this.#packet(offset, on);
        break;
      }
      case BLOCK.simplePacket: {
        const wireOctets = this.#u32();
        const snap = this.#interfaces[0]?.snapOctets ?? 0;
        const octets = snap === 0 ? wireOctets : Math.min(wireOctets, snap);
        this.#frame(offset, 0, { octets, wireOctets });
        break;
      }
      default:
    }
  }

  #packet(offset: number, on: number): void {
    this.#r.skip(8);
    const octets = this.#u32();
    this.#frame(offset, on, { octets, wireOctets: this.#u32() });
  }

  #frame(
    offset: number,
    on: number,
    { octets, wireOctets }: { readonly octets: number; readonly wireOctets: number },
  ): void {
    const number = ++this.#packets;
    const { pos, left, fault } = this.#r;
    if (fault !== "") return;
    const from = this.#interfaces[on];
    if (octets > left) this.faults.push(cutOff(offset, octets, left));
    else if (from === undefined)
      this.#fault("malformed", offset, `frame ${number} is of interface ${on}, which is nowhere`);
    else if (from.linkType !== LINK_TYPE_ETHERNET)
      this.#fault("not-ethernet", offset, `frame ${number} has ${linkTypeText(from.linkType)}`);
    else {
      const bytes = this.#file.subarray(pos, pos + octets);
      this.frames.push({ number, bytes, wireOctets: Math.max(octets, wireOctets) });
    }
  }
}

const blockText = (octets: number, left: number): string =>
  `a block of ${octets} octets, of which ${left} are there`;
