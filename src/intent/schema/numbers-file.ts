/** The lock file beside an intent: numbers that weft gave, and numbers that rest. */
import { z } from "zod";
import { API_VERSION } from "./common.ts";

const number = z.int().min(1).max(0xffffff);

export const numbersFileSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  numbers: z
    .record(
      z
        .string()
        .regex(/^(router )?[^/ ]+\/[^/ ]+$/, "a key is tenant/network, or router tenant/name"),
      number,
    )
    .default({}),
  /** By number: what had it, named as in `numbers`. */
  resting: z.record(z.string().regex(/^[1-9]\d*$/, "a key is a number"), z.string()).default({}),
});
