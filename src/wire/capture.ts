/** What capture files give, of whatever format: frames, and what is wrong with the file. */

export interface CapturedFrame {
  /** From 1, as every analyser counts: frames that are not Ethernet count, too. */
  readonly number: number;
  /** A view into the file. */
  readonly bytes: Uint8Array;
  /** On the wire; more than `bytes` if the capture was cut. */
  readonly wireOctets: number;
}

export interface Capture {
  readonly frames: readonly CapturedFrame[];
  readonly faults: readonly CaptureFault[];
}

/** What cannot be read, and where. */
export interface CaptureFault {
  readonly kind: "not-a-capture" | "truncated" | "malformed" | "not-ethernet";
  /** Octets from the start of the file. */
  readonly offset: number;
  readonly detail: string;
}

export const LINK_TYPE_ETHERNET = 1;

export const linkTypeText = (linkType: number): string =>
  `link type ${linkType}: only Ethernet (1) can be read`;

/** A record that says more than the file has. */
export const cutOff = (offset: number, octets: number, left: number): CaptureFault => ({
  kind: "truncated",
  offset,
  detail: `the record there has ${octets} octets, and the file ${left} more`,
});
