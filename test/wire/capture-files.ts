/** Capture files built octet by octet, in either byte order. */

export interface FileOptions {
  readonly isLittle?: boolean;
  readonly linkType?: number;
}

/** Integers of a file in its byte order. */
class Words {
  readonly #octets: number[] = [];
  readonly #isLittle: boolean;

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  #put(value: number, octets: number): this {
    const big = Array.from({ length: octets }, (_, i) => (value >>> (8 * (octets - 1 - i))) & 0xff);
    this.#octets.push(...(this.#isLittle ? big.reverse() : big));
    return this;
  }

  u16(...values: readonly number[]): this {
    for (const value of values) this.#put(value, 2);
    return this;
  }

  u32(...values: readonly number[]): this {
    for (const value of values) this.#put(value, 4);
    return this;
  }

  raw(octets: Uint8Array): this {
    this.#octets.push(...octets);
    return this;
  }

  end(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }
}

/** A frame of which the capture kept `bytes`. */
export interface Kept {
  readonly bytes: Uint8Array;
  readonly wireOctets?: number;
}

export function pcapFile(
  frames: readonly Kept[],
  { isLittle = false, linkType = 1, magic = 0xa1b2c3d4 }: FileOptions & { magic?: number } = {},
): Uint8Array {
  const file = new Words(isLittle).u32(magic).u16(2, 4).u32(0, 0, 262_144, linkType);
  for (const [i, { bytes, wireOctets = bytes.length }] of frames.entries())
    file.u32(1_700_000_000 + i, 0, bytes.length, wireOctets).raw(bytes);
  return file.end();
}

const padded = (octets: Uint8Array): Uint8Array => {
  const out = new Uint8Array(Math.ceil(octets.length / 4) * 4);
  out.set(octets);
  return out;
};

/** One block: type, length, body, length. */
export function block(type: number, body: Uint8Array, isLittle: boolean): Uint8Array {
  const octets = 12 + padded(body).length;
  return new Words(isLittle).u32(type, octets).raw(padded(body)).u32(octets).end();
}

export const sectionBlock = (isLittle: boolean): Uint8Array =>
  block(
    0x0a0d0d0a,
    new Words(isLittle).u32(0x1a2b3c4d).u16(1, 0).u32(0xffffffff, 0xffffffff).end(),
    isLittle,
  );

export const interfaceBlock = (
  isLittle: boolean,
  linkType: number = 1,
  snapOctets: number = 0,
): Uint8Array => block(1, new Words(isLittle).u16(linkType, 0).u32(snapOctets).end(), isLittle);

export const enhancedBlock = (
  isLittle: boolean,
  { bytes, wireOctets = bytes.length }: Kept,
  on: number = 0,
): Uint8Array =>
  block(6, new Words(isLittle).u32(on, 0, 0, bytes.length, wireOctets).raw(bytes).end(), isLittle);

/** The block that enhanced ones replaced. */
export const obsoleteBlock = (isLittle: boolean, { bytes }: Kept): Uint8Array =>
  block(
    2,
    new Words(isLittle).u16(0, 0).u32(0, 0, bytes.length, bytes.length).raw(bytes).end(),
    isLittle,
  );

export const simpleBlock = (
  isLittle: boolean,
  { bytes, wireOctets = bytes.length }: Kept,
): Uint8Array => block(3, new Words(isLittle).u32(wireOctets).raw(bytes).end(), isLittle);

export const joined = (...blocks: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(blocks.reduce((octets, { length }) => octets + length, 0));
  let at = 0;
  for (const one of blocks) {
    out.set(one, at);
    at += one.length;
  }
  return out;
};

/** A file of one section and one interface. */
export const pcapngFile = (frames: readonly Kept[], isLittle: boolean = true): Uint8Array =>
  joined(
    sectionBlock(isLittle),
    interfaceBlock(isLittle),
    ...frames.map((frame) => enhancedBlock(isLittle, frame)),
  );
