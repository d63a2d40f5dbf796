/** A decoded frame as one JSON object, in the order of fields that is promised, and as one line for people. */
import type { DecodedFrame, Reason } from "../pipeline/decode.ts";
import type { Layer } from "../wire/layers/scan.ts";

export interface DecodeAnswer {
  readonly frame: number;
  readonly action: DecodedFrame["action"];
  readonly reason: Reason | null;
  readonly encapsulation: DecodedFrame["encapsulation"];
  readonly vni: number | null;
  readonly flowId: number | null;
  readonly layers: readonly Readonly<Record<string, unknown>>[];
}

export const answerOf = (frame: number, decoded: DecodedFrame): DecodeAnswer => ({
  frame,
  action: decoded.action,
  reason: decoded.reason,
  encapsulation: decoded.encapsulation,
  vni: decoded.vni,
  flowId: decoded.flowId,
  layers: decoded.layers.map(({ protocol, offset, octets, fields, notes }) => ({
    protocol,
    offset,
    octets,
    ...fields,
    notes,
  })),
});

/** Why, in words; verdicts that no arriving frame can have go by their names. */
const sentences: Partial<Readonly<Record<Reason, string>>> = {
  "not-tunnel": "not a tunnel packet for this host: left to the kernel",
  "passed-shared": "not ours, on an address that another overlay shares: left to the kernel",
  "outer-truncated": "it ends inside the tunnel header",
  "outer-fragment": "a fragment of a tunnel packet: tunnel endpoints do not fragment",
  "outer-length": "the IP or UDP length contradicts the frame",
  "vxlan-flags": "the I flag is clear, so the VNI is not valid",
  "nvgre-header":
    "GRE with Ethernet inside that is not NVGRE: it must have a key, and nothing else",
  "udp6-zero": "UDP over IPv6 without a checksum",
  "unknown-vni": "no network has this number",
  "unknown-peer": "the sender is no host of the intent",
  "not-admitted": "the sender has no part in this network",
  "inner-truncated": "it ends inside the inner Ethernet header",
  "inner-tagged": "the inner frame has a VLAN tag",
  "inner-source": "the inner source MAC is a group or zero",
  "too-big": "the inner packet is larger than the network's MTU",
  ecn: "congestion was met on the way, and the inner packet cannot carry that (RFC 6040)",
  "decap-failed": "the inner IPv6 packet ends inside its header",
  "unknown-unicast": "nobody here has the inner destination MAC",
  "fdb-drop": "the intent says to drop what is for this MAC",
  "no-receiver": "the network has no port on this host",
  "split-horizon": "the inner destination is behind another tunnel: never from tunnel to tunnel",
};

/** Number, what is done, the layers with a bar before the inner frame, why, and in brackets what is odd. */
export function lineOf(frame: number, decoded: DecodedFrame): string {
  const { action, reason } = decoded;
  const why = reason === null ? "" : `: ${sentences[reason] ?? reason}`;
  const verdict = reason === null || reason === "not-tunnel" ? action : `${action} ${reason}`;
  const inner = decoded.layers.findLastIndex(({ protocol }) => protocol === "ethernet");
  const parts =
    inner > 0 ? [decoded.layers.slice(0, inner), decoded.layers.slice(inner)] : [decoded.layers];
  const layers = parts.map((part) =>
    part
      .map(wordsOf)
      .filter((words) => words !== "")
      .join(", "),
  );
  return `${frame}\t${verdict}\t${layers.join(" | ")}${why}${notesOf(decoded.layers)}`;
}

function notesOf(layers: readonly Layer[]): string {
  const odd = layers
    .filter(({ notes }) => notes.length > 0)
    .map(({ protocol, notes }) => `${protocol} ${notes.join(" ")}`);
  return odd.length === 0 ? "" : ` [${odd.join("; ")}]`;
}

/** What tells one frame from another. */
function wordsOf({ protocol, octets, fields: f }: Layer): string {
  switch (protocol) {
    case "ethernet":
      return `${f.source ?? "?"} > ${f.destination ?? "?"}`;
    case "ipv4":
    case "ipv6":
      return `${f.source ?? "?"} > ${f.destination ?? "?"}`;
    case "udp":
    case "tcp":
      return `${protocol} ${f.sourcePort ?? "?"} > ${f.destinationPort ?? "?"}`;
    case "vlan":
      return `vlan ${f.vid ?? "?"}`;
    case "vxlan":
      return `vxlan ${f.vni ?? "?"}`;
    case "nvgre":
      return `nvgre ${f.vsid ?? "?"} flow ${f.flowId ?? "?"}`;
    case "gre":
      return `gre ${f.protocolType ?? "?"}`;
    case "arp":
      return `arp ${f.operation === 2 ? "reply" : "request"} ${f.senderAddress ?? "?"} > ${f.targetAddress ?? "?"}`;
    case "icmpv6":
      return typeof f.message === "string" ? f.message : `icmpv6 ${f.type ?? "?"}`;
    case "icmp":
      return `icmp ${f.type ?? "?"}`;
    case "data":
      return `${octets} octets`;
    case "trailer":
      return "";
    default:
      return protocol;
  }
}
