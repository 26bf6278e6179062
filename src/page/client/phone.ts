/** What both elements are made of: the line, the one call at a time, microphone and loudspeaker. They only show it. */
import { uriOf } from "./address.ts";
import type { CallEvents, PhoneCall } from "./call.ts";
import { type Account, Line, type LineSettings, type LineState } from "./line.ts";
import { openMicrophone, silence } from "./microphone.ts";
import { Ringer } from "./ringer.ts";

export interface PhoneSettings extends LineSettings {
  readonly domain: string;
  readonly securePort: string | null;
  /** Called for each change of what is shown. */
  readonly changed: () => void;
  readonly text: (from: string, text: string) => void;
}

export class Phone {
  readonly settings: PhoneSettings;
  line: LineState = { type: "connecting" };
  call: PhoneCall | undefined;
  /** What has to be said to the user: of the microphone, of an address. */
  problem = "";
  /** The call that a problem of the microphone holds up. */
  pending: (() => void) | undefined;
  microphone = "";
  readonly sound = new Audio();
  readonly #ringer = new Ringer();
  #line: Line | undefined;
  #opening = false;

  constructor(settings: PhoneSettings) {
    this.settings = settings;
    this.sound.autoplay = true;
  }

  /** Connects, as `account` or anonymously; what was there before is given up. */
  connect(account?: Account): void {
    this.#line?.close();
    const events: CallEvents = {
      changed: (call) => this.#follow(call),
      text: (call, text) => this.settings.text(call.uri, text),
    };
    this.#line = new Line(this.settings, account, {
      ...events,
      state: (state) => {
        this.line = state;
        this.settings.changed();
      },
      incoming: (call) => this.#incoming(call),
      message: (from, text) => this.settings.text(from, text),
    });
  }

  close(): void {
    this.#line?.close();
    this.#line = undefined;
    this.#ringer.stop();
    this.sound.srcObject = null;
  }

  get busy(): boolean {
    return this.#opening || (this.call !== undefined && this.call.state !== "ended");
  }

  async dial(typed: string): Promise<void> {
    const uri = uriOf(typed, this.settings.domain);
    if (this.busy) return;
    if (uri === undefined)
      return this.#complain(
        typed.trim() === "" ? "Type whom to call." : "This is no address. Type a name, a number, or sip:user@host.",
      );
    await this.#withVoice(async (voice) => {
      const line = this.#line;
      this.#opening = true;
      const connected = await line?.connects(8000);
      const servers = connected === true ? await line?.iceServers() : undefined;
      this.#opening = false;
      if (line === undefined || line !== this.#line || servers === undefined) {
        for (const track of voice.getTracks()) track.stop();
        this.#complain("There is no connection to the server. Try again in a moment.");
        return;
      }
      this.call = line.call(uri, voice, servers);
      this.#follow(this.call);
    });
  }

  async answer(): Promise<void> {
    const { call } = this;
    if (call?.state !== "incoming") return;
    await this.#withVoice(async (voice) => {
      const servers = (await this.#line?.iceServers()) ?? [];
      if (call.state === "incoming") call.answer(voice, servers);
    });
  }

  /** Hands the call over to somebody else. */
  transfer(typed: string): void {
    const uri = uriOf(typed, this.settings.domain);
    if (uri === undefined) this.#complain("This is no address to transfer to.");
    else this.call?.transferTo(uri);
  }

  hangUp(): void {
    this.pending = undefined;
    this.call?.hangUp();
  }

  /** Why a text did not arrive; undefined: it did. */
  async message(to: string, text: string): Promise<string | undefined> {
    if (this.call?.state === "up" && to === this.call.uri) {
      this.call.message(text);
      return undefined;
    }
    const uri = uriOf(to, this.settings.domain);
    if (uri === undefined) return "this is no address";
    return await this.#line?.message(uri, text);
  }

  /** Where the browser lets it be chosen. */
  async speaker(device: string): Promise<void> {
    if (!("setSinkId" in this.sound)) return;
    await this.sound.setSinkId(device).catch(() => this.#complain("The sound cannot be sent to this device."));
  }

  async #withVoice(use: (voice: MediaStream) => void | Promise<void>): Promise<void> {
    this.problem = "";
    this.pending = undefined;
    this.#opening = true;
    this.settings.changed();
    const voice = await openMicrophone(this.microphone, this.settings.securePort);
    this.#opening = false;
    if ("stream" in voice) await use(voice.stream);
    else {
      this.problem = voice.problem;
      this.pending = () => {
        this.problem = "";
        this.pending = undefined;
        void Promise.resolve(use(silence())).then(() => this.settings.changed());
      };
    }
    this.settings.changed();
  }

  #incoming(call: PhoneCall): void {
    if (this.busy) {
      // JsSIP takes a refusal only once it has told of the call.
      setTimeout(() => call.hangUp(), 0);
      return;
    }
    this.call = call;
    this.#follow(call);
  }

  #follow(call: PhoneCall): void {
    if (call !== this.call) return;
    const ring = call.state === "incoming" ? "bell" : call.state === "ringing" && !heard(call) ? "back" : undefined;
    if (ring === undefined) this.#ringer.stop();
    else this.#ringer.ring(ring);
    if (call.state === "ended") {
      this.sound.srcObject = null;
      this.pending = undefined;
    } else if (call.remote.getAudioTracks().length > 0 && this.sound.srcObject !== call.remote) {
      // Played from the first track on: browsers decode nothing else.
      this.sound.srcObject = call.remote;
      void this.sound.play().catch(() => {});
    }
    this.settings.changed();
  }

  #complain(problem: string): void {
    this.problem = problem;
    this.settings.changed();
  }
}

const heard = (call: PhoneCall) => call.remote.getAudioTracks().some((track) => !track.muted);
