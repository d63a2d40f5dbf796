/** Figures about tunnel overhead that are often quoted and wrong, or right under a definition that nobody states. */
import {
  addedOctetsOf,
  goodputOf,
  innerMtuOf,
  mtuForGoodput,
  octetsOf,
  percent,
  type Stack,
} from "./overhead.ts";

/** A figure as it is quoted, and what it should be. */
export interface Claim {
  readonly quoted: string;
  readonly correct: string;
  readonly because: string;
}

const plain = (
  encapsulation: Stack["encapsulation"],
  underlay: Stack["underlay"] = "ipv4",
): Stack => ({ encapsulation, underlay, outerTags: 0, groupPolicy: false, esp: null });

const VXLAN = plain("vxlan");
const NVGRE = plain("nvgre");
/** Frame and payload of all figures here; the plain stacks add the same to every payload. */
const PAYLOAD = 1500;
const SHARE = 0.95;

/** Each computed from the layers, so that no claim here can be wrong by a misprint. */
export function planClaims(): readonly Claim[] {
  return [nvgreFraming(), twoDefinitions(), twoDenominators(), sameMtu(), lineShare()];
}

const framingOf = (stack: Stack | null): number => octetsOf(stack, PAYLOAD).frame - PAYLOAD;
const addedBy = (stack: Stack): number => addedOctetsOf(stack, PAYLOAD);

function nvgreFraming(): Claim {
  const whole = framingOf(NVGRE);
  const others = [addedBy(NVGRE), whole - 4, whole, octetsOf(NVGRE, PAYLOAD).line - PAYLOAD];
  return {
    quoted: "NVGRE costs 58 octets (Ethernet, IP, GRE, inner Ethernet), where VXLAN costs 68",
    correct: `${whole}, counted like VXLAN's ${framingOf(VXLAN)}; over IPv6 ${framingOf(plain("nvgre", "ipv6"))}`,
    because:
      "Ethernet 14, IPv4 20, GRE 8, inner Ethernet 14, FCS 4: NVGRE's GRE has a key, which makes it 8 octets " +
      `(RFC 7637 §3.2). No way to count gives 58: ${others.join(", ")} are what is added, framing ` +
      "without and with the FCS, and with preamble and gap.",
  };
}

function twoDefinitions(): Claim {
  const difference = framingOf(VXLAN) - framingOf(NVGRE);
  return {
    quoted: "VXLAN costs 50 octets, or 68; NVGRE 42, or 58",
    correct:
      `added to the workload's frame: VXLAN ${addedBy(VXLAN)}, NVGRE ${addedBy(NVGRE)} ` +
      `(IPv6: ${addedBy(plain("vxlan", "ipv6"))}, ${addedBy(plain("nvgre", "ipv6"))}); ` +
      `all framing around an IP packet: ${framingOf(VXLAN)}, ${framingOf(NVGRE)}, and ${framingOf(null)} without a tunnel`,
    because:
      "The first says what a tunnel adds, the second also counts the Ethernet header and FCS that the frame " +
      `has without one. Under either the two differ by ${difference} octets, UDP's header, never by 10.`,
  };
}

function twoDenominators(): Claim {
  const all = [null, VXLAN, NVGRE];
  const list = (share: (stack: Stack | null) => number): string =>
    all.map((stack) => `${percent(share(stack)).toFixed(2)} %`).join(", ");
  const ofPayload = list((stack) => framingOf(stack) / PAYLOAD);
  const ofFrame = list((stack) => framingOf(stack) / octetsOf(stack, PAYLOAD).frame);
  const ofLine = list((stack) => 1 - PAYLOAD / octetsOf(stack, PAYLOAD).line);
  return {
    quoted: "overhead is 1.2 % without a tunnel, 4.5 % with VXLAN and 3.8 % with NVGRE",
    correct: `of a payload of ${PAYLOAD}: ${ofPayload}; of the frame: ${ofFrame}; of the line: ${ofLine}`,
    because:
      "The first two are shares of the payload, the third is one of the frame (60 of 1560): one list, two " +
      "denominators.",
  };
}

function sameMtu(): Claim {
  const mtus = (["ipv4", "ipv6"] as const).map(
    (family) =>
      `${innerMtuOf(plain("vxlan", family), PAYLOAD)} VXLAN and ${innerMtuOf(plain("nvgre", family), PAYLOAD)} NVGRE over ${family === "ipv4" ? "IPv4" : "IPv6"}`,
  );
  const [vxlan, nvgre] = [VXLAN, NVGRE].map((stack) => octetsOf(stack, PAYLOAD).packet);
  return {
    quoted: "a payload of 1500 octets in a tunnel, at an underlay MTU of 1500",
    correct: `at ${PAYLOAD} the inner MTU is ${mtus.join(", ")}; a payload of ${PAYLOAD} needs ${vxlan} or ${nvgre}`,
    because:
      "A tunnel end must not fragment (RFC 7348 §4.3, RFC 7637 §4.4): the headers come out of the underlay's MTU, or the " +
      "underlay's MTU is raised by them.",
  };
}

function lineShare(): Claim {
  const share = (stack: Stack | null, mtu: number): string =>
    `${percent(goodputOf(stack, mtu)).toFixed(2)} %`;
  const relative = (stack: Stack): string =>
    `${percent(goodputOf(stack, PAYLOAD) / goodputOf(null, PAYLOAD)).toFixed(2)} %`;
  return {
    quoted: "more than 95 % of the physical capacity, at MTU 1500",
    correct:
      `TCP gets ${share(null, PAYLOAD)} without a tunnel, ${share(VXLAN, PAYLOAD)} in VXLAN, ${share(NVGRE, PAYLOAD)} in NVGRE; ` +
      `VXLAN passes 95 % from MTU ${mtuForGoodput(VXLAN, SHARE)} and gets ${share(VXLAN, 9000)} at 9000`,
    because:
      "Preamble, gap, Ethernet, IP and TCP headers leave less than that of 1500 octets without any tunnel. Compared with " +
      `no tunnel at the same MTU, VXLAN gets ${relative(VXLAN)} and NVGRE ${relative(NVGRE)}: there 95 % holds.`,
  };
}
