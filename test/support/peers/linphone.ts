/** linphonec (Debian's linphone-cli): Linphone without screen or sound card, driven by what a person would type. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Registration } from "./baresip.ts";
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program, ProgramError } from "./program.ts";
import { sine, writeWav } from "./sound.ts";
import { until } from "./until.ts";

export interface LinphoneOptions {
  /** The only codec that it offers; by default all that it knows, Opus first. */
  codec?: "PCMU" | "PCMA" | "G722" | "opus";
  /** What it says: a tone in Hz at −10 dBFS for a minute. */
  says?: number;
  /** Registers, and calls by way of that server; without it it has no account. */
  registers?: Registration & { user: string; transport: "udp" | "tcp" | "tls" };
  /** Answers every call at once. */
  autoAnswer?: boolean;
  /** Offer an IPv6 address for the audio where the machine has one, as it does unless told otherwise. */
  ipv6?: boolean;
  /** Calls with SRTP, and takes no others: with keys in the signalling, or by DTLS. */
  srtp?: boolean | "dtls";
}

function account({ user, domain, password, server, transport }: NonNullable<LinphoneOptions["registers"]>): string[] {
  return [
    "[proxy_0]",
    `reg_proxy=<sip:${server};transport=${transport}>`,
    `reg_route=<sip:${server};transport=${transport};lr>`,
    `reg_identity=<sip:${user}@${domain}>`,
    "reg_expires=600",
    "reg_sendregister=1",
    "[auth_info_0]",
    `username=${user}`,
    `passwd=${password}`,
    `domain=${domain}`,
  ];
}

export class Linphone {
  readonly program: Program;
  /** The WAV file of what it heard; see `recording`. */
  readonly heard: string;
  /** Where it is called, over UDP and TCP. */
  readonly port: number;

  private constructor(program: Program, heard: string, port: number) {
    this.program = program;
    this.heard = heard;
    this.port = port;
  }

  /** Starts it; resolves when it can call. */
  static async start(options: LinphoneOptions = {}): Promise<Linphone> {
    const port = await freePort();
    const home = options.registers;
    const config = [
      "[sip]",
      `sip_port=${port}`,
      `sip_tcp_port=${port}`,
      // Without a port it could not call over TLS either.
      `sip_tls_port=${home?.transport === "tls" ? -1 : 0}`,
      // Without the second line the first is overruled.
      `use_ipv6=${options.ipv6 === true ? 1 : 0}`,
      "ipv6_migration_done=1",
      `media_encryption=${options.srtp === true ? "srtp" : options.srtp || "none"}`,
      `media_encryption_mandatory=${options.srtp ? 1 : 0}`,
      ...(home === undefined ? [] : ["default_proxy=0"]),
      // A name that is an address, and a server of this test only: what is checked is that its certificate is signed by `ca`.
      ...(home?.ca === undefined ? [] : [`root_ca=${home.ca}`, "verify_server_certs=1", "verify_server_cn=0"]),
      "[rtp]",
      `audio_rtp_port=${await freePort()}`,
      "[video]",
      "enabled=0",
      "capture=0",
      "display=0",
      ...(home === undefined ? [] : account(home)),
      "",
    ].join("\n");
    // Its folders must be there: it does not listen otherwise.
    const folder = temporaryFolder("linphone", {
      linphonerc: config,
      ".local/share/linphone/.keep": "",
      ".config/linphone/.keep": "",
    });
    const said = join(folder, "says.wav");
    await writeWav(said, 8000, sine(options.says ?? 620, 60_000, 0.316));
    const program = new Program({
      command: ["linphonec", "-c", "linphonerc", ...(options.autoAnswer ? ["-a"] : [])],
      cwd: folder,
      env: { HOME: folder, XDG_CONFIG_HOME: undefined, XDG_DATA_HOME: undefined },
      stdin: true,
    });
    if (!(await untilBound(port, "udp")) || !(await untilBound(port, "tcp"))) {
      await program.stop();
      throw new ProgramError(`linphonec did not start:\n${program.lines.slice(-30).join("\n")}`);
    }
    const phone = new Linphone(program, join(folder, "heard.wav"), port);
    phone.type("soundcard use files");
    phone.type(`play ${said}`);
    phone.type(`record ${phone.heard}`);
    if (options.codec !== undefined) {
      phone.type("codec list");
      const line = await program.line(
        new RegExp(`\\d+: ${options.codec} \\(${options.codec === "opus" ? 48_000 : 8000}\\)`),
      );
      phone.type("codec disable all");
      phone.type(`codec enable ${/(\d+): /.exec(line)?.[1]}`);
    }
    if (home !== undefined) {
      // It says so only when it is asked.
      const asking = setInterval(() => phone.type("status register"), 100);
      try {
        await program.line(/^(linphonec> )?registered, identity/);
      } catch (error) {
        await phone.stop();
        throw error;
      } finally {
        clearInterval(asking);
      }
    }
    return phone;
  }

  /** One of its own commands; digits alone are keys that are pressed. */
  type(line: string): void {
    this.program.write(`${line}\n`);
  }

  /** What it heard, once that is complete: linphone writes the header of the file last, when it has said that the call has ended. */
  async recording(): Promise<string> {
    const file = this.heard;
    await until(
      "a complete recording of linphone's",
      () => existsSync(file) && readFileSync(file).toString("latin1", 0, 4) === "RIFF",
    );
    return file;
  }

  /** Calls, and resolves once the call is answered and heard. */
  async dial(uri: string): Promise<void> {
    this.type(`call ${uri}`);
    await this.program.line(/Media streams established/);
  }

  async hangup(): Promise<void> {
    this.type("terminate");
    await this.program.line(/Call 1 .* ended/);
  }

  async stop(): Promise<void> {
    this.type("quit");
    await this.program.finish(3000);
  }
}
