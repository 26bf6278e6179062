/**
 * A flow in a few characters that may stand in a branch or in a URI's user part: what a stateless proxy writes down in the
 * message itself, to find the way back. Whoever reads one must have checked its MAC.
 */
import type { Flow } from "../sip/flow.ts";
import { isIPv4, isIPv6 } from "../sip/host.ts";
import type { FlowRef } from "./ways.ts";

const letters: readonly (readonly [letter: string, transport: Flow["transport"]])[] = [
  ["u", "udp"],
  ["t", "tcp"],
  ["s", "tls"],
  ["w", "ws"],
  ["x", "wss"],
];

/** The whole flow, but the id of a UDP one, which its addresses make: letters, digits, `-` and `_`. */
export function linkOf({ transport, local, remote, id }: FlowRef): string {
  const letter = letters.find(([, name]) => name === transport)?.[0] ?? "u";
  const text = `${local.host}\n${local.port}\n${remote.host}\n${remote.port}\n${transport === "udp" ? "" : id}`;
  return letter + Buffer.from(text, "latin1").toString("base64url");
}

export function parseLink(link: string): FlowRef | undefined {
  const transport = letters.find(([letter]) => letter === link[0])?.[1];
  const [localHost = "", localPort, remoteHost = "", remotePort, ...id] = Buffer.from(link.slice(1), "base64url")
    .toString("latin1")
    .split("\n");
  if (transport === undefined || !isIp(remoteHost)) return undefined;
  const local = { host: localHost, port: Number(localPort) };
  const remote = { host: remoteHost, port: Number(remotePort) };
  return { id: id.join("\n"), transport, local, remote };
}

function isIp(host: string): boolean {
  return isIPv4(host) || isIPv6(host);
}
