/**
 * baresip (Debian's baresip-core) without sound card or screen: what it says comes from a WAV file, what it hears goes to
 * a WAV file, and it is driven over its own TCP control port.
 */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program, ProgramError } from "./program.ts";
import { sine, writeWav } from "./sound.ts";

/**
 * Where baresip is, and where what it calls should be: baresip's SDP names the machine's first address that is not the
 * loopback, and audio that comes from another than the SDP names may rightly be dropped.
 */
export const phoneHost: string =
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";

export interface Registration {
  /** The server, `host:port`. */
  server: string;
  domain: string;
  password: string;
  /** File of the certificates that the server's is checked against; needed for TLS. */
  ca?: string;
}

export interface BaresipOptions {
  /** The user part of its own address. */
  user?: string;
  transport?: "udp" | "tcp" | "tls";
  /** Registers, and calls by way of that server. Without it, it calls whom it is told to by itself. */
  registers?: Registration;
  /** The address that it has and uses; `phoneHost` by default. */
  host?: string;
  /** Where the program runs: words put before the command, such as `ip netns exec inside`. */
  prefix?: readonly string[];
  /** Order of preference. With a wide one first it says, hears and takes down 16 kHz. */
  codecs?: readonly ("PCMU" | "PCMA" | "G722" | "opus")[];
  /** What it says: a tone in Hz at −10 dBFS for a minute, or a WAV file (8 kHz, mono, 16 bit); a 440 Hz tone by default. */
  says?: { tone: number } | { file: string };
  /** Answers every call at once. */
  autoAnswer?: boolean;
  /** Further lines of its account, such as `100rel=required` or `ptime=40`. */
  account?: readonly string[];
  config?: readonly string[];
}

export interface BaresipEvent {
  type: string;
  /** The other end's URI. */
  peer: string;
  /** More about it, such as why a call was closed or which key was pressed. */
  detail: string;
}

const modules = "/usr/lib/baresip/modules";
const digest = (value: unknown, name: string): string => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === "string" ? found : "";
};

/** Its control port. What comes back, and what is written, are netstrings. */
interface Control {
  reading: Readable;
  writing: Writable;
}

async function controlOf(port: number, prefix: readonly string[]): Promise<Control> {
  const [program, ...args] = prefix;
  if (program === undefined) {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return { reading: socket, writing: socket };
  }
  // Its loopback may be that of another network namespace: somebody who is there passes everything on, and ends with us.
  const pass = `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 & cat >&3; kill $!`;
  const there = spawn(program, [...args, "bash", "-c", pass], { stdio: ["pipe", "pipe", "ignore"] });
  return { reading: there.stdout, writing: there.stdin };
}

export class Baresip {
  readonly port: number;
  readonly uri: string;
  readonly program: Program;
  readonly events: BaresipEvent[] = [];
  readonly #control: Control;
  readonly #folder: string;
  readonly #waiting = new Set<() => void>();
  #token = 0;
  readonly #responses = new Map<string, (ok: boolean, detail: string) => void>();

  private constructor(program: Program, control: Control, folder: string, port: number, uri: string) {
    this.program = program;
    this.port = port;
    this.uri = uri;
    this.#folder = folder;
    this.#control = control;
    let pending = Buffer.alloc(0);
    control.reading.on("data", (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (;;) {
        // Netstrings: `12:{"type": …},`
        const colon = pending.indexOf(":");
        if (colon < 0) return;
        const end = colon + 1 + Number(pending.toString("latin1", 0, colon));
        if (pending.length <= end) return;
        this.#take(JSON.parse(pending.toString("utf8", colon + 1, end)));
        pending = pending.subarray(end + 1);
      }
    });
    for (const stream of [control.reading, control.writing]) stream.on("error", () => {});
  }

  /** Starts it; resolves when it takes calls and commands. */
  static async start(options: BaresipOptions = {}): Promise<Baresip> {
    const port = await freePort();
    const controlPort = await freePort();
    const media = await freePort(20);
    const transport = options.transport ?? "udp";
    const prefix = options.prefix ?? [];
    const user = options.user ?? "baresip";
    const folder = temporaryFolder("baresip");
    const says = options.says ?? { tone: 440 };
    const source = "file" in says ? says.file : join(folder, "says.wav");
    const wanted = options.codecs ?? ["PCMU", "PCMA"];
    const rate = wanted[0] === "G722" || wanted[0] === "opus" ? 16_000 : 8000;
    if ("tone" in says) await writeWav(source, rate, sine(says.tone, 60_000, 0.316, rate));
    // Without them it takes 8000 Hz and one channel for granted.
    const clocks: Readonly<Record<string, string>> = { opus: "/48000/2", G722: "/16000/1" };
    const codecs = wanted.map((codec) => codec.toLowerCase() + (clocks[codec] ?? "")).join(",");
    const host = options.host ?? phoneHost;
    const home = options.registers;
    const account = [
      `<sip:${user}@${home?.domain ?? host};transport=${transport}>`,
      ...(home === undefined
        ? ["regint=0"]
        : [
            "regint=600",
            `auth_user=${user}`,
            `auth_pass=${home.password}`,
            `outbound="sip:${home.server};transport=${transport}"`,
          ]),
      `audio_codecs=${codecs}`,
      ...(options.autoAnswer ? ["answermode=auto"] : []),
      ...(options.account ?? []),
    ].join(";");
    await Bun.write(join(folder, "accounts"), `${account}\n`);
    await Bun.write(join(folder, "contacts"), "");
    await Bun.write(
      join(folder, "config"),
      [
        "poll_method epoll",
        `sip_listen ${host}:${port}`,
        ...(home?.ca === undefined ? [] : [`sip_cafile ${home.ca}`]),
        "call_local_timeout 120",
        "call_max_calls 20",
        `audio_source aufile,${source}`,
        // Nobody listens: what is heard is written by sndfile before it gets here.
        "audio_player aubridge,nowhere",
        "audio_alert aubridge,nowhere",
        `ausrc_srate ${rate}`,
        `auplay_srate ${rate}`,
        "ausrc_channels 1",
        "auplay_channels 1",
        "ausrc_format s16",
        "auplay_format s16",
        "auenc_format s16",
        "audec_format s16",
        "audio_buffer 20-160",
        "jitter_buffer_delay 1-10",
        `rtp_ports ${media}-${media + 19}`,
        `module_path ${modules}`,
        "module g711.so",
        ...(wanted.includes("G722") ? ["module g722.so"] : []),
        ...(wanted.includes("opus") ? ["module opus.so"] : []),
        "module sndfile.so",
        "module aufile.so",
        "module aubridge.so",
        "module_tmp uuid.so",
        "module_tmp account.so",
        "module_app menu.so",
        "module_app ctrl_tcp.so",
        `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
        "menu_bell no",
        "ringback_disabled yes",
        `snd_path ${folder}`,
        ...(options.config ?? []),
        "",
      ].join("\n"),
    );
    const program = new Program({ command: [...prefix, "baresip", "-4", "-f", folder, "-v"], cwd: folder });
    const bound = async (wanted: number, way: "udp" | "tcp") => await untilBound(wanted, way, 5000, program.pid);
    if (!(await bound(controlPort, "tcp")) || !(await bound(port, "udp"))) {
      await program.stop();
      throw new ProgramError(`baresip did not start:\n${program.lines.slice(-30).join("\n")}`);
    }
    const control = await controlOf(controlPort, prefix);
    const uri =
      home === undefined
        ? `sip:${user}@${host}:${port}${transport === "udp" ? "" : `;transport=${transport}`}`
        : `sip:${user}@${home.domain}`;
    const phone = new Baresip(program, control, folder, port, uri);
    if (home !== undefined) {
      // Without its control port nobody would be told: it registers as soon as it runs.
      const answer = await program.line(/\} [2-6]\d\d .*|(reg|REGISTER).*(failed|Connection|timed out)/i);
      if (!/\} 200 /.test(answer)) {
        await phone.stop();
        throw new ProgramError(`baresip could not register: ${answer}`);
      }
    }
    return phone;
  }

  #take(message: unknown): void {
    if (digest(message, "type") !== "") {
      const detail = digest(message, "param");
      this.events.push({ type: digest(message, "type"), peer: digest(message, "peeruri"), detail });
      for (const wake of [...this.#waiting]) wake();
      return;
    }
    const ok: unknown = typeof message === "object" && message !== null ? Reflect.get(message, "ok") : false;
    this.#responses.get(digest(message, "token"))?.(ok === true, digest(message, "data"));
  }

  /**
   * One of baresip's own long commands, such as `dial`, `hangup`, `hold`, `resume`.
   * @throws ProgramError when baresip refuses it.
   */
  async command(command: string, params = ""): Promise<void> {
    const token = `${++this.#token}`;
    const text = JSON.stringify({ command, params, token });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#responses.set(token, (ok, detail) =>
      ok ? resolve() : reject(new ProgramError(`baresip refused ${command} ${params}: ${detail}`)),
    );
    this.#control.writing.write(`${Buffer.byteLength(text)}:${text},`);
    await promise;
    this.#responses.delete(token);
  }

  dial(uri: string): Promise<void> {
    return this.command("dial", uri);
  }

  hangup(): Promise<void> {
    return this.command("hangup");
  }

  /** Presses keys as RFC 4733 events, one after another. */
  async press(keys: string): Promise<void> {
    for (const key of keys) {
      await this.command("sndcode", key);
      await Bun.sleep(400);
    }
  }

  /**
   * The first event of that type, past or to come, from number `from` of `events` on.
   * Types: CALL_RINGING, CALL_PROGRESS, CALL_ESTABLISHED, CALL_CLOSED, CALL_DTMF_START, CALL_RTCP, …
   * @throws ProgramError when it does not come within `ms` milliseconds.
   */
  async event(type: string | RegExp, ms = 10_000, from = 0): Promise<BaresipEvent> {
    const wanted = ({ type: seen }: BaresipEvent) => (typeof type === "string" ? seen === type : type.test(seen));
    const end = performance.now() + ms;
    for (;;) {
      const found = this.events.slice(from).find(wanted);
      if (found !== undefined) return found;
      const left = end - performance.now();
      if (left <= 0)
        throw new ProgramError(
          `baresip saw no ${type} in ${ms} ms; it saw ${this.events.map((event) => event.type).join(", ")}\n${this.program.lines.slice(-20).join("\n")}`,
        );
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
      this.#waiting.delete(resolve);
    }
  }

  /** The WAV files of what it heard, one per call, oldest first. Complete once the call is closed. */
  heard(): string[] {
    return [...new Bun.Glob("dump-*-dec*.wav").scanSync({ cwd: this.#folder, absolute: true })].sort();
  }

  async stop(): Promise<void> {
    this.#control.writing.end();
    await this.program.stop();
  }
}
