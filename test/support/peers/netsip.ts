/** Net::SIP (Debian's libnet-sip-perl): phones written as short Perl programs, test/interop/netsip/*.pl. */
import { join, resolve } from "node:path";
import { phoneHost, type Registration } from "./baresip.ts";
import { temporaryFolder } from "./folder.ts";
import { freePort } from "./ports.ts";
import { Program } from "./program.ts";
import { sine } from "./sound.ts";

const programs = resolve(import.meta.dir, "../../interop/netsip");

export type NetSipPhone = Registration & { user: string; host?: string; prefix?: readonly string[] };

export interface NetSip {
  program: Program;
  /** The file of G.711 µ-law octets that it heard. */
  heard: string;
}

/** Registers and answers every call, saying `tone` (Hz). */
export async function netSipAnswerer(phone: NetSipPhone, tone = 440): Promise<NetSip> {
  const { says, heard } = await files(tone);
  const program = await run("answerer.pl", phone, [says, heard]);
  await program.line(/^REGISTERED|^REFUSED/);
  return { program, heard };
}

async function files(tone: number): Promise<{ says: string; heard: string }> {
  const folder = temporaryFolder("netsip");
  const says = join(folder, "says");
  await Bun.write(says, Uint8Array.from(sine(tone, 1000, 0.316), muLaw));
  return { says, heard: join(folder, "heard") };
}

export interface NetSipCall {
  callee: string;
  /** Hz */
  tone: number;
  /** How long the call is open, held, and open again: each, in seconds. */
  phase: number;
}

/** Registers, calls, holds, takes back, hangs up: see the program's first lines for what it says. */
export async function netSipCaller(phone: NetSipPhone, call: NetSipCall): Promise<NetSip> {
  const { says, heard } = await files(call.tone);
  return { program: await run("caller.pl", phone, [call.callee, says, heard, `${call.phase}`]), heard };
}

async function run(name: string, phone: NetSipPhone, args: readonly string[]): Promise<Program> {
  const own = `${phone.host ?? phoneHost}:${await freePort()}`;
  return new Program({
    command: [
      ...(phone.prefix ?? []),
      ...["perl", join(programs, name), own, phone.server, phone.domain, phone.user, phone.password, ...args],
    ],
  });
}

/** G.711 §3.2 by its segments: the judge of a codec is not the codec. */
function muLaw(sample: number): number {
  const magnitude = Math.min(32_635, Math.round(Math.abs(sample) * 32_767)) + 132;
  const segment = 31 - Math.clz32(magnitude) - 7;
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((magnitude >> (segment + 3)) & 15)) & 0xff;
}

/** The samples of a file of µ-law octets, -1 to 1. */
export async function readMuLaw(file: string): Promise<Float64Array> {
  return Float64Array.from(await Bun.file(file).bytes(), (octet) => {
    const code = ~octet & 0xff;
    const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
    return ((code & 0x80) === 0 ? magnitude : -magnitude) / 32_768;
  });
}

/** Calls `callee`, a URI, and follows its REFER with Replaces; see the program's first lines for what it says. */
export async function netSipTransferee(callee: string): Promise<Program> {
  const own = `${phoneHost}:${await freePort()}`;
  const rtp = String(await freePort(2));
  return new Program({ command: ["perl", join(programs, "transferee.pl"), own, phoneHost, rtp, callee] });
}

/** A mailbox that can be subscribed to; gives its `host:port`. See the program's first lines for what it says. */
export async function netSipMailbox(): Promise<{ program: Program; address: string }> {
  const address = `${phoneHost}:${await freePort()}`;
  const program = new Program({ command: ["perl", join(programs, "notifier.pl"), address] });
  await program.line(/^READY/);
  return { program, address };
}
