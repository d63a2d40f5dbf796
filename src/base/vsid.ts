/** NVGRE's network numbers (RFC 7637 §3.4): 0 to 0xFFF are reserved, 0xFFFFFF is for vendors between themselves. */

/** Of a number of 24 bits: whether a network may have it. */
export const isLegalVsid = (vsid: number): boolean => vsid >= 0x1000 && vsid < 0xff_ff_ff;
