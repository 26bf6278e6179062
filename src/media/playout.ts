/** The files that a session plays: mixed into one encoded frame each 20 ms. A lone file is sent as it was prepared. */
import { encode, type G711, g711, saturated } from "./codecs/g711.ts";
import { frameSamples } from "./rtp.ts";
import type { Track, Tracks } from "./tracks.ts";
import { SoundError } from "./wav-reader.ts";

/** Files at once in one session. */
const maxPlayers = 32;

interface Player {
  readonly id: number;
  readonly file: string;
  readonly law: G711;
  /** Undefined while the file is being opened. */
  track: Track | undefined;
  position: number;
  over: boolean;
}

export interface PlayoutEvents {
  played(id: number, file: string, reason: "end" | "stopped"): void;
  failed(id: number, file: string, reason: string): void;
}

const silences: Readonly<Record<G711["name"], Uint8Array>> = {
  PCMU: new Uint8Array(frameSamples).fill(g711.PCMU.silence),
  PCMA: new Uint8Array(frameSamples).fill(g711.PCMA.silence),
};

/** 20 ms of silence. */
export function silentFrame(law: G711): Uint8Array {
  return silences[law.name];
}

export class Playout {
  /** The frame that `next` has made: 160 octets of `octets` from `offset`. */
  octets: Uint8Array = silences.PCMU;
  offset = 0;
  #tracks: Tracks;
  #events: PlayoutEvents;
  /** In order of their start. */
  #players: Player[] = [];
  #sum = new Int32Array(frameSamples);
  #linear = new Int16Array(frameSamples);
  #mixed = new Uint8Array(frameSamples);

  constructor(tracks: Tracks, events: PlayoutEvents) {
    this.#tracks = tracks;
    this.#events = events;
  }

  get idle(): boolean {
    return this.#players.length === 0;
  }

  play(id: number, file: string, law: G711): void {
    if (this.#players.length >= maxPlayers) {
      this.#events.failed(id, file, `${maxPlayers} files are playing already`);
      return;
    }
    const player: Player = { id, file, law, track: undefined, position: 0, over: false };
    this.#players.push(player);
    this.#tracks.open(file, law).then(
      (track) => {
        if (player.over) this.#tracks.release(track);
        else player.track = track;
      },
      (error: unknown) => {
        if (player.over) return;
        this.#remove(player);
        this.#events.failed(id, file, error instanceof SoundError ? error.message : String(error));
      },
    );
  }

  /** Stops the file that was started last. */
  stop(): void {
    const player = this.#players.at(-1);
    if (player === undefined) return;
    this.#remove(player);
    this.#events.played(player.id, player.file, "stopped");
  }

  stopAll(): void {
    while (!this.idle) this.stop();
  }

  #remove(player: Player): void {
    player.over = true;
    const at = this.#players.indexOf(player);
    if (at >= 0) this.#players.splice(at, 1);
    if (player.track !== undefined) this.#tracks.release(player.track);
    player.track = undefined;
  }

  /** Makes the next frame in `law`, mixed with `heard` if there is one. False: it is silence. */
  next(law: G711, heard?: Int16Array): boolean {
    let sounding = 0;
    // Backwards, because finished ones leave the list.
    for (let i = this.#players.length - 1; i >= 0; i--) {
      const player = this.#players[i];
      const track = player?.track;
      if (player === undefined || track === undefined) continue;
      if (player.position + frameSamples > track.ready) {
        if (track.complete) this.#end(player, track);
        continue;
      }
      this.#take(player, track, law, sounding++);
      player.position += frameSamples;
    }
    if (heard !== undefined) this.#join(law, heard, sounding++);
    if (sounding === 0) {
      this.octets = silentFrame(law);
      this.offset = 0;
    } else if (sounding > 1 || this.octets === this.#mixed) this.#saturate(law);
    return sounding > 0;
  }

  #end(player: Player, track: Track): void {
    const failure = track.failure;
    this.#remove(player);
    if (failure === undefined) this.#events.played(player.id, player.file, "end");
    else this.#events.failed(player.id, player.file, failure);
  }

  /** Adds a player's frame to those taken before. The first, in the right codec, is not even decoded. */
  #take(player: Player, track: Track, law: G711, before: number): void {
    if (before === 0) {
      if (player.law === law) {
        this.octets = track.octets;
        this.offset = player.position;
        return;
      }
      this.#sum.fill(0);
    } else if (this.octets !== this.#mixed) {
      // A second one: the first is decoded after all.
      this.#sum.fill(0);
      add(law, this.octets, this.offset, this.#sum);
    }
    add(player.law, track.octets, player.position, this.#sum);
    this.octets = this.#mixed;
    this.offset = 0;
  }

  #join(law: G711, heard: Int16Array, before: number): void {
    if (before === 0 || this.octets !== this.#mixed) this.#sum.fill(0);
    if (before > 0 && this.octets !== this.#mixed) add(law, this.octets, this.offset, this.#sum);
    for (let i = 0; i < frameSamples; i++) this.#sum[i] = (this.#sum[i] ?? 0) + (heard[i] ?? 0);
    this.octets = this.#mixed;
  }

  #saturate(law: G711): void {
    for (let i = 0; i < frameSamples; i++) this.#linear[i] = saturated(this.#sum[i] ?? 0);
    encode(law, this.#linear, this.#mixed, 0, frameSamples);
    this.octets = this.#mixed;
    this.offset = 0;
  }
}

function add(law: G711, octets: Uint8Array, offset: number, to: Int32Array): void {
  const { linear } = law;
  for (let i = 0; i < frameSamples; i++) to[i] = (to[i] ?? 0) + (linear[octets[offset + i] ?? 0] ?? 0);
}
