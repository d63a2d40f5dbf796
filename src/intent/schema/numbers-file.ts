/** The lock file beside an intent: numbers that weft gave, and numbers that rest. */
import { z } from "zod";
import { API_VERSION } from "./kinds.ts";

const number = z.int().min(1).max(0xffffff);

export const numbersFileSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  numbers: z
    .record(z.string().regex(/^[^/]+\/[^/]+$/, "a key is tenant/network"), number)
    .default({}),
  /** By number: the network that had it. */
  resting: z.record(z.string().regex(/^[1-9]\d*$/, "a key is a number"), z.string()).default({}),
});
