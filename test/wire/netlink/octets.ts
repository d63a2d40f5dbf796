/** Octets of a hex text with blanks between: vectors are written as four-octet words. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
