/** A process that sends datagrams as fast as it can: `bun flooder.ts <local host> <port on 127.0.0.1> <milliseconds>`. */
const [local = "127.0.0.1", port = "0", milliseconds = "0"] = process.argv.slice(2);
const socket = await Bun.udpSocket({ hostname: local, port: 0 });
const message = [
  "OPTIONS sip:nobody@127.0.0.1 SIP/2.0",
  `Via: SIP/2.0/UDP ${local}:${socket.port};rport;branch=z9hG4bKflood`,
  "Max-Forwards: 70",
  "From: <sip:flooder@example.com>;tag=1",
  "To: <sip:nobody@example.com>",
  `Call-ID: flood-${local}`,
  "CSeq: 1 OPTIONS",
  "Content-Length: 0",
  "\r\n",
].join("\r\n");
const many = Array.from({ length: 64 }, () => [message, Number(port), "127.0.0.1"]).flat();
const end = performance.now() + Number(milliseconds);
let sent = 0;
while (performance.now() < end) {
  try {
    sent += socket.sendMany(many);
  } catch {
    // The receiver is gone or the buffer full.
  }
}
console.log(sent);
process.exit();
