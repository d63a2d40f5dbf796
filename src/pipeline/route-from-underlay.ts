/**
 * A frame out of a tunnel that is for a router of this host, or for the gateway that this host is: the twin of
 * route_from_underlay in datapath/lib/route.h, check by check in its order.
 */
import { type Departure, dropped } from "./departure.ts";
import { type Admitted, exceeds, innerOf, outboundAgain, puntWhole } from "./emergence.ts";
import { forward } from "./forward.ts";
import { clampMss } from "./mss.ts";
import { consult } from "./route.ts";

export function routeFromUnderlay(admitted: Admitted): Departure {
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
  const isOn = place.kind === "group";
  if (isOn && !network.isGateway && place.movedUntilSeconds < nowSeconds)
    return dropped("split-horizon");
  if (isOn && tunnel.ttl <= 1) return dropped("ttl-exceeded");
  const inner = innerOf(admitted);
  if (inner === null) return dropped("decap-failed");
  const { flow, ...outbound } = outboundAgain(admitted, inner);
  const trafficClass = network.dscp === "pipe" ? flow.trafficClass & 3 : flow.trafficClass;
  const clamped = network.mssClamp ? clampMss(inner, place.mtu) : null;
  const next = forward(
    { ...outbound, frame: clamped ?? inner, flow: { ...flow, trafficClass } },
    place,
  );
  const straggler = isOn && !network.isGateway ? { "forwarded-straggler": 1 } : {};
  const beside = { ...next.beside, ...straggler, ...(clamped ? { "mss-clamped": 1 } : {}) };
  return { ...next, beside };
}
