/** Layers with MAC addresses: Ethernet, tags, ARP. */
import { formatIp } from "../../base/ip.ts";
import { formatMac, isGroupMac } from "../../base/mac.ts";
import { parseArp } from "../arp.ts";
import { parseEthernet, parseVlanTag } from "../ethernet.ts";
import { hex, type Next, noted, type Scan } from "./scan.ts";

export function ethernet(scan: Scan): Next {
  const header = scan.read("ethernet", parseEthernet, ({ destination, source, etherType }) => ({
    fields: {
      destination: formatMac(destination),
      source: formatMac(source),
      etherType: hex(etherType, 4),
    },
    notes: noted({
      "source-is-group": isGroupMac(source),
      "source-is-zero": source.every((octet) => octet === 0),
    }),
  }));
  return header && { kind: "ether-type", etherType: header.etherType };
}

export function vlan(scan: Scan): Next {
  const tag = scan.read("vlan", parseVlanTag, ({ vid, priority, dropEligible, etherType }) => ({
    fields: { vid, priority, dropEligible, etherType: hex(etherType, 4) },
    notes: [],
  }));
  return tag && { kind: "ether-type", etherType: tag.etherType };
}

export function arp(scan: Scan): Next {
  scan.read("arp", parseArp, (message, at) => ({
    fields: {
      operation: message.operation,
      senderMac: formatMac(message.senderMac),
      senderAddress: formatIp({ octets: message.senderAddress }),
      targetMac: formatMac(message.targetMac),
      targetAddress: formatIp({ octets: message.targetAddress }),
    },
    notes: noted({
      ...scan.narrow(at, ARP_OCTETS),
      "source-is-group": isGroupMac(message.senderMac),
    }),
  }));
  return null;
}

const ARP_OCTETS = 28;
