/** Opening listeners: what of the process's descriptors connections may have, and why an address cannot be bound. */
import { readFileSync } from "node:fs";
import { formatHost } from "../sip/host.ts";
import { UdpBindError } from "../udp.ts";
import { type ListenUrl, TransportError, type TransportErrorCode } from "./contract.ts";

/**
 * Half of the file descriptors that the process may have: media, scripts and stores need theirs, and without a free
 * one a connection cannot even be accepted to be closed.
 */
export function descriptorsForConnections(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Math.floor(Number(soft) / 2);
  } catch {
    return Number.POSITIVE_INFINITY; // Not Linux.
  }
}

const bindCodes: Readonly<Record<string, [TransportErrorCode, string]>> = {
  EADDRINUSE: ["address-in-use", "the address is in use by another program"],
  EADDRNOTAVAIL: ["address-unavailable", "no interface of this machine has that address"],
  EACCES: ["permission", "permission denied (ports below 1024 need a privilege)"],
};

export function bindFailure(url: ListenUrl, error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const text = textOf(url);
  const code = error instanceof UdpBindError || (error instanceof Error && "code" in error) ? String(error.code) : "";
  const [kind, why] = bindCodes[code] ?? ["bind-failed", error instanceof Error ? error.message : String(error)];
  return new TransportError(kind, text, `cannot listen on ${text}: ${why}`);
}

export function withoutCertificate(url: ListenUrl): TransportError {
  const text = textOf(url);
  return new TransportError(
    "certificate",
    text,
    `cannot listen on ${text}: it needs a certificate; name one and its key as tls.cert and tls.key`,
  );
}

const textOf = ({ transport, host, port }: ListenUrl) => `${transport}://${formatHost(host)}:${port}`;
