/** The options of the terminal's phone, as --help shows them. Their values are read where they are needed. */
import { levels } from "../log.ts";
import { srtpPolicies } from "../sip/offer-answer-srtp.ts";
import type { Option } from "./arguments.ts";

export const transports = ["udp", "tcp", "tls"] as const;

export const identityOptions: readonly Option[] = [
  { name: "from", value: "ID", help: "Who we are, as in '\"Alice\" <sip:alice@example.com>'." },
  { name: "user", value: "USER", help: "Who we are at the domain; the login name by default." },
  { name: "domain", value: "DOMAIN", help: "Our domain: of our address, of our registrar, of targets without one." },
  {
    name: "authuser",
    value: "USER",
    help: "The user name for challenges; --user by default where there is a password.",
  },
  { name: "authpass", value: "PASSWORD", help: "The password. Others can see the command line: better is a file." },
  {
    name: "authpass-file",
    value: "FILE",
    help: "The password is the first line of this file; else it is in SIPROC_PASSWORD, or asked for on a terminal.",
  },
];

export const wayOptions: readonly Option[] = [
  { name: "proxy", value: "ADDRESS", help: "Send everything through this server: 192.0.2.1:5062, a name, or a URI." },
  { name: "strict-route", help: "The proxy is a strict router, of RFC 2543." },
  { name: "transport", value: "TRANSPORT", among: transports, help: "udp, tcp or tls, where the URI names none." },
  {
    name: "srtp",
    value: "HOW",
    among: srtpPolicies,
    help: "Whether calls are encrypted: required, optional or off; by default required over TLS, and off else.",
  },
  { name: "port", value: "PORT", help: "Listen on this port; the system chooses by default." },
  { name: "int-ip", value: "ADDRESS", help: "Listen on this address; on all by default." },
  { name: "ext-ip", value: "ADDRESS", help: "The address that others see, for NAT." },
  { name: "user-agent", value: "TEXT", help: "The value of User-Agent." },
  { name: "subject", value: "TEXT", help: "The Subject of calls and messages." },
];

export const registerOptionList: readonly Option[] = [
  { name: "register-interval", value: "TIME", help: "How long a registration is asked for; 1h by default." },
];

/** Options that older programs have, and that change nothing here; docs/phone.md says why. */
export const acceptedOptions: readonly Option[] = [
  { name: "listen-queue", value: "N", help: "Taken and not needed: the system's own queue is used." },
  { name: "max-size", value: "N", help: "Taken and not needed: messages of any legal size are read." },
  { name: "fix-nat", help: "Taken and not needed: peers behind NAT are always answered where they send from." },
];

export const profileOption: Option = {
  name: "profile",
  value: "NAME",
  help: "Take options from ~/.config/siproc/NAME, where a line is such as: user alice; `default` by default.",
};

export const audioOptions: readonly Option[] = [
  {
    name: "audio-in",
    value: "SOURCE",
    help: "What is said: a FILE (WAV or bare samples), - for stdin, device, device:NAME, or tone:440.",
  },
  {
    name: "audio-out",
    value: "SINK",
    help: "Where what is heard goes: a FILE (WAV if it ends in .wav), - for stdout, device, or device:NAME.",
  },
  {
    name: "samplerate",
    value: "HZ",
    help: "Of bare samples (16 bits, little-endian, one channel) and of devices; 8000 by default.",
  },
  { name: "audio-loopback", help: "Send back what is heard." },
  { name: "no-audio", help: "Neither capture nor play; the call still has audio." },
  { name: "linger", value: "TIME", help: "How long to listen on when all of --audio-in is said; 1s by default." },
];

export const handlerOptions: readonly Option[] = [
  { name: "script", value: "FILE", help: "The script that handles each call." },
  { name: "exec", value: "COMMAND", help: "The program that handles each call, with its arguments after spaces." },
];

export const filterOptions: readonly Option[] = [
  { name: "jobs", short: "j", value: "N", help: "Calls at a time; 1 by default." },
  { name: "rate", value: "N/s", help: "At most so many new calls a second, or a minute (30/m), or an hour." },
  { name: "timeout", value: "TIME", help: "How long a call may ring: 30s, 2m; 3m by default." },
  { name: "duration", value: "TIME", help: "How long an answered call may last; by default until somebody hangs up." },
  { name: "retry", value: "N", help: "Try a call again, so many times, that was busy, not answered or not reached." },
  { name: "retry-interval", value: "TIME", help: "The pause before that, and before a registration is tried again." },
];

/** How the interactive phone behaves. */
export const behaviourOptions: readonly Option[] = [
  { name: "no-touchtone", help: "Offer no keys, and send typed digits as text." },
  { name: "textspeech", help: "Speak what is typed, by the engine of the configuration." },
  { name: "recognize", help: "Show what is said as text, by the engine of the configuration." },
];

/** What becomes of calls that come in. */
export const respondOptions: readonly Option[] = [
  {
    name: "auto-respond",
    value: "CODE",
    help: "Answer calls by themselves with this status; 200 by default, 0 leaves it to you.",
  },
  { name: "auto-respond-after", value: "TIME", help: "How long it rings before that; 3s by default." },
  { name: "auto-terminate-after", value: "TIME", help: "Hang up so long after the answer; 0, the default: do not." },
];

export const listenOption: Option = {
  name: "listen",
  value: "URL",
  repeats: true,
  help: "Listen here, as in udp://127.0.0.1:5070; by default as --int-ip and --port say.",
};

/** What the phone's commands have in common. */
export const commonOptions: readonly Option[] = [
  ...identityOptions,
  ...wayOptions,
  { name: "config", value: "FILE", help: "Take media, and what scripts may do, from this configuration." },
  profileOption,
  listenOption,
  { name: "log-level", value: "LEVEL", among: levels, help: "Log from this level on; warn by default." },
];

/** The options of `siproc call`. */
export const callOptions: readonly Option[] = [
  ...handlerOptions,
  ...filterOptions,
  ...audioOptions,
  { name: "interactive", help: "Be a phone for one call, as with a terminal for stdin: type keys and texts." },
  ...behaviourOptions,
  { name: "to", value: "ID", help: "The To header, where it is not the URI that is called." },
  { name: "no-sdp", help: "Leave the offer to the other side: an INVITE without SDP." },
  { name: "use-lf", help: "End the lines of SDP with LF, for servers that cannot read CRLF." },
  { name: "register", help: "Register first, and take it back at the end." },
  ...registerOptionList,
  ...commonOptions,
  ...acceptedOptions,
];

/** The options of `siproc listen`. */
export const listenOptions: readonly Option[] = [
  ...handlerOptions,
  ...respondOptions,
  ...audioOptions.filter(({ name }) => name !== "linger"),
  ...behaviourOptions,
  { name: "register", help: "Register first, and take it back at the end." },
  { name: "retry-interval", value: "TIME", help: "The pause before a registration is tried again; 1m by default." },
  ...registerOptionList,
  ...commonOptions,
  ...acceptedOptions,
];

/** The options of `siproc message`. */
export const messageOptions: readonly Option[] = [
  { name: "register", help: "Register first, and take it back at the end." },
  ...registerOptionList,
  ...commonOptions,
  ...acceptedOptions,
];

/** The options of `siproc register`. */
export const registerCommandOptions: readonly Option[] = [
  { name: "once", help: "Register, say how that went, take it back, and leave." },
  { name: "retry-interval", value: "TIME", help: "The pause before it is tried again; 1m by default." },
  ...registerOptionList,
  ...commonOptions,
  ...acceptedOptions,
];

/** The command line of rtclite's caller, as it stands; see docs/phone.md. */
export const callerOptions: readonly Option[] = [
  { name: "verbose", short: "v", help: "Log more." },
  { name: "quiet", short: "q", help: "Log nothing but errors." },
  { name: "to", value: "TO", help: "Whom to call or to write to." },
  { name: "uri", value: "URI", help: "Where the request goes; --to by default." },
  { name: "listen", help: "Wait for calls and messages." },
  { name: "register", help: "Register." },
  { name: "retry-interval", value: "SECONDS", help: "The pause before a registration is tried again; 60 by default." },
  { name: "send", value: "TEXT", help: "Send this text instead of calling." },
  ...respondOptions,
  { name: "use-lf", help: "End the lines of SDP with LF." },
  { name: "no-sdp", help: "Send the INVITE without SDP." },
  ...audioOptions.filter(({ name }) => name !== "linger"),
  ...behaviourOptions,
  ...registerOptionList,
  ...commonOptions.filter(({ name }) => name !== "listen"),
  ...acceptedOptions,
];

/** All that a profile may have. */
export const phoneOptions: readonly Option[] = [...callOptions, ...respondOptions];
