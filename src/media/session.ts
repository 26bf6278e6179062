/** One session: what goes out each 20 ms, what comes in, and the commands of its call. No sockets and no timers here. */
import { soundCodecs } from "./codecs/codec.ts";
import { formOf, type SoundForm } from "./codecs/form.ts";
import { Line } from "./codecs/line.ts";
import { DtmfDetector } from "./dtmf-detector.ts";
import { ToneSender } from "./dtmf-tone.ts";
import { Passing } from "./passing.ts";
import { Playout } from "./playout.ts";
import { Receiver } from "./receiver.ts";
import { Recorder } from "./recorder.ts";
import { mixed, type Seat } from "./room.ts";
import { RtcpSession } from "./rtcp-session.ts";
import { clockRate, frameMs } from "./rtp.ts";
import { Sender } from "./sender.ts";
import { type TapEvents, Taps } from "./tap.ts";
import { EventSender } from "./telephone-event.ts";
import { Tone, type ToneName } from "./tones.ts";
import type { Tracks } from "./tracks.ts";
import type { TransportUser, Wire } from "./transport/transport.ts";
import type {
  Codec,
  Configuration,
  DtmfWay,
  LatchRule,
  MediaEvent,
  PlayOptions,
  RecordOptions,
  RtpStats,
  TapSettings,
} from "./types.ts";

/** What a session needs of the world. */
export interface SessionWorld {
  readonly tracks: Tracks;
  /** ms on a steady clock, and the wall-clock time (ms since 1970) at such a time. */
  now(): number;
  wall(now: number): number;
  /** 32 unpredictable bits. */
  random(): number;
  readonly latch: LatchRule;
  /** ms; 0 for never. */
  readonly mediaTimeout: number;
}

export class Session implements TransportUser {
  #world: SessionWorld;
  #wire: Wire;
  #emit: (event: MediaEvent) => void;
  #configuration: Configuration | undefined;
  /** How it is sent: from the first configuration on. */
  #line: Line | undefined;
  #sends = false;
  #sender: Sender;
  #receiver: Receiver;
  #rtcp: RtcpSession;
  #keys = new EventSender();
  readonly #keyTones = new ToneSender();
  /** Hears keys in the sound, while the other side has no telephone-events to send them by. */
  #detector: DtmfDetector | undefined;
  readonly taps = new Taps();
  #playout: Playout;
  readonly #tone = new Tone();
  /** Where it meets others. */
  #seat: Seat | undefined;
  readonly #passing: Passing;
  #muted = false;
  #echoing = false;
  /** What was heard in this step; kept while somebody wants it. */
  #heard: Int16Array | undefined;
  readonly #recorder: Recorder;
  /** Since when the peer should be heard, ms; undefined when it need not be, or once its silence was told. */
  #listeningSince: number | undefined;
  #silenceTold = false;
  #closed = false;

  constructor(world: SessionWorld, wire: Wire, emit: (event: MediaEvent) => void) {
    this.#world = world;
    this.#wire = wire;
    this.#emit = emit;
    this.#sender = new Sender([world.random(), world.random(), world.random()]);
    this.#receiver = new Receiver((digit, duration) => emit({ type: "dtmf", digit, duration }));
    const hex = () => (world.random() >>> 0).toString(16).padStart(8, "0");
    this.#passing = new Passing({
      now: world.now,
      takes: () => this.#takes,
      send: (packet, header, anew) => this.#sender.passOn(packet, header, anew, this.#toPeer),
    });
    this.#rtcp = new RtcpSession(hex() + hex(), () => (world.random() >>> 0) / 0x100000000, world.wall);
    this.#recorder = new Recorder(emit, () => this.#listen());
    this.#playout = new Playout(world.tracks, {
      played: (id, file, reason) => emit({ type: "played", id, file, reason }),
      failed: (id, file, reason) => emit({ type: "error", command: "PLAY", id, file, reason }),
    });
  }

  configure(configuration: Configuration): void {
    const { codec, payloadType, dtmfPayloadType, direction, remote } = configuration;
    const taken = configuration.receivePayloadTypes ?? [{ payloadType, codec }];
    this.#configuration = configuration;
    const line = this.#lineFor(configuration);
    this.#rtcp.clockRate = soundCodecs[codec].clockRate;
    const mux = configuration.rtcpMux === true;
    this.#receiver.latch.configure(remote, mux, configuration.latch ?? this.#world.latch);
    const receives = remote !== undefined && (direction === "sendrecv" || direction === "recvonly");
    this.#receiver.configure({
      codecs: new Map(taken.map((one) => [one.payloadType, one.codec])),
      dtmfPayloadType: configuration.dtmfReceivePayloadType ?? dtmfPayloadType,
      dtmfClockRate: configuration.dtmfClockRate ?? clockRate,
      clockRate: soundCodecs[codec].clockRate,
      open: receives,
    });
    this.#sender.configure({ payloadType, ptime: configuration.ptime ?? frameMs, tickUnits: line.tickUnits });
    const events = configuration.dtmfReceivePayloadType ?? dtmfPayloadType;
    if (!receives || events !== undefined) this.#detector = undefined;
    else
      this.#detector ??= new DtmfDetector((digit, duration) =>
        this.#emit({ type: "dtmf", digit, duration, inSound: true }),
      );
    this.#listen();
    const sends = direction === "sendrecv" || direction === "sendonly";
    if (sends && !this.#sends) this.#sender.pause();
    this.#sends = sends;
    if (!receives) this.#listeningSince = undefined;
    else this.#listeningSince ??= this.#world.now();
  }

  /** What sends in this configuration: the one before, with its state, as long as the codec stays. */
  #lineFor(configuration: Configuration): Line {
    const before = this.#line;
    if (before !== undefined && before.codec === configuration.codec && before.fmtp === configuration.fmtp)
      return before;
    before?.close();
    const line = new Line(configuration);
    this.#line = line;
    // Heard at the rate of the call's codec.
    if (this.#heard !== undefined && this.#heard.length !== line.form.samples)
      this.#heard = new Int16Array(line.form.samples);
    return line;
  }

  /** The form of what is sent and, by its rate, of what is heard. */
  get #form(): SoundForm {
    return this.#line?.form ?? formOf("PCMU");
  }

  play(id: number, file: string, options?: PlayOptions): void {
    this.#playout.play(id, file, this.#form, options);
  }

  stop(): void {
    this.#playout.stop();
  }

  /** Holds the file that was started last where it is, or lets it go on. */
  pause(on: boolean): void {
    this.#playout.pause(on);
  }

  /** The file that was started last goes on from there. */
  seek(milliseconds: number): void {
    this.#playout.seek(milliseconds);
  }

  /** How loud the file that was started last is, dB. */
  volume(decibels: number): void {
    this.#playout.volume(decibels);
  }

  mute(on: boolean): void {
    this.#muted = on;
  }

  /** Sends back what is heard. */
  echo(on: boolean): void {
    this.#echoing = on;
    this.#listen();
  }

  /** Sends a tone, again and again, mixed with what plays; undefined ends it. */
  tone(name: ToneName | undefined): void {
    this.#tone.set(name);
  }

  /** Takes a seat in a room, or with undefined none any more. */
  sit(seat: Seat | undefined): void {
    this.#seat?.leave();
    this.#seat = seat;
    this.#listen();
  }

  /** The one other in the room, if there is just one. */
  set partner(partner: Session | undefined) {
    const to = partner === undefined ? undefined : partner.#passing;
    this.#passing.partner = to;
    // A packet in another codec than its sender gets is mixed: else what he gets would not be.
    const whole = (codec: Codec) => this.#seat?.heard === true && codec === this.#line?.codec;
    this.#receiver.onward = to && ((packet, header, codec) => void (whole(codec) && to.take(packet, header, codec)));
    this.#listen();
  }

  /** What may be passed on to our peer: our codec, while nothing of our own is mixed into it or recorded of it. */
  get #takes(): Codec | undefined {
    if (!this.#sends || this.#muted || this.#echoing || this.#keys.active || this.#keyTones.active) return undefined;
    if (this.#tone.sounding || this.taps.any || this.#recorder.active || !this.#playout.idle) return undefined;
    return this.#receiver.latch.host === undefined || this.#seat?.room.sounding ? undefined : this.#line?.codec;
  }

  get seat(): Seat | undefined {
    return this.#seat;
  }

  openTap(id: number, settings: TapSettings, events: TapEvents): void {
    this.taps.open(id, settings, events);
    this.#listen();
  }

  closeTap(id: number): void {
    this.taps.close(id);
    this.#listen();
  }

  /** What comes in is decoded only while it is recorded, echoed, tapped or heard by others. */
  #listen(): void {
    const wanted =
      this.#detector !== undefined ||
      this.#echoing ||
      this.#recorder.active ||
      this.taps.hearing ||
      (this.#seat !== undefined && this.#passing.partner?.active !== true);
    this.#heard = wanted ? (this.#heard ?? new Int16Array(this.#form.samples)) : undefined;
    this.#receiver.listen(wanted);
  }

  /** Presses keys; by `auto` as telephone-events where the other side takes them, else as tones in the sound. */
  dtmf(id: number, digits: string, by: DtmfWay = "auto"): void {
    const fail = (reason: string) => this.#emit({ type: "error", command: "DTMF", id, reason });
    const events = this.#configuration?.dtmfPayloadType !== undefined;
    if (by === "rfc4733" && !events) return fail("the other side does not take telephone-events");
    if (!this.#sends || this.#receiver.latch.host === undefined) return fail("the call is on hold");
    const keys = by === "inband" || !events ? this.#keyTones : this.#keys;
    if (!keys.enqueue(id, digits)) fail("only 0-9 * # A-D can be sent, and pauses");
  }

  /** Starts a recording, or with undefined ends it. A new file ends the one before. */
  record(file: string | undefined, layout: "mono" | "stereo", options?: RecordOptions): void {
    this.#recorder.record(file, layout, this.#form, options);
  }

  /**
   * One step of 20 ms.
   * @param skipped steps left out before this one, because the process was stalled
   */
  tick(now: number, skipped: number): void {
    const configuration = this.#configuration;
    if (configuration === undefined || this.#closed) return;
    const line = this.#line;
    if (line === undefined) return;
    const { form } = line;
    this.#passing.tick();
    if (this.#passing.partner !== undefined) this.#listen();
    if (skipped > 0) {
      this.#sender.advance(skipped);
      this.#sender.pause();
      this.#recorder.skip(skipped);
    }
    const heard = this.#heard;
    if (heard !== undefined) {
      this.#receiver.pull(heard);
      this.#detector?.hear(heard, form.rate);
      this.taps.hear(heard, form.rate);
    }
    const met = this.#meet(heard, form.rate, 1 + skipped);
    this.#playout.next(form, this.taps.speak(met, form.rate));
    const silent = this.#muted || !this.#sends;
    let octets = silent ? form.silence : this.#playout.octets;
    let offset = silent ? 0 : this.#playout.offset;
    const key = this.#keyTones.active ? this.#keyTones.next(form.rate, this.#keySent) : undefined;
    if (key !== undefined && this.#sends) {
      // A key is heard alone, as it is pressed on a phone.
      octets = new Uint8Array(form.octets);
      offset = 0;
      form.write(key, octets, 0, form.samples);
    }
    this.#send(configuration, line, octets, offset);
    if (this.#recorder.active) this.#recorder.add(form, octets, offset, heard);
    this.#receiver.events.tick(now);
    if (this.#rtcp.due(now)) this.#report(now, false);
    this.#watch(now);
    this.#sender.advance(1);
  }

  /** What goes out besides what plays: our own echo, a tone, and who is met. */
  #meet(heard: Int16Array | undefined, rate: number, ticks: number): Int16Array | undefined {
    const echo = this.#echoing ? heard : undefined;
    const tone = this.#tone.next(rate);
    const own = tone !== undefined && echo !== undefined ? mixed(tone, echo) : (tone ?? echo);
    if (this.#seat === undefined || heard === undefined) return own;
    return this.#seat.exchange(heard, own, rate, ticks);
  }

  #send(configuration: Configuration, line: Line, octets: Uint8Array, offset: number): void {
    const { dtmfPayloadType, dtmfClockRate } = configuration;
    const key = this.#keys.active && this.#keys.tick(this.#sender.timestamp, this.#keySent, dtmfClockRate);
    if (!this.#sends || this.#receiver.latch.host === undefined) return;
    if (key && dtmfPayloadType !== undefined)
      this.#sender.event(this.#keys.payload, dtmfPayloadType, this.#keys.marker, this.#keys.timestamp, this.#toPeer);
    else if (this.#passing.active) return;
    else if (!line.encode(octets, offset)) this.#sender.pause();
    else if (line.framed) this.#sender.packet(line.payload, line.length, this.#toPeer);
    else this.#sender.audio(line.payload, line.offset, this.#toPeer);
  }

  #keySent = (id: number): void => this.#emit({ type: "dtmf-sent", id });

  #toPeer = (packet: Uint8Array): void => {
    const { host, port } = this.#receiver.latch;
    if (host !== undefined) this.#wire.rtp(packet, port, host);
  };

  #report(now: number, bye: boolean): void {
    const { rtcpHost, rtcpPort } = this.#receiver.latch;
    const packet = this.#rtcp.report(now, this.#sender, this.#receiver.reception, bye);
    if (rtcpHost === undefined || rtcpPort === 0) return;
    if (this.#configuration?.rtcpMux) this.#wire.rtp(packet, rtcpPort, rtcpHost);
    else this.#wire.rtcp(packet, rtcpPort, rtcpHost);
  }

  #watch(now: number): void {
    const { mediaTimeout } = this.#world;
    if (mediaTimeout === 0 || this.#listeningSince === undefined) return;
    const quiet = now - Math.max(this.#listeningSince, this.#receiver.lastHeard ?? 0);
    if (quiet < mediaTimeout) this.#silenceTold = false;
    else if (!this.#silenceTold) {
      this.#silenceTold = true;
      this.#emit({ type: "silent" });
    }
  }

  /** Takes a datagram of the RTP port. */
  receiveRtp(packet: Uint8Array, port: number, host: string): void {
    const type = packet[1] ?? 0;
    // RTCP among RTP (RFC 5761 §4) if that was agreed upon; else it is dropped as no RTP.
    if (this.#configuration?.rtcpMux && type >= 192 && type <= 223) this.#receiveRtcp(packet, port, host, true);
    else this.#receiver.rtp(packet, port, host, this.#world.now());
  }

  /** Takes a datagram of the RTCP port. */
  receiveRtcp(packet: Uint8Array, port: number, host: string): void {
    if (this.#configuration?.rtcpMux) this.#receiver.dropped++;
    else this.#receiveRtcp(packet, port, host, false);
  }

  /** Counts a datagram that its transport did not take. */
  refused(): void {
    this.#receiver.dropped++;
  }

  #receiveRtcp(packet: Uint8Array, port: number, host: string, muxed: boolean): void {
    const receiver = this.#receiver;
    const now = this.#world.now();
    const taken = this.#rtcp.receive(packet, now, this.#sender.ssrc, () =>
      receiver.latch.acceptRtcp(host, port, muxed),
    );
    if (taken === undefined) receiver.dropped++;
    else receiver.lastHeard = now;
  }

  get stats(): RtpStats {
    const receiver = this.#receiver;
    return {
      sentPackets: this.#sender.packets,
      sentOctets: this.#sender.octets,
      receivedPackets: receiver.packets,
      receivedOctets: receiver.octets,
      lost: receiver.lost,
      jitter: ((receiver.reception?.jitter ?? 0) * 1000) / (receiver.reception?.clockRate ?? clockRate),
      roundTrip: this.#rtcp.roundTrip,
      remoteLost: this.#rtcp.remoteLost,
      remoteJitter: this.#rtcp.remoteJitter,
      dropped: receiver.dropped,
    };
  }

  /**
   * Stops playing and sending, says BYE and completes the recordings; then the last event is `closed`.
   * The ports are free as soon as this returns; the promise waits for the files.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Without anything sent there is nobody to say goodbye to (RFC 3550 §6.3.7).
    if (this.#sender.packets > 0) this.#report(this.#world.now(), true);
    this.sit(undefined);
    this.#playout.stopAll();
    this.#receiver.close();
    this.#line?.close();
    await this.#recorder.close();
    this.#emit({ type: "closed", stats: this.stats });
  }
}
