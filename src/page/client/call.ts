/** One call of the page: a session of JsSIP with what the phone needs of it, and nothing else. */
import type { RTCSession } from "jssip/lib/RTCSession";
import { judge, type Quality, type Received } from "./quality.ts";
import { endOf, reasonOf } from "./reasons.ts";

export type CallState = "calling" | "ringing" | "incoming" | "up" | "ended";

export interface CallEvents {
  /** Something that is shown has changed. */
  changed(call: PhoneCall): void;
  text(call: PhoneCall, text: string): void;
}

/** What JsSIP has and its types leave out. */
interface Inner {
  receiveRequest(request: InDialogRequest): void;
  sendRequest(method: string, options: object): void;
}

interface InDialogRequest {
  readonly method: string;
  readonly body: string | undefined;
  reply(status: number): void;
}

/** What a transfer that has reached its target is called. */
export const transferred = "Transferred.";

/** How long candidates are waited for once there is one, in ms: the server needs only those that come at once. */
const gathering = 300;

export class PhoneCall {
  readonly uri: string;
  readonly name: string;
  readonly incoming: boolean;
  state: CallState;
  /** Why it ended, where that is worth saying. */
  end = "";
  muted = false;
  held = false;
  heldByThem = false;
  /** What of a transfer was said last. */
  transfer = "";
  /** When it was answered, as Date.now() counts. */
  since: number | undefined;
  readonly remote = new MediaStream();
  readonly #session: RTCSession;
  readonly #events: CallEvents;
  #received: Received = { packets: 0, lost: 0 };
  #own: MediaStream | undefined;
  /** Pressed, and not yet on their way. */
  #keys = "";
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor(session: RTCSession, events: CallEvents, voice?: MediaStream) {
    this.#session = session;
    this.#events = events;
    this.#own = voice;
    this.incoming = session.direction === "incoming";
    this.state = this.incoming ? "incoming" : "calling";
    const { remote_identity: peer } = session;
    this.uri = peer.uri.toString();
    this.name = peer.display_name ?? "";
    this.#follow();
    this.#takeTexts();
  }

  /** What we say. */
  get ownVoice(): MediaStream | undefined {
    return this.#own;
  }

  answer(voice: MediaStream, iceServers: RTCIceServer[]): void {
    this.#own = voice;
    this.#session.answer({ mediaStream: voice, pcConfig: { iceServers } });
  }

  hangUp(): void {
    if (this.state === "ended") return;
    // 486: others who are rung as well go on ringing.
    this.#session.terminate(this.state === "incoming" ? { status_code: 486 } : {});
  }

  mute(muted: boolean): void {
    if (muted) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
    this.muted = muted;
    this.#changed();
  }

  hold(held: boolean): void {
    const done = () => this.#changed();
    const begun = held ? this.#session.hold({}, done) : this.#session.unhold({}, done);
    if (begun) this.held = held;
    this.#changed();
  }

  /** Keys as telephone-events (RFC 4733); those pressed before there is a way wait for it. */
  press(keys: string): void {
    this.#keys = (this.#keys + keys).slice(-64);
    this.#sendKeys();
  }

  #sendKeys(): void {
    clearTimeout(this.#later);
    if (this.#keys === "" || this.state === "ended") return;
    const dtmf = this.#session.connection?.getSenders().find((sender) => sender.dtmf !== null)?.dtmf;
    if (dtmf?.canInsertDTMF) {
      dtmf.insertDTMF(dtmf.toneBuffer + this.#keys, 120, 70);
      this.#keys = "";
    } else this.#later = setTimeout(() => this.#sendKeys(), 50);
  }

  /** Asks the other side to call somebody else (RFC 3515). */
  transferTo(uri: string): void {
    this.transfer = "Transferring…";
    const say = (text: string) => () => {
      this.transfer = text;
      this.#changed();
    };
    this.#session.refer(uri, {
      eventHandlers: {
        requestFailed: say("The transfer was refused."),
        trying: say("Transferring…"),
        progress: say("Transferring: it rings."),
        accepted: () => {
          say(transferred)();
          this.hangUp();
        },
        failed: say("The transfer failed; this call goes on."),
      },
    });
    this.#changed();
  }

  /** A text within the call (RFC 3428). */
  message(text: string): void {
    this.#inner.sendRequest("MESSAGE", { extraHeaders: ["Content-Type: text/plain;charset=UTF-8"], body: text });
  }

  /** How it sounds; undefined while nothing is heard. */
  async quality(): Promise<Quality | undefined> {
    if (this.state !== "up") return undefined;
    const report = await this.#session.connection.getStats();
    const judged = judge(report.values(), this.#received);
    if (judged !== undefined) this.#received = judged.received;
    return judged?.quality;
  }

  get #inner(): Inner {
    // JsSIP's types leave out what its own dialogs call.
    return this.#session as unknown as Inner;
  }

  #follow(): void {
    const session = this.#session;
    const hear = (connection: RTCPeerConnection) => {
      connection.addEventListener("track", ({ track }) => {
        this.remote.addTrack(track);
        // Muted until the first packet: then there is something to hear instead of our ring-back.
        track.addEventListener("unmute", () => this.#changed());
        this.#changed();
      });
    };
    if (session.connection) hear(session.connection);
    else session.on("peerconnection", ({ peerconnection }) => hear(peerconnection));
    let waiting: ReturnType<typeof setTimeout> | undefined;
    session.on("icecandidate", ({ ready }) => {
      if (waiting !== undefined) return;
      waiting = setTimeout(() => {
        waiting = undefined;
        ready();
      }, gathering);
    });
    session.on("progress", () => {
      if (!this.incoming) this.#become("ringing");
    });
    session.on("accepted", () => {
      this.since ??= Date.now();
      this.#become("up");
    });
    session.on("hold", ({ originator }) => this.#holds(originator, true));
    session.on("unhold", ({ originator }) => this.#holds(originator, false));
    session.on("ended", ({ cause }) => this.#ended(endOf(cause)));
    session.on("failed", ({ cause, message }) => {
      const status: unknown = message && "status_code" in message ? message.status_code : undefined;
      const called = cause === "Canceled";
      this.#ended(
        called ? (this.incoming ? "You missed this call." : "") : reasonOf(cause, Number(status) || undefined),
      );
    });
  }

  #takeTexts(): void {
    const inner = this.#inner;
    const before = inner.receiveRequest.bind(this.#session);
    inner.receiveRequest = (request) => {
      if (request.method !== "MESSAGE") return before(request);
      request.reply(200);
      this.#events.text(this, String(request.body ?? "").slice(0, 4000));
    };
  }

  #holds(originator: string, held: boolean): void {
    if (originator === "local") this.held = held;
    else this.heldByThem = held;
    this.#changed();
  }

  #become(state: CallState): void {
    if (this.state === "ended" || this.state === state) return;
    this.state = state;
    this.#changed();
  }

  #ended(why: string): void {
    for (const track of this.#own?.getTracks() ?? []) track.stop();
    this.end = why;
    this.#become("ended");
  }

  #changed(): void {
    this.#events.changed(this);
  }
}
