/** baresip and linphonec alike: phones that register, call, answer everything, and tell what they heard. */
import { existsSync, readFileSync } from "node:fs";
import { Baresip } from "./baresip.ts";
import { Linphone } from "./linphone.ts";
import type { Place } from "./netns.ts";
import { ProgramError } from "./program.ts";
import { domain, type Provider, type User } from "./provider.ts";
import { pitch } from "./sound.ts";
import { until } from "./until.ts";

export type PhoneTransport = "udp" | "tcp" | "tls";

export interface Phone {
  user: User;
  uri: string;
  /** What it says, in Hz. */
  tone: number;
  /** Calls; resolves when the call is up. */
  dial(uri: string): Promise<void>;
  hangup(): Promise<void>;
  /** Holds the call by a re-INVITE; resolves when that is answered. This baresip does not speak again after it. */
  hold(): Promise<void>;
  /** Resolves when the call at hand is over, whoever ended it. */
  ended(): Promise<void>;
  /** The strongest frequency in Hz of the last 300 ms that it heard. */
  heard(): number | undefined;
  /** The URI of who called it last, or whom it called. */
  peer(): string | undefined;
  stop(): Promise<void>;
}

export interface PhoneOptions {
  user: User;
  tone: number;
  transport?: PhoneTransport;
  place?: Place;
}

export async function baresipAt(provider: Provider, options: PhoneOptions): Promise<Phone> {
  const { user, tone, transport = "udp" } = options;
  const phone = await Baresip.start({
    ...options.place,
    user,
    transport,
    registers: provider.registration(user, transport),
    says: { tone },
    autoAnswer: true,
  });
  let calls = 0;
  return {
    user,
    tone,
    uri: `sip:${user}@${domain}`,
    async dial(uri) {
      const from = phone.events.length;
      await phone.dial(uri);
      const { type, detail } = await phone.event(/^CALL_(ESTABLISHED|CLOSED)$/, 10_000, from);
      if (type === "CALL_CLOSED") throw new ProgramError(`${user}'s call to ${uri} failed: ${detail}`);
    },
    hangup: () => phone.hangup(),
    async hold() {
      const from = phone.events.length;
      await phone.command("hold");
      await phone.event("CALL_REMOTE_SDP", 10_000, from);
    },
    async ended() {
      await until(`end of call ${calls + 1} of ${user}`, () => closed(phone) > calls);
      calls++;
    },
    heard: () => lastPitch(phone.heard().at(-1)),
    peer: () => phone.events.at(-1)?.peer,
    stop: () => phone.stop(),
  };
}

const closed = (phone: Baresip) => phone.events.filter(({ type }) => type === "CALL_CLOSED").length;

export async function linphoneAt(provider: Provider, options: PhoneOptions): Promise<Phone> {
  const { user, tone, transport = "udp" } = options;
  const phone = await Linphone.start({
    registers: { ...provider.registration(user, transport), user, transport },
    says: tone,
    codec: "PCMU",
    autoAnswer: true,
  });
  const { lines } = phone.program;
  const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length;
  let calls = 0;
  return {
    user,
    tone,
    uri: `sip:${user}@${domain}`,
    async dial(uri) {
      const before = count(/Media streams established/);
      phone.type(`call ${uri}`);
      await until(`answer to ${user}`, () => count(/Media streams established/) > before);
    },
    async hangup() {
      phone.type("terminate");
    },
    async hold() {
      const before = count(/ paused/i);
      phone.type("pause");
      await until(`hold of ${user}`, () => count(/ paused/i) > before);
    },
    async ended() {
      await until(`end of call ${calls + 1} of ${user}`, () => count(/^(linphonec> )?Call \d+ with .* ended/) > calls);
      calls++;
    },
    heard: () => lastPitch(phone.heard),
    peer: () => undefined,
    stop: () => phone.stop(),
  };
}

/** Of a recording (8 kHz, mono, 16 bit) that is still being written, so that its head tells no length yet. */
export function lastPitch(file: string | undefined): number | undefined {
  if (file === undefined || !existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  const count = 2400;
  const from = bytes.length - 2 * count;
  if (from < 44) return undefined;
  // An octet may be missing of the last sample.
  const begin = from + (from % 2);
  return pitch(Float64Array.from({ length: count - 1 }, (_, n) => bytes.readInt16LE(begin + 2 * n) / 32_768));
}
