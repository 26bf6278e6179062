/** RTCP packets (RFC 3550 §6): compound packets written and read. Reading trusts no length. */

/** RFC 3550 §6.4.1. Times are in the middle 32 bits of NTP, `delay` in 1/65536 s. */
export interface ReportBlock {
  ssrc: number;
  fractionLost: number;
  /** Cumulative, signed 24 bits. */
  lost: number;
  highest: number;
  /** In timestamp units. */
  jitter: number;
  lastSenderReport: number;
  delay: number;
}

export interface SenderInfo {
  /** 64 bits of NTP as two halves. */
  ntpSeconds: number;
  ntpFraction: number;
  timestamp: number;
  packets: number;
  octets: number;
}

/** What one compound packet says. */
export interface Rtcp {
  ssrc: number;
  sender: SenderInfo | undefined;
  reports: ReportBlock[];
  cname: string | undefined;
  /** The sources that leave (BYE). */
  left: number[];
}

const SR = 200;
const RR = 201;
const SDES = 202;
const BYE = 203;
const CNAME = 1;

const latin1 = (octets: Uint8Array) => String.fromCharCode(...octets);

/** Reads a compound packet; undefined when it is not one (RFC 3550 A.2). Unknown packet types in it are passed over. */
export function parseRtcp(packet: Uint8Array): Rtcp | undefined {
  const size = packet.length;
  if (size < 8 || size % 4 !== 0) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, size);
  const first = view.getUint8(1);
  // Reduced-size RTCP (RFC 5506) is not negotiated here: the first must be a report, without padding.
  if ((first !== SR && first !== RR) || view.getUint8(0) & 0x20) return undefined;
  const found: Rtcp = { ssrc: view.getUint32(4), sender: undefined, reports: [], cname: undefined, left: [] };
  let at = 0;
  while (at < size) {
    if (at + 4 > size) return undefined;
    const head = view.getUint8(at);
    const length = 4 * (view.getUint16(at + 2) + 1);
    if (head >> 6 !== 2 || at + length > size) return undefined;
    let end = at + length;
    if (head & 0x20) {
      const padding = view.getUint8(end - 1);
      // Only the last packet of a compound may be padded.
      if (end !== size || padding === 0 || padding % 4 !== 0 || padding > length - 4) return undefined;
      end -= padding;
    }
    if (!readPacket(view, view.getUint8(at + 1), head & 0x1f, at + 4, end, found)) return undefined;
    at += length;
  }
  return found;
}

function readPacket(view: DataView, type: number, count: number, at: number, end: number, into: Rtcp): boolean {
  switch (type) {
    case SR:
    case RR: {
      const blocks = at + (type === SR ? 24 : 4);
      if (blocks + 24 * count > end) return false;
      if (type === SR)
        into.sender = {
          ntpSeconds: view.getUint32(at + 4),
          ntpFraction: view.getUint32(at + 8),
          timestamp: view.getUint32(at + 12),
          packets: view.getUint32(at + 16),
          octets: view.getUint32(at + 20),
        };
      for (let i = 0; i < count; i++) into.reports.push(readReportBlock(view, blocks + 24 * i));
      return true;
    }
    case SDES:
      return readSdes(view, count, at, end, into);
    case BYE:
      if (at + 4 * count > end) return false;
      for (let i = 0; i < count; i++) into.left.push(view.getUint32(at + 4 * i));
      return true;
    default:
      return true;
  }
}

function readReportBlock(view: DataView, at: number): ReportBlock {
  return {
    ssrc: view.getUint32(at),
    fractionLost: view.getUint8(at + 4),
    lost: (view.getInt32(at + 4) << 8) >> 8,
    highest: view.getUint32(at + 8),
    jitter: view.getUint32(at + 12),
    lastSenderReport: view.getUint32(at + 16),
    delay: view.getUint32(at + 20),
  };
}

function readSdes(view: DataView, count: number, at: number, end: number, into: Rtcp): boolean {
  for (let chunk = 0; chunk < count; chunk++) {
    const start = at;
    if (at + 4 > end) return false;
    at += 4;
    while (at < end && view.getUint8(at) !== 0) {
      if (at + 2 > end) return false;
      const length = view.getUint8(at + 1);
      if (at + 2 + length > end) return false;
      if (view.getUint8(at) === CNAME && view.getUint32(start) === into.ssrc)
        into.cname = latin1(new Uint8Array(view.buffer, view.byteOffset + at + 2, length));
      at += 2 + length;
    }
    // A chunk ends with one to four null octets, up to the next multiple of four.
    if (at >= end) return false;
    at = start + 4 * Math.floor((at - start) / 4 + 1);
  }
  return at <= end;
}

export interface RtcpToWrite {
  ssrc: number;
  /** At most 255 octets, latin-1. */
  cname: string;
  /** With it a sender report is written, else a receiver report. */
  sender: SenderInfo | undefined;
  report: ReportBlock | undefined;
  bye: boolean;
}

/** A compound of SR or RR, SDES with CNAME, and BYE when asked. Allocates: it is sent every few seconds. */
export function writeRtcp(packet: RtcpToWrite): Uint8Array {
  const name = packet.cname.slice(0, 255);
  const sdesLength = 8 + 4 * Math.floor((2 + name.length) / 4 + 1);
  const reportLength = 8 + (packet.sender ? 20 : 0) + (packet.report ? 24 : 0);
  const octets = new Uint8Array(reportLength + sdesLength + (packet.bye ? 8 : 0));
  const view = new DataView(octets.buffer);
  const head = (at: number, type: number, count: number, length: number) => {
    view.setUint8(at, 0x80 | count);
    view.setUint8(at + 1, type);
    view.setUint16(at + 2, length / 4 - 1);
    view.setUint32(at + 4, packet.ssrc);
  };

  head(0, packet.sender ? SR : RR, packet.report ? 1 : 0, reportLength);
  let at = 8;
  if (packet.sender) {
    const { ntpSeconds, ntpFraction, timestamp, packets, octets: sent } = packet.sender;
    for (const word of [ntpSeconds, ntpFraction, timestamp, packets, sent]) {
      view.setUint32(at, word);
      at += 4;
    }
  }
  if (packet.report) {
    const { ssrc, fractionLost, lost, highest, jitter, lastSenderReport, delay } = packet.report;
    view.setUint32(at, ssrc);
    // Loss is clamped to what 24 bits hold, not wrapped (RFC 3550 A.3).
    view.setUint32(at + 4, Math.max(-0x800000, Math.min(0x7fffff, lost)) & 0xffffff);
    view.setUint8(at + 4, fractionLost);
    view.setUint32(at + 8, highest);
    view.setUint32(at + 12, jitter);
    view.setUint32(at + 16, lastSenderReport);
    view.setUint32(at + 20, delay);
    at += 24;
  }

  head(at, SDES, 1, sdesLength);
  view.setUint8(at + 8, CNAME);
  view.setUint8(at + 9, name.length);
  for (let i = 0; i < name.length; i++) view.setUint8(at + 10 + i, name.charCodeAt(i) & 0xff);
  at += sdesLength;
  if (packet.bye) head(at, BYE, 1, 8);
  return octets;
}

/** Seconds from NTP's epoch (1900) to Unix's (RFC 5905 §6). */
const ntpEpoch = 2_208_988_800;

/** A wall-clock time (ms since 1970) as the two halves of an NTP timestamp. */
export function toNtp(wallMs: number): { seconds: number; fraction: number } {
  const seconds = Math.floor(wallMs / 1000);
  return {
    seconds: (seconds + ntpEpoch) >>> 0,
    fraction: Math.floor(((wallMs - seconds * 1000) / 1000) * 0x100000000) >>> 0,
  };
}

/** The middle 32 bits of an NTP timestamp, as LSR has them. */
export function middleOfNtp(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}
