/**
 * A frame out of a tunnel that is for a router of this host, or for the gateway that this host is: the twin of
 * route_from_underlay in datapath/lib/route.h, check by check in its order.
 */
import { type Departure, dropped } from "./departure.ts";
import {
  type Admitted,
  exceeds,
  flowAgain,
  innerOf,
  isBack,
  puntWhole,
  ttlAgain,
} from "./emergence.ts";
import { forward } from "./forward.ts";
import type { Place } from "./host-tables.ts";
import { clampMss } from "./mss.ts";
import { consult } from "./route.ts";

/** `isGateway`: this host is the sender's gateway. */
export function routeFromUnderlay(admitted: Admitted, isGateway: boolean): Departure {
  const { frame, tables, tunnel, network, nowSeconds } = admitted;
  const { space } = network;
  const found = consult({ frame, at: tunnel.innerAt, space, tables }, nowSeconds);
  if (found.kind === "refused") {
    if (found.why === "no-route") return puntWhole(admitted, "no-route", 0);
    return found.why === "ttl-exceeded" ? puntWhole(admitted, "ttl", 0) : dropped(found.why);
  }
  const { place, headerOctets, mayFragment } = found;
  if (place.kind === "gateway" || place.kind === "glean") return puntWhole(admitted, place.kind, 0);
  if (exceeds(frame, tunnel, place.mtu, headerOctets))
    return puntWhole(admitted, mayFragment ? "fragment" : "too-big", place.mtu);
  return goOn(admitted, place, isGateway);
}

function goOn(admitted: Admitted, place: Place, isGateway: boolean): Departure {
  const { tables, network, nowSeconds } = admitted;
  const flow = flowAgain(admitted);
  const ttl = ttlAgain(admitted);
  const isAgain = place.kind === "group";
  // A gateway sends back to where it came from as well: both ends may be there.
  const isStraggler = isAgain && !isGateway;
  const isMoved = place.movedUntilSeconds >= nowSeconds;
  if (isStraggler && (!isMoved || isBack(admitted, place.target, flow)))
    return dropped("split-horizon");
  if (isAgain && ttl < 1) return dropped("ttl-exceeded");
  const inner = innerOf(admitted);
  if (inner === null) return dropped("decap-failed");
  const clamped = network.mssClamp ? clampMss(inner, place.mtu) : null;
  const next = forward({ frame: clamped ?? inner, tables, flow, ttl }, place);
  const went = isStraggler && next.out.length > 0;
  const straggler = went ? { "forwarded-straggler": 1 } : {};
  const clamp = clamped ? { "mss-clamped": 1 } : {};
  return { ...next, beside: { ...next.beside, ...straggler, ...clamp } };
}
