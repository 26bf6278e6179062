/** One message to a server, by UDP or TCP, and all that is answered to it. */
import { createConnection, type Socket } from "node:net";
import { parseMessage, Response } from "../../src/sip/message.ts";
import { UdpBindError } from "../../src/udp.ts";
import { bound, turns, UdpPeer } from "./udp-peer.ts";

/** What was answered to a message: the statuses in order, and the responses. */
export interface Answers {
  statuses: number[];
  responses: Response[];
}

/**
 * Sends one datagram from the port where its Via expects the response, and collects what comes until `peer`'s probe is
 * answered. A call that was answered is acknowledged and ended.
 */
export async function overUdp(peer: UdpPeer, to: number, octets: Uint8Array): Promise<Answers> {
  const { socket, message } = await listening(to, octets);
  socket.send(message);
  const probe = await peer.probe();
  if (probe.status !== 200) throw new RangeError(`the probe got ${probe.status}`);
  await turns();
  const { responses } = socket;
  await endCalls(peer, responses);
  socket.close();
  return { statuses: responses.map(({ status }) => status), responses };
}

async function listening(to: number, octets: Uint8Array): Promise<{ socket: UdpPeer; message: Uint8Array }> {
  const text = Buffer.from(octets).toString("latin1");
  const via = /^(?:via|v)[ \t]*:[^,\r\n]*/im.exec(text);
  const asked = /;\s*rport/i.test(via?.[0] ?? "")
    ? 0
    : Number(/:(\d{1,5})\s*(?:;|$)/.exec(via?.[0].slice(5) ?? "")?.[1] ?? 5060);
  try {
    if (asked > 0 && asked < 1024) throw new UdpBindError("EACCES", "ports below 1024 need a privilege");
    return { socket: await UdpPeer.open(to, nextHost(), asked), message: octets };
  } catch (error) {
    if (!(error instanceof UdpBindError) || via === null) throw error;
    const end = via.index + via[0].length;
    const message = Buffer.from(`${text.slice(0, end)};rport${text.slice(end)}`, "latin1");
    return { socket: await UdpPeer.open(to, nextHost()), message };
  }
}

let hosts = 0;
function nextHost(): string {
  hosts++;
  return `127.77.${(hosts >> 8) & 255}.${hosts & 255 || 1}`;
}

/** Ends the calls that these responses have made. */
async function endCalls(peer: UdpPeer, responses: readonly Response[]): Promise<void> {
  const ok = responses.find((each) => each.status >= 200 && each.status < 300 && each.cseq.method === "INVITE");
  if (ok === undefined) return;
  peer.hangUp(ok);
  await peer.response(ok.callId, "BYE");
}

/** The same over a TCP connection of its own, ended by us: the server closes it when all is answered. */
export async function overTcp(
  peer: UdpPeer,
  to: number,
  octets: Uint8Array,
  options: { segments?: "whole" | "octets" } = {},
): Promise<Answers> {
  const socket = createConnection({ port: to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  if (options.segments === "octets") await sendOctets(socket, octets);
  else socket.write(octets);
  socket.end();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RangeError(`the connection was not closed within ${bound} ms`)), bound);
  });
  await Promise.race([closed, late]);
  clearTimeout(timer);
  const responses = splitResponses(Buffer.concat(chunks));
  await endCalls(peer, responses);
  return { statuses: responses.map(({ status }) => status), responses };
}

/** One octet in each segment, as far as the kernel keeps them apart. */
async function sendOctets(socket: Socket, octets: Uint8Array): Promise<void> {
  for (let i = 0; i < octets.length; i++) {
    if (!socket.writable) return;
    socket.write(octets.subarray(i, i + 1));
    if (i % 64 === 63) await turns(1);
  }
}

function splitResponses(octets: Buffer): Response[] {
  const responses: Response[] = [];
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const length = Number(/\r\nContent-Length: (\d+)/.exec(octets.toString("latin1", at, end + 2))?.[1] ?? 0);
    const message = parseMessage(octets.subarray(at, end + 4 + length), "stream");
    if (message instanceof Response) responses.push(message);
    at = end + 4 + length;
  }
  return responses;
}

/** The same message with another branch and Call-ID, so that it is no retransmission of the one before. */
export function renewed(octets: Uint8Array, mark: string): Uint8Array {
  const text = Buffer.from(octets).toString("latin1");
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const head = text
    .slice(0, end)
    .replace(/;[ \t]*branch[ \t]*=[ \t]*z9hG4bK(?=[\w.-])/i, (found) => found + mark)
    .replace(/^(?:call-id|i)[ \t]*:[ \t]*(?=\w)/im, (found) => found + mark);
  return Buffer.from(head + text.slice(end), "latin1");
}
