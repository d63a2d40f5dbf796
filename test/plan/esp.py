"""Seals tunnel packets with scapy's ESP: reads a JSON list of stacks with payloads, answers the lengths of the packets."""
import json
import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import GRE, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

# Given, and of a type that scapy does not know: it would look addresses up, and take the payload apart.
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
SUITES = {
    "aes-gcm": dict(crypt_algo="AES-GCM", crypt_key=bytes(16 + 4)),
    "chacha20-poly1305": dict(crypt_algo="CHACHA20-POLY1305", crypt_key=bytes(32 + 4)),
    "aes-cbc-sha256": dict(
        crypt_algo="AES-CBC", crypt_key=bytes(16), auth_algo="SHA2-256-128", auth_key=bytes(32)
    ),
}


def outer(family):
    if family == "ipv4":
        return IP(src="192.0.2.1", dst="192.0.2.2")
    return IPv6(src="2001:db8::1", dst="2001:db8::2")


def sealed(stack, payload):
    esp = stack["esp"]
    if stack["encapsulation"] == "vxlan":
        tunnel = UDP(sport=50000, dport=4789) / VXLAN(vni=5000)
    else:
        tunnel = GRE(key_present=1, key=5000 << 8, proto=0x6558)
    packet = outer(stack["underlay"]) / tunnel / Ether(dst=B, src=A, type=0x88B5) / Raw(bytes(payload))
    association = SecurityAssociation(
        ESP,
        spi=1,
        tunnel_header=outer(stack["underlay"]) if esp["mode"] == "tunnel" else None,
        nat_t_header=UDP(sport=4500, dport=4500) if esp["natTraversal"] else None,
        **SUITES[esp["suite"]],
    )
    plain = packet.__class__(bytes(packet))
    return len(association.encrypt(plain))


json.dump([sealed(one["stack"], one["payload"]) for one in json.load(sys.stdin)], sys.stdout)
