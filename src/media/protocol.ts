/** What main thread and media worker say to each other. Each message is a batch of these, in order. */
import type { OwnCertificate } from "./dtls/certificate.ts";
import type { Lateness } from "./lateness.ts";
import type { ToneName } from "./tones.ts";
import type {
  Configuration,
  DtmfWay,
  Family,
  LatchRule,
  MappedPorts,
  MediaEvent,
  PlayOptions,
  RecordOptions,
  StunServer,
} from "./types.ts";

export type ToWorker =
  | {
      type: "start";
      ports: readonly [number, number];
      latch: LatchRule;
      mediaTimeout: number;
      packets: number;
      stun: readonly StunServer[];
      iceTcp: boolean;
    }
  /** Which packets are kept of these sessions; answered by `packets`. */
  | { type: "packets"; question: number; sessions: readonly number[] }
  /** Bind so many further pairs; answered by `ports`. */
  | { type: "grow"; family: Family; count: number }
  | { type: "open"; session: number; family: Family; rtpPort: number }
  /** `certificate`: ours, for WebRTC. */
  | { type: "configure"; session: number; configuration: Configuration; certificate?: OwnCertificate }
  | { type: "play"; session: number; id: number; file: string; options?: PlayOptions | undefined }
  /** What the file that was started last does from now on. */
  | { type: "pause"; session: number; on: boolean }
  | { type: "seek"; session: number; milliseconds: number }
  | { type: "volume"; session: number; decibels: number }
  | { type: "stop"; session: number }
  | {
      type: "record";
      session: number;
      file: string | undefined;
      layout: "mono" | "stereo";
      options?: RecordOptions | undefined;
    }
  | { type: "dtmf"; session: number; id: number; digits: string; by?: DtmfWay | undefined }
  | { type: "mute"; session: number; on: boolean }
  | { type: "echo"; session: number; on: boolean }
  | { type: "count"; session: number }
  | { type: "tone"; session: number; tone: ToneName | undefined }
  /** Enters the room of that name, and leaves the one before. */
  | { type: "join"; session: number; room: string; listenOnly: boolean; announced: boolean }
  | { type: "leave"; session: number; announced: boolean }
  | { type: "listen-only"; session: number; on: boolean }
  | { type: "close"; session: number }
  /** Ends all sessions; answered by `ended`. */
  | { type: "end" };

export type ToMain =
  /** RTP ports of pairs newly bound. Fewer than asked for: there are no more. */
  | { type: "ports"; family: Family; asked: number; ports: number[]; failure?: string | undefined }
  | { type: "event"; session: number; event: MediaEvent }
  /** Rows of `PacketRing` in base64. */
  | { type: "packets"; question: number; rows: string; hosts: readonly string[] }
  /** The pair of a closed session can be used again. */
  | { type: "free"; family: Family; rtpPort: number }
  /** What a NAT makes of a free pair; undefined: nobody says so any more. */
  | { type: "mapped"; family: Family; rtpPort: number; mapped?: MappedPorts | undefined }
  | { type: "log"; level: "warn" | "error"; message: string; reason: string }
  | ({ type: "late" } & Lateness)
  | { type: "ended" };

/**
 * A batch is at most this often, ms: waking the other thread costs more than what is said. After a pause the first
 * message goes at once.
 */
const batchMs = 10;

/** Collects messages and posts them together, as JSON: for many small objects that is cheaper than cloning. */
export class Batch<Message> {
  #post: (batch: string) => void;
  #waiting: Message[] = [];
  #last = 0;

  constructor(post: (batch: string) => void) {
    this.#post = post;
  }

  add(message: Message): void {
    if (this.#waiting.push(message) > 1) return;
    const rest = this.#last + batchMs - performance.now();
    if (rest > 0) setTimeout(this.#flush, rest);
    else setImmediate(this.#flush);
  }

  #flush = (): void => {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#last = performance.now();
    this.#post(JSON.stringify(batch));
  };
}

/** Reads a batch of the other thread, which is this same program: its form needs no check. */
export function readBatch<Message>(batch: string): Message[] {
  return JSON.parse(batch);
}
