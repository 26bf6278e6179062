/** The options of `siproc calls` and `siproc trace`, as --help shows them. */
import type { Option } from "./arguments.ts";

export const callsOptions: readonly Option[] = [
  { name: "user", value: "USER", help: "Only calls from or to this user, or let in by its password." },
  { name: "call-id", value: "ID", help: "Only calls with this Call-ID." },
  { name: "from", value: "TIME", help: "Only calls since then: 2h, 3d, 2026-01-31 or 2026-01-31T12:00." },
  { name: "until", value: "TIME", help: "Only calls before then." },
  { name: "answered", help: "Only calls that were answered." },
  { name: "failed", help: "Only calls that were not." },
  { name: "status", value: "CODE", help: "Only calls with this final status: 486, or 4xx for all like it." },
  { name: "handler", value: "NAME", help: "Only calls of this script or program, as its route names it." },
  { name: "mos-below", value: "SCORE", help: "Only calls that sounded worse than this at some time, such as 3.5." },
  { name: "limit", short: "n", value: "COUNT", help: "So many at most, the last ones; 100 by default, 1000 at most." },
  { name: "follow", short: "f", help: "Print each call as it ends, until Ctrl-C." },
  { name: "json", help: "Print a line of JSON for each call." },
];

export const callsDetails = `FILE is the configuration that \`siproc run\` was started with, siproc.yaml by default, or that of the system's service.
The newest call comes first. MOS is how it sounded at its worst, from 1 (bad) to 4.4.`;

export const traceOptions: readonly Option[] = [
  { name: "user", value: "USER", help: "Only messages from or to this user." },
  { name: "call-id", value: "ID", help: "Only messages with this Call-ID." },
  { name: "method", value: "METHOD", help: "Only requests of this method, and responses to them." },
  { name: "host", value: "ADDRESS", help: "Only messages from or to this IP address." },
  { name: "past", help: "Show first what is kept of what has passed." },
  { name: "messages", short: "m", help: "Show the whole of each message." },
  { name: "count", short: "n", value: "COUNT", help: "End after so many messages." },
  { name: "for", value: "TIME", help: "End after this time, such as 30s or 5m." },
  { name: "json", help: "Print a line of JSON for each message." },
  {
    name: "pcap",
    value: "FILE",
    help: "Write what is kept of these messages and of their calls' RTP to a capture file, and end.",
  },
];

export const traceDetails = `FILE is the configuration that \`siproc run\` was started with, siproc.yaml by default, or that of the system's service.
Passwords, digest responses, nonces, keys of SRTP and keys pressed are shown as stars.
What has passed is kept where the configuration says capture.size or control; without, a trace sees what comes.`;
