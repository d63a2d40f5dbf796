/** The contenders that figures refer to. */

/** What all others are measured against. */
export const BASELINE = "bridge";
/** The same once more: how far apart two equal things come out. */
export const FLOOR = "bridge-again";
export const KERNEL = "kernel-vxlan";
