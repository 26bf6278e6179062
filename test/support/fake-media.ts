/** A media engine that notes what it is told; tests let its events happen. */
import type {
  Configuration,
  MediaEngine,
  MediaEvent,
  MediaSession,
  MediaTap,
  PlayOptions,
  RecordOptions,
  RoomEntry,
  TapListener,
  TapSettings,
  ToneName,
} from "../../src/media/index.ts";

export class FakeMediaSession implements MediaSession {
  readonly rtpPort = 20_000;
  readonly rtcpPort = 20_001;
  listener: (event: MediaEvent) => void = () => {};
  readonly told: string[] = [];
  configuration: Configuration | undefined;

  configure(configuration: Configuration): void {
    this.configuration = configuration;
    this.told.push(`configure ${configuration.codec}`);
  }
  play(id: number, file: string, options: PlayOptions = {}): void {
    this.told.push(`play ${id} ${file}${settingsOf(options)}`);
  }
  pause(on: boolean): void {
    this.told.push(`pause ${on}`);
  }
  seek(milliseconds: number): void {
    this.told.push(`seek ${milliseconds}`);
  }
  volume(decibels: number): void {
    this.told.push(`volume ${decibels}`);
  }
  stop(): void {
    this.told.push("stop");
  }
  record(file: string | undefined, layout: "mono" | "stereo" = "mono", options: RecordOptions = {}): void {
    this.told.push(file === undefined ? "stop recording" : `record ${file} ${layout}${settingsOf(options)}`);
  }
  dtmf(id: number, digits: string): void {
    this.told.push(`dtmf ${id} ${digits}`);
  }
  mute(on: boolean): void {
    this.told.push(`mute ${on}`);
  }
  echo(on: boolean): void {
    this.told.push(`echo ${on}`);
  }
  count(): void {
    this.told.push("count");
  }
  tone(tone: ToneName | undefined): void {
    this.told.push(tone === undefined ? "no tone" : `tone ${tone}`);
  }
  join(room: string, { listenOnly = false, announced = false }: RoomEntry = {}): void {
    this.told.push(`join ${room}${listenOnly ? " listen-only" : ""}${announced ? " announced" : ""}`);
  }
  leave(announced = false): void {
    this.told.push(announced ? "leave announced" : "leave");
  }
  listenOnly(on: boolean): void {
    this.told.push(`listen-only ${on}`);
  }
  /** The listeners of its taps, those closed among them. */
  readonly taps: TapListener[] = [];
  /** What is written to its taps. */
  readonly written: Uint8Array[] = [];
  tap(settings: TapSettings, listener: TapListener): MediaTap {
    this.told.push(`tap ${settings.encoding} ${settings.rate}`);
    this.taps.push(listener);
    return {
      write: (sound) => void this.written.push(sound.slice()),
      mark: (id) => void this.told.push(`mark ${id}`),
      clear: () => void this.told.push("clear"),
      close: () => void this.told.push("close tap"),
    };
  }
  close(): void {
    this.told.push("close");
  }
  /** What it was told since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }
}

export class FakeMedia implements MediaEngine {
  readonly sessions: FakeMediaSession[] = [];
  readonly stats = { sessions: 0, free: 1, pairs: 1, restarts: 0 };

  open(): FakeMediaSession {
    const session = new FakeMediaSession();
    this.sessions.push(session);
    return session;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  get session(): FakeMediaSession {
    const session = this.sessions[0];
    if (session === undefined) throw new TypeError("no audio was opened");
    return session;
  }
}

/** What is set of optional settings, such as ` loop=2`. */
function settingsOf(options: PlayOptions | RecordOptions): string {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return set.map(([name, value]) => ` ${name}=${value}`).join("");
}
