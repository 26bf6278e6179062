/** The files that a session plays: mixed into one frame each 20 ms. A lone file, as loud as it is, is sent as it was prepared. */
import { formOf, type SoundForm, writeSum } from "./codecs/form.ts";
import { frameMs } from "./rtp.ts";
import type { Track, Tracks } from "./tracks.ts";
import type { PlayOptions } from "./types.ts";
import { SoundError } from "./wav-reader.ts";

/** Files at once in one session. */
const maxPlayers = 32;

interface Player {
  readonly id: number;
  readonly file: string;
  readonly path: string;
  form: SoundForm;
  /** Undefined while the file is being opened. */
  track: Track | undefined;
  /** In frames. */
  position: number;
  gain: number;
  /** Times still to be played after this one. */
  loops: number;
  paused: boolean;
  over: boolean;
}

export interface PlayoutEvents {
  played(id: number, file: string, reason: "end" | "stopped"): void;
  failed(id: number, file: string, reason: string): void;
}

export class Playout {
  /** The frame that `next` has made: 20 ms of `octets` from `offset`, in the form asked for. */
  octets: Uint8Array = formOf("PCMU").silence;
  offset = 0;
  #tracks: Tracks;
  #events: PlayoutEvents;
  /** In order of their start. */
  #players: Player[] = [];
  #sum = new Int32Array(0);
  #linear = new Int16Array(0);
  #mixed = new Uint8Array(0);

  constructor(tracks: Tracks, events: PlayoutEvents) {
    this.#tracks = tracks;
    this.#events = events;
  }

  get idle(): boolean {
    return this.#players.length === 0;
  }

  play(id: number, file: string, form: SoundForm, options: PlayOptions = {}): void {
    if (this.#players.length >= maxPlayers) {
      this.#events.failed(id, file, `${maxPlayers} files are playing already`);
      return;
    }
    const player: Player = {
      id,
      file,
      path: options.path ?? file,
      form,
      track: undefined,
      position: Math.floor((options.start ?? 0) / frameMs),
      gain: gainOf(options.volume ?? 0),
      loops: options.loop === undefined ? 0 : options.loop === 0 ? Number.POSITIVE_INFINITY : options.loop - 1,
      paused: false,
      over: false,
    };
    this.#players.push(player);
    this.#open(player);
  }

  #open(player: Player): void {
    const { id, file, path, form } = player;
    this.#tracks.open(path, form).then(
      (track) => {
        if (player.over || player.form !== form) this.#tracks.release(track);
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

  /** Holds the file that was started last where it is, or lets it go on. */
  pause(on: boolean): void {
    const player = this.#players.at(-1);
    if (player !== undefined) player.paused = on;
  }

  /** The file that was started last goes on from so many ms after its start. Beyond its end, it ends. */
  seek(milliseconds: number): void {
    const player = this.#players.at(-1);
    if (player !== undefined) player.position = Math.floor(milliseconds / frameMs);
  }

  /** The file that was started last is so many dB louder, or with a negative number less loud, than it is. */
  volume(decibels: number): void {
    const player = this.#players.at(-1);
    if (player !== undefined) player.gain = gainOf(decibels);
  }

  #remove(player: Player): void {
    player.over = true;
    const at = this.#players.indexOf(player);
    if (at >= 0) this.#players.splice(at, 1);
    if (player.track !== undefined) this.#tracks.release(player.track);
    player.track = undefined;
  }

  /** Makes the next frame in `form`, mixed with `heard` if there is one. False: it is silence. */
  next(form: SoundForm, heard?: Int16Array): boolean {
    if (this.#sum.length !== form.samples || this.#mixed.length !== form.octets) {
      this.#sum = new Int32Array(form.samples);
      this.#linear = new Int16Array(form.samples);
      this.#mixed = new Uint8Array(form.octets);
    }
    this.octets = form.silence;
    this.offset = 0;
    let sounding = 0;
    // Backwards, because finished ones leave the list.
    for (let i = this.#players.length - 1; i >= 0; i--) {
      const player = this.#players[i];
      if (player === undefined || player.paused) continue;
      if (player.form.rate !== form.rate) this.#reopen(player, form);
      const { track } = player;
      if (track === undefined) continue;
      if ((player.position + 1) * player.form.octets > track.ready && !(track.complete && this.#again(player, track)))
        continue;
      this.#take(player, track, player.position * player.form.octets, form, sounding++);
      player.position++;
    }
    if (heard !== undefined) this.#join(form, heard, sounding++);
    if (sounding > 0 && this.octets === this.#mixed) writeSum(form, this.#sum, this.#linear, this.#mixed);
    return sounding > 0;
  }

  /** The call has changed to a codec with another rate: the file is read anew, and goes on where it is. */
  #reopen(player: Player, form: SoundForm): void {
    if (player.track !== undefined) this.#tracks.release(player.track);
    player.track = undefined;
    player.form = form;
    this.#open(player);
  }

  /** At the end of a file: true when it begins again. */
  #again(player: Player, track: Track): boolean {
    const again = track.failure === undefined && player.loops > 0 && track.ready >= player.form.octets;
    if (again) {
      player.loops--;
      player.position = 0;
    } else this.#end(player, track);
    return again;
  }

  #end(player: Player, track: Track): void {
    const failure = track.failure;
    this.#remove(player);
    if (failure === undefined) this.#events.played(player.id, player.file, "end");
    else this.#events.failed(player.id, player.file, failure);
  }

  /** Adds a player's frame to those taken before. The first, in the right form, is not even decoded. */
  #take(player: Player, track: Track, offset: number, form: SoundForm, before: number): void {
    if (before === 0 && player.form === form && player.gain === 1) {
      this.octets = track.octets;
      this.offset = offset;
      return;
    }
    this.#mix(form, before);
    player.form.add(track.octets, offset, this.#sum, player.gain);
  }

  #join(form: SoundForm, heard: Int16Array, before: number): void {
    this.#mix(form, before);
    for (let i = 0; i < form.samples; i++) this.#sum[i] = (this.#sum[i] ?? 0) + (heard[i] ?? 0);
  }

  /** From now on this frame is a sum, with what was taken before in it. */
  #mix(form: SoundForm, before: number): void {
    if (this.octets === this.#mixed) return;
    this.#sum.fill(0);
    if (before > 0) form.add(this.octets, this.offset, this.#sum, 1);
    this.octets = this.#mixed;
    this.offset = 0;
  }
}

function gainOf(decibels: number): number {
  return decibels === 0 ? 1 : 10 ** (decibels / 20);
}
