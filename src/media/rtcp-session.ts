/** When a session sends RTCP and what it learns from the peer's (RFC 3550 §6.2, §6.3, §6.4). Time comes in as `now`, ms. */
import { middleOfNtp, parseRtcp, type ReportBlock, type SenderInfo, toNtp, writeRtcp } from "./rtcp.ts";
import type { Reception } from "./rtp.ts";

/** Tmin of RFC 3550 §6.2: with two participants at 64 kbit/s nothing else limits the rate. */
const intervalMs = 5000;

/** What a report says of our own stream. */
export interface Sent {
  ssrc: number;
  timestamp: number;
  packets: number;
  octets: number;
}

export class RtcpSession {
  roundTrip: number | undefined;
  remoteLost: number | undefined;
  /** ms. */
  remoteJitter: number | undefined;
  /** Of our stream's timestamps, Hz. */
  clockRate = 8000;
  #cname: string;
  #random: () => number;
  #wall: (now: number) => number;
  #next: number | undefined;
  #reported = 0;
  #lastReport: { middle: number; at: number } | undefined;

  /**
   * @param cname says nothing of us but that it is the same (RFC 7022)
   * @param random a number in [0, 1)
   * @param wall the wall-clock time (ms since 1970) at `now`
   */
  constructor(cname: string, random: () => number, wall: (now: number) => number) {
    this.#cname = cname;
    this.#random = random;
    this.#wall = wall;
  }

  /** True when a report is due. The first comes after half an interval. */
  due(now: number): boolean {
    if (this.#next === undefined) this.#next = now + this.#interval() / 2;
    return now >= this.#next;
  }

  #interval(): number {
    return intervalMs * (0.5 + this.#random());
  }

  /** A report of what we sent and received; with `bye`, the last. */
  report(now: number, sent: Sent, reception: Reception | undefined, bye: boolean): Uint8Array {
    this.#next = now + this.#interval();
    const ntp = toNtp(this.#wall(now));
    // A sender report only if something was sent since the last but one report (§6.4).
    const active = sent.packets > this.#reported;
    this.#reported = sent.packets;
    const sender: SenderInfo | undefined = active
      ? {
          ntpSeconds: ntp.seconds,
          ntpFraction: ntp.fraction,
          timestamp: sent.timestamp,
          packets: sent.packets >>> 0,
          octets: sent.octets >>> 0,
        }
      : undefined;
    return writeRtcp({
      ssrc: sent.ssrc,
      cname: this.#cname,
      sender,
      report: reception === undefined ? undefined : this.#block(now, reception),
      bye,
    });
  }

  #block(now: number, reception: Reception): ReportBlock {
    const last = this.#lastReport;
    return {
      ssrc: reception.ssrc,
      fractionLost: reception.fractionLost(),
      lost: reception.lost,
      highest: reception.extendedHighest,
      jitter: Math.floor(reception.jitter),
      lastSenderReport: last?.middle ?? 0,
      delay: last === undefined ? 0 : Math.round(((now - last.at) * 65536) / 1000) >>> 0,
    };
  }

  /** The source has changed: its old reports mean nothing any more. */
  reset(): void {
    this.#lastReport = undefined;
  }

  /**
   * Takes what may be a compound packet. `accept` says, once it is known to be RTCP, whether the source may speak.
   * Undefined: it was not taken. Else whether the peer says BYE.
   */
  receive(packet: Uint8Array, now: number, ssrc: number, accept: () => boolean): { bye: boolean } | undefined {
    const found = parseRtcp(packet);
    if (found === undefined || !accept()) return undefined;
    if (found.sender !== undefined)
      this.#lastReport = { middle: middleOfNtp(found.sender.ntpSeconds, found.sender.ntpFraction), at: now };
    for (const block of found.reports) {
      if (block.ssrc !== ssrc) continue;
      this.remoteLost = block.lost;
      this.remoteJitter = (block.jitter * 1000) / this.clockRate;
      if (block.lastSenderReport === 0) continue;
      const ntp = toNtp(this.#wall(now));
      const elapsed = (middleOfNtp(ntp.seconds, ntp.fraction) - block.lastSenderReport - block.delay) | 0;
      // Figure 2 of §6.4.1; below zero or beyond a minute somebody's clock or arithmetic is wrong.
      if (elapsed >= 0 && elapsed < 60 * 65536) this.roundTrip = (elapsed * 1000) / 65536;
    }
    return { bye: found.left.includes(found.ssrc) };
  }
}
