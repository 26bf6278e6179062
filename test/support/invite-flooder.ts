/** A process that floods a server: `bun invite-flooder.ts <port on 127.0.0.1> <milliseconds> <octets of body> <URI>…`, all requests anew. */
const [port = "0", milliseconds = "0", octets = "0", ...uris] = process.argv.slice(2);
const socket = await Bun.udpSocket({ hostname: "127.0.0.66", port: 0 });
const body = "x".repeat(Number(octets));
let sent = 0;
function message(uri: string): string {
  sent++;
  const method = uri.startsWith("register:") ? "REGISTER" : "INVITE";
  const target = uri.replace("register:", "");
  return [
    `${method} ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.66:${socket.port};rport;branch=z9hG4bK${sent}f${process.pid}`,
    "Max-Forwards: 70",
    `From: <sip:flooder@example.com>;tag=${sent}`,
    `To: <sip:user${sent}@example.com>`,
    `Call-ID: flood-${process.pid}-${sent}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:flooder@127.0.0.66>",
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}
const end = performance.now() + Number(milliseconds);
while (performance.now() < end) {
  const many = uris.flatMap((uri) => [message(uri), Number(port), "127.0.0.1"]);
  try {
    socket.sendMany(many);
  } catch {
    // The receiver is gone or the buffer full.
  }
}
console.log(sent);
process.exit();
