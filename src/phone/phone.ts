/** The interactive phone: one call at a time, texts outside of calls, and what is typed goes to whom it is meant for. */
import type { CallControl, CallEvent, Handler } from "../call/index.ts";
import type { Log } from "../log.ts";
import type { Incoming } from "../routing/index.ts";
import type { Server } from "../server/index.ts";
import type { Clock, Timer } from "../sip/clock.ts";
import { decodeUtf8 } from "../sip/text.ts";
import { printable, sendMessage, textOf } from "./messages.ts";
import { PhoneCall, type PhoneCallSettings } from "./phone-call.ts";
import type { Screen } from "./screen.ts";
import { inviteOptions, type PhoneSettings, targetUri } from "./settings.ts";
import { statusLine } from "./status-line.ts";

export interface PhoneParts {
  readonly server: Server;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: PhoneSettings;
  readonly call: PhoneCallSettings;
  /** The To of calls, where it is not what is called. */
  readonly to?: string | undefined;
  /** The registrar's route. */
  readonly service: readonly string[];
  /** Goes on when a call has ended, for others to come. */
  readonly listens: boolean;
  /** Handles the calls that come in, instead of the user. */
  readonly handler?: Handler | undefined;
}

/** How it went. */
export interface PhoneEnd {
  answered: number;
  failed: number;
}

const refreshMs = 1000;

export class Phone {
  /** Resolves when the phone is put away. */
  readonly over: Promise<PhoneEnd>;
  readonly #parts: PhoneParts;
  readonly #screen: Screen;
  readonly #done = Promise.withResolvers<PhoneEnd>();
  readonly #end: PhoneEnd = { answered: 0, failed: 0 };
  #current: PhoneCall | undefined;
  /** Whom typed text goes to outside of a call. */
  #peer: string | undefined;
  #lastSender: string | undefined;
  #closing = false;
  #timer: Timer | undefined;
  #idle = "ready";

  constructor(parts: PhoneParts, screen: Screen) {
    this.#parts = parts;
    this.#screen = screen;
    this.over = this.#done.promise;
    if (parts.listens) parts.server.use((incoming) => this.#receive(incoming));
    this.#refresh();
  }

  /** What is shown while there is no call. */
  set idle(text: string) {
    this.#idle = text;
    this.#show();
  }

  /** Calls. @returns why that could not be done */
  dial(typed: string): string | undefined {
    const { server, settings, service, to } = this.#parts;
    if (this.#current !== undefined) return "there is a call already";
    const uri = targetUri(typed, settings);
    const invite = { ...inviteOptions(settings, service), uri, to };
    const placed = server.call(invite, { start: (control) => this.#take(control) });
    if ("failure" in placed) return placed.failure;
    this.#peer = uri;
    return undefined;
  }

  /** Sends a text, in the call or to whom it went last. */
  async send(text: string, to?: string): Promise<void> {
    const { server, settings, service } = this.#parts;
    if (to !== undefined) this.#peer = targetUri(to, settings);
    if (this.#peer === undefined) return this.#screen.print("nobody to send it to: type /call URI or /to URI first");
    const { status, code, reason, error } = await sendMessage(server, settings, this.#peer, text, service);
    if (status === "delivered") return;
    this.#end.failed++;
    this.#screen.print(error ?? `received response: ${code} ${printable(reason)}`);
  }

  /** A line that was typed. */
  line(text: string): void {
    const [command = "", ...rest] = text.trim().split(/\s+/);
    const argument = rest.join(" ");
    switch (command.toLowerCase()) {
      case "/quit":
        return this.close();
      case "/help":
        return this.#screen.print(help);
      case "/call": {
        const failure = this.dial(argument);
        if (failure !== undefined) this.#screen.print(failure);
        return;
      }
      case "/to":
        this.#peer = targetUri(argument, this.#parts.settings);
        return;
      case "/answer":
        return this.#current?.answer();
      case "/hangup":
        return this.#current?.hangUp();
    }
    const current = this.#current;
    if (current !== undefined && (current.connected || text.startsWith("/"))) current.typed(text);
    else if (text.startsWith("/")) this.#screen.print(`there is no call; ${help}`);
    else void this.send(text);
  }

  /** Ctrl-C, or a signal: ends the call; without one, or a second time, the phone is put away. */
  interrupt(): void {
    if (this.#current === undefined || this.#closing || !this.#parts.listens) return this.close();
    this.#current.hangUp();
  }

  /** Hangs up and puts the phone away. */
  close(): void {
    if (this.#closing || this.#current === undefined) {
      this.#timer?.cancel();
      this.#done.resolve(this.#end);
      return;
    }
    this.#closing = true;
    this.#current.hangUp();
  }

  /** A request outside of dialogs. */
  #receive(incoming: Incoming): boolean {
    const { server, handler } = this.#parts;
    const { request, tx } = incoming;
    if (!server.admits(incoming)) return true;
    switch (request.method) {
      case "INVITE":
        if (handler === undefined && this.#current !== undefined) tx.respondStateless(486);
        else server.calls.receive(tx, request, handler ?? { start: (control) => this.#take(control) });
        return true;
      case "MESSAGE":
        this.#message(incoming);
        return true;
      case "OPTIONS":
        server.agent.options(tx);
        return true;
      default:
        return false;
    }
  }

  #message({ request, tx }: Incoming): void {
    const text = textOf(request);
    this.#parts.server.agent.reply(tx, 200);
    if (text === undefined) return;
    const from = decodeUtf8(request.from.uriText);
    if (from !== this.#lastSender) this.#screen.print(`message from ${printable(from)}`);
    this.#lastSender = from;
    // Who writes is who is answered, where there is nobody else.
    this.#peer ??= from;
    this.#screen.print(`<<< ${printable(text)}`);
  }

  #take(control: CallControl): void {
    const { call, clock, log } = this.#parts;
    this.#current = new PhoneCall(control, call, clock, log, {
      print: (line) => this.#screen.print(line),
      changed: () => this.#show(),
      ended: (ended, event) => this.#ended(ended, event),
    });
    this.#peer ??= control.facts.remoteUri;
    this.#show();
  }

  #ended(call: PhoneCall, { by, cause, code }: CallEvent & { name: "ENDED" }): void {
    if (call.connected) this.#end.answered++;
    else this.#end.failed++;
    this.#screen.print(`call ended: ${cause} (${code}) by ${by === "remote" ? call.peer : "us"}`);
    this.#current = undefined;
    if (this.#closing || !this.#parts.listens) this.close();
    else this.#show();
  }

  #refresh(): void {
    this.#timer = this.#parts.clock.after(refreshMs, () => {
      this.#current?.count();
      this.#show();
      this.#refresh();
    });
  }

  #show(): void {
    this.#screen.status(this.#current === undefined ? this.#idle : statusLine(this.#current.standing));
  }
}

const help =
  "digits are keys, other text is sent; /call URI, /to URI, /answer, /hangup, /hold, /resume, /mute, /transfer URI, /quit; every command of docs/calls.md works";
