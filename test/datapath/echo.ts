/**
 * A program for workloads: `echo.ts serve` answers TCP and UDP on port 7 (RFC 862); `echo.ts tcp|udp ADDRESS
 * OCTETS` sends, compares what comes back octet by octet, and says "equal".
 */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { argv } from "node:process";

const PORT = 7;
const [mode = "", address = "", octets = "0"] = argv.slice(2);

/** Octets without a period that a cut or a swap could hide in. */
function noise(count: number): Buffer {
  const out = Buffer.alloc(count);
  let state = 0x2545f491;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return out;
}

function serve(): void {
  const server = createServer((socket) => {
    socket.on("error", (error) => console.log(error.message));
    socket.pipe(socket);
  });
  server.listen(PORT, "::", () => {
    const datagrams = createSocket("udp6");
    datagrams.on("message", (data, from) => datagrams.send(data, from.port, from.address));
    datagrams.bind(PORT, "::", () => console.log("ready"));
  });
}

function tcp(): void {
  const sent = noise(Number(octets));
  const hash = createHash("sha256");
  let received = 0;
  const socket = connect({ host: address, port: PORT, timeout: 30_000 });
  socket.on("connect", () => socket.end(sent));
  socket.on("timeout", () => socket.destroy(new Error(`silent after ${received} octets`)));
  socket.on("error", (error) => console.log(error.message));
  socket.on("data", (data) => {
    hash.update(data);
    received += data.length;
  });
  socket.on("end", () => {
    const same = hash.digest("hex") === createHash("sha256").update(sent).digest("hex");
    console.log(same ? "equal" : `${received} octets, not the same`);
  });
}

/** One after the other, so that no buffer overflows; asked again when none comes back. */
function udp(): void {
  const largest = Number(octets);
  const all = noise(largest);
  const count = 200;
  let at = 0;
  let tries = 0;
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const sizeOf = (i: number): number => Math.max(2, Math.round((largest * (i + 1)) / count));
  const datagram = (i: number): Buffer => {
    const out = Buffer.from(all.subarray(0, sizeOf(i)));
    out.writeUInt16BE(i, 0);
    return out;
  };
  const ask = (): void => {
    if (++tries > 10) {
      console.log(`no answer to datagram ${at} of ${sizeOf(at)} octets`);
      socket.close();
      clearInterval(timer);
      return;
    }
    socket.send(datagram(at), PORT, address);
  };
  const timer = setInterval(ask, 1000);
  socket.on("message", (data) => {
    if (data.readUInt16BE(0) < at) return; // an answer to what was asked twice
    if (!data.equals(datagram(at))) console.log(`datagram ${at} came back changed`);
    tries = 0;
    if (++at < count) return ask();
    console.log("equal");
    socket.close();
    clearInterval(timer);
  });
  ask();
}

if (mode === "serve") serve();
else if (mode === "tcp") tcp();
else udp();
