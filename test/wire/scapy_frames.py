"""Frames built by scapy, a JSON object a line: the octets, and the layers that decode must find in them."""
import json

from scapy.all import (
    ARP, GRE, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr, IPOption_Router_Alert, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw,
)
from scapy.layers.vxlan import VXLAN

OUTER = Ether(dst="02:57:00:00:00:01", src="02:57:00:00:00:02")
INNER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
V4 = dict(src="192.0.2.2", dst="192.0.2.1")
V6 = dict(src="2001:db8::2", dst="2001:db8::1")
TENANT = IP(src="10.0.0.2", dst="10.0.0.1")
TENANT6 = IPv6(src="fd00::2", dst="fd00::1")


def vxlan(ip, vni, sum=0):
    """scapy's default of flags is I alone; sum None lets scapy count."""
    return OUTER / ip / UDP(sport=50000, dport=4789, chksum=sum) / VXLAN(vni=vni, flags=8)


def nvgre(ip, vsid, flow):
    return OUTER / ip / GRE(key_present=1, proto=0x6558, key=vsid << 8 | flow)


def tell(frame, action, **want):
    print(json.dumps(dict(hex=bytes(frame).hex(), action=action, layers=want)))


tell(
    vxlan(IP(**V4, ttl=7, tos=0xb8, id=0x1234, options=[IPOption_Router_Alert()]), 0xabcdef)
    / INNER / TENANT / TCP(sport=1000, dport=443, seq=7, ack=9, flags="SA", window=512, options=[("MSS", 1460)]),
    "decap",
    ipv4=dict(source="192.0.2.2", destination="192.0.2.1", ttl=7, dscp=46, ecn=0, identification=0x1234, checksum="good",
              options="94040000"),
    vxlan=dict(vni=0xabcdef),
    tcp=dict(sourcePort=1000, destinationPort=443, sequence=7, acknowledgment=9, flags=["syn", "ack"], window=512,
             checksum="good"),
)
tell(
    vxlan(IPv6(**V6, tc=2, fl=0x54321, hlim=9), 5000, None) / INNER / TENANT6 / ICMPv6EchoRequest(id=3, seq=4),
    "decap",
    ipv6=dict(source="2001:db8::2", flowLabel=0x54321, hopLimit=9, dscp=0, ecn=2),
    udp=dict(sourcePort=50000, checksum="good"),
    icmpv6=dict(type=128, identifier=3, sequence=4, checksum="good"),
)
tell(
    nvgre(IP(**V4, flags="DF"), 0x123456, 0xab) / INNER / TENANT / ICMP(type=8, id=5, seq=6) / Raw(b"ping"),
    "decap",
    ipv4=dict(dontFragment=True, checksum="good"),
    nvgre=dict(vsid=0x123456, flowId=0xab),
    icmp=dict(type=8, identifier=5, sequence=6, checksum="good"),
)
tell(
    nvgre(IPv6(**V6), 5000, 0) / INNER / ARP(op=2, hwsrc="02:00:00:00:00:02", psrc="10.0.0.2", hwdst="02:00:00:00:00:01",
                                              pdst="10.0.0.1"),
    "decap",
    arp=dict(operation=2, senderMac="02:00:00:00:00:02", senderAddress="10.0.0.2", targetAddress="10.0.0.1"),
)
tell(
    vxlan(IP(**V4), 5000) / INNER / Dot1Q(vlan=7, prio=3) / TENANT / UDP(sport=1, dport=2),
    "drop",
    vlan=dict(vid=7, priority=3, etherType="0x0800"),
    udp=dict(sourcePort=50000),
)
tell(
    OUTER / Dot1AD(vlan=100) / Dot1Q(vlan=5) / IP(**V4) / UDP(sport=50000, dport=4789) / VXLAN(vni=1, flags=8) / INNER / TENANT,
    "decap",
    vlan=dict(vid=100, etherType="0x8100"),
    vxlan=dict(vni=1),
)
tell(
    OUTER / IPv6(**V6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(offset=0, m=1, id=77, nh=17)
    / UDP(sport=1, dport=2) / Raw(b"x" * 16),
    "pass",
    **{
        "hop-by-hop": dict(nextHeader=60),
        "destination-options": dict(nextHeader=44),
        "fragment": dict(nextHeader=17, fragmentOffset=0, moreFragments=True, identification=77),
        "udp": dict(sourcePort=1, destinationPort=2, checksum="unknown"),
    },
)
NEIGHBOUR = IPv6(src="fe80::2", dst="ff02::1:ff00:1", hlim=255)
tell(
    vxlan(IP(**V4), 5000) / INNER / NEIGHBOUR / ICMPv6ND_NS(tgt="fd00::1") / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:02"),
    "decap",
    icmpv6=dict(type=135, message="neighbour-solicitation", target="fd00::1", sourceMac="02:00:00:00:00:02", checksum="good"),
)
tell(
    vxlan(IP(**V4), 5000) / INNER / NEIGHBOUR / ICMPv6ND_NA(tgt="fd00::2", R=0, S=1, O=1)
    / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:02"),
    "decap",
    icmpv6=dict(type=136, message="neighbour-advertisement", target="fd00::2", targetMac="02:00:00:00:00:02", checksum="good"),
)
tell(
    OUTER / IP(**V4) / GRE(chksum_present=1, key_present=1, seqnum_present=1, proto=0x0800, key=9, seqence_number=4) / TENANT,
    "pass",
    gre=dict(flags="0xb000", protocolType="0x0800", key=9, sequence=4),
)
