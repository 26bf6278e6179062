/** One call of the interactive phone: answered by itself or by its user, its keys and texts, and how it stands. */
import { Call, type CallControl, type CallEvent, type Command, callOver, readCommand } from "../call/index.ts";
import { parseLine } from "../call/line-protocol.ts";
import type { Log } from "../log.ts";
import type { RtpStats } from "../media/index.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import { type AudioSettings, CallAudio } from "./audio.ts";
import { printable } from "./messages.ts";
import type { Standing } from "./status-line.ts";

export interface PhoneCallSettings {
  readonly audio: AudioSettings;
  /** Typed digits are keys. */
  readonly touchtone: boolean;
  /** Typed text is spoken. */
  readonly textspeech: boolean;
  /** What is said is shown as text. */
  readonly recognize: boolean;
  /** The status that a call is answered with by itself; 0: its user decides. */
  readonly autoRespond: number;
  /** Milliseconds before that, and from the answer to the end; 0: no end. */
  readonly autoRespondAfter: number;
  readonly autoTerminateAfter: number;
}

export interface PhoneCallUser {
  print(line: string): void;
  changed(): void;
  ended(call: PhoneCall, event: CallEvent & { name: "ENDED" }): void;
}

/** What is typed for a key, digit by digit. */
const keys = /^[0-9*#A-D]{1,256}$/;

export class PhoneCall {
  readonly control: CallControl;
  readonly peer: string;
  #state = "calling";
  #answeredAt: number | undefined;
  #stats: RtpStats | undefined;
  readonly #call: Call | undefined;
  readonly #settings: PhoneCallSettings;
  readonly #clock: Clock;
  readonly #user: PhoneCallUser;
  readonly #sound: CallAudio;
  #timer: Timer | undefined;

  constructor(control: CallControl, settings: PhoneCallSettings, clock: Clock, log: Log, user: PhoneCallUser) {
    this.control = control;
    this.#call = control instanceof Call ? control : undefined;
    this.#settings = settings;
    this.#clock = clock;
    this.#user = user;
    const { remoteUser, remoteHost, direction } = control.facts;
    this.peer = printable(remoteUser === "" ? remoteHost : `${remoteUser}@${remoteHost}`);
    this.#sound = new CallAudio(settings.audio, log, () => {});
    if (this.#call !== undefined)
      this.#call.onStats = (stats) => {
        this.#stats = stats;
      };
    control.listen((event) => this.#event(event));
    if (direction === "incoming") this.#offered();
  }

  get connected(): boolean {
    return this.#answeredAt !== undefined;
  }

  get standing(): Standing {
    const audio = this.#call?.codec;
    return {
      state: this.#state,
      peer: this.peer,
      ...(this.#answeredAt === undefined
        ? {}
        : { duration: this.#clock.now() - this.#answeredAt, codec: audio, stats: this.#stats }),
    };
  }

  /** Has its packets counted for the next `standing`. */
  count(): void {
    if (this.connected) this.#call?.audio?.count();
  }

  /** What was typed: keys, a text, or with a slash a command of docs/calls.md. */
  typed(text: string): void {
    const { touchtone, textspeech } = this.#settings;
    if (text.startsWith("/")) return this.#command(text.slice(1));
    if (touchtone && keys.test(text.toUpperCase())) return this.#perform({ name: "DTMF", digits: text.toUpperCase() });
    const name = textspeech ? "SAY" : "MESSAGE";
    const read = readCommand(name, { text });
    if (read.ok) this.#perform(read.command);
    else this.#user.print(`${name}: ${read.failure.reason}`);
  }

  hangUp(): void {
    this.#perform({ name: "HANGUP" });
  }

  answer(): void {
    this.#perform({ name: "ANSWER" });
  }

  #command(line: string): void {
    const [name = "", ...rest] = line.split(" ");
    const read = parseLine([name.toUpperCase(), ...rest].join(" "));
    if (read === undefined) return;
    if (read.ok) this.#perform(read.command);
    else this.#user.print(`${read.failure.command}: ${read.failure.reason}`);
  }

  #perform(command: Command): void {
    this.control.perform(command, (outcome) => {
      if (!outcome.ok && outcome.failure.reason !== callOver)
        this.#user.print(`${outcome.failure.command}: ${outcome.failure.reason}`);
    });
  }

  /** A call that came in: it rings, and is answered by itself if so asked. */
  #offered(): void {
    const { autoRespond, autoRespondAfter } = this.#settings;
    this.#state = "incoming";
    this.#perform({ name: "RINGING" });
    this.#user.print(
      `call from ${printable(this.control.facts.remoteId)}${autoRespond === 0 ? "; type /answer or /reject" : ""}`,
    );
    if (autoRespond === 0) return;
    this.#timer = this.#clock.after(autoRespondAfter, () => {
      if (autoRespond < 300) return this.answer();
      this.#perform({ name: "REJECT", code: Math.max(400, autoRespond) });
    });
  }

  #event(event: CallEvent): void {
    switch (event.name) {
      case "RINGING":
        this.#state = "ringing";
        this.#user.print("ringing");
        break;
      case "CONNECTED":
        this.#connected();
        break;
      case "DTMF":
        this.#user.print(`<<< key ${event.digit}`);
        break;
      case "MESSAGE":
        this.#user.print(`<<< ${printable(event.text)}`);
        break;
      case "HOLD":
        this.#state = event.on ? "on hold" : "connected";
        break;
      case "ERROR":
        this.#user.print(`${event.command}: ${event.reason}`);
        break;
      case "ENDED":
        this.#ended(event);
        break;
      case "SPEECH":
        if (event.final && event.text !== "") this.#user.print(`<<< “${printable(event.text)}”`);
        break;
    }
    this.#user.changed();
  }

  #connected(): void {
    this.#state = "connected";
    this.#answeredAt = this.#clock.now();
    this.#user.print("connected");
    if (this.#call !== undefined) this.#sound.start(this.#call);
    const { autoTerminateAfter, recognize } = this.#settings;
    if (autoTerminateAfter > 0) this.#timer = this.#clock.after(autoTerminateAfter, () => this.hangUp());
    if (recognize) this.#recognize();
  }

  /** One utterance after another. */
  #recognize(): void {
    this.control.perform({ name: "RECOGNIZE" }, (outcome) => {
      if (outcome.ok) this.#recognize();
      else if (outcome.failure.reason !== callOver) this.#user.print(`RECOGNIZE: ${outcome.failure.reason}`);
    });
  }

  #ended(event: CallEvent & { name: "ENDED" }): void {
    this.#state = "over";
    this.#timer?.cancel();
    this.control.finish({ type: "returned" });
    void this.#sound.end();
    this.#user.ended(this, event);
  }
}
