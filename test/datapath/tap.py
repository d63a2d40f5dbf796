"""
What a virtual machine does: frames with a virtio-net header in front, aggregates among them.

  tap.py tap NAME FILE...    makes a tap, waits until it is up, writes each file's frame (hex), then prints every
                             frame that arrives as a line of hex, without its virtio-net header
  tap.py socket NAME FILE    sends the file's frame on an interface that there is
"""
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_VNET_HDR = 263, 15
VNET_HDR_OCTETS = 10


def tap(name: str, frames: list[str]) -> None:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    print("ready", flush=True)
    while int(open(f"/sys/class/net/{name}/flags").read(), 16) & 1 == 0:
        time.sleep(0.01)
    for frame in frames:
        os.write(fd, bytes.fromhex(open(frame).read()))
    while True:
        select.select([fd], [], [])
        print(os.read(fd, 1 << 17)[VNET_HDR_OCTETS:].hex(), flush=True)


def send(name: str, frame: str) -> None:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.bind((name, 0x0800))
    sock.send(bytes.fromhex(open(frame).read()))


if sys.argv[1] == "tap":
    tap(sys.argv[2], sys.argv[3:])
else:
    send(sys.argv[2], sys.argv[3])
