/** Octets that the kernel reserves in front of what a workload sends; iproute2 of Debian 12 does not show them. */
import { ask, NetlinkSocket } from "../../src/kernel/netlink.ts";
import { parseAttributes } from "../../src/wire/netlink/attribute.ts";
import { linkQuery } from "../../src/wire/netlink/link.ts";
import type { Reader } from "../../src/wire/reader.ts";
import { inside, must } from "../kernel/scratch.ts";
import type { Fabric } from "./fabric.ts";

/** linux/if_link.h: IFLA_HEADROOM. */
const HEADROOM = 68;
const HEADER_OCTETS = 16;

export function headroomOf(fabric: Fabric, workload: string): number {
  return inside(fabric.namespace(workload), () => {
    const on = must(NetlinkSocket.open());
    const found = ask(on, linkQuery("eth0"), (r: Reader): number | null => {
      r.skip(HEADER_OCTETS);
      let headroom: number | null = null;
      parseAttributes(r, (type: number, value: Reader) => {
        if (type === HEADROOM) headroom = value.u16le();
      });
      return headroom;
    });
    on.close();
    const [headroom] = must(found);
    if (headroom === undefined) throw new Error("the kernel does not tell a link's headroom");
    return headroom;
  });
}
