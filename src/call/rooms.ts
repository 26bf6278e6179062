/** The rooms of CONFERENCE: who is in which, and who is told. The sound is mixed in the media worker, by the rooms' names. */
import type { Attachment } from "./attachment.ts";
import type { Call } from "./call.ts";
import { type Leaving, leave, type Meeting, meet, meetingOf } from "./meeting.ts";

/** Calls in one room: each one is mixed for, and told of the others. */
const maxMembers = 256;

export interface RoomOptions {
  muted: boolean;
  tones: boolean;
}

interface Member {
  readonly tones: boolean;
  readonly attachment: Attachment;
  readonly left: () => void;
}

export class Rooms {
  readonly #rooms = new Map<string, Room>();

  get size(): number {
    return this.#rooms.size;
  }

  /**
   * Has a call, which has audio, enter a room.
   * @param left is called once it has left
   * @returns why it cannot
   */
  enter(call: Call, name: string, options: RoomOptions, left: () => void): string | undefined {
    const there = this.#rooms.get(name);
    if (meetingOf(call) === there && there !== undefined) return "this call is in that room already";
    if (there?.full) return `the room has ${maxMembers} calls already`;
    leave(call, "moved");
    // Leaving may have ended the room of that very name.
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new Room(name, () => this.#rooms.delete(name));
      this.#rooms.set(name, room);
    }
    room.enter(call, options, left);
    return undefined;
  }
}

export class Room implements Meeting {
  readonly #name: string;
  readonly #members = new Map<Call, Member>();
  readonly #empty: () => void;

  constructor(name: string, empty: () => void) {
    this.#name = name;
    this.#empty = empty;
  }

  get full(): boolean {
    return this.#members.size >= maxMembers;
  }

  has(call: Call): boolean {
    return this.#members.has(call);
  }

  enter(call: Call, { muted, tones }: RoomOptions, left: () => void): void {
    const attachment: Attachment = { over: () => this.leave(call, "hangup") };
    this.#members.set(call, { tones, attachment, left });
    meet(call, this);
    call.attachments.add(attachment);
    call.audio?.join(`room ${this.#name}`, { listenOnly: muted, announced: tones });
    const event = { room: this.#name, call: call.facts.id, members: this.#members.size };
    for (const member of [...this.#members.keys()]) member.emit({ name: "JOINED", ...event });
  }

  leave(call: Call, why: Leaving): void {
    const member = this.#members.get(call);
    if (member === undefined) return;
    const told = [...this.#members.keys()];
    this.#members.delete(call);
    meet(call, undefined);
    call.attachments.delete(member.attachment);
    call.audio?.leave(member.tones);
    if (this.#members.size === 0) this.#empty();
    const event = { room: this.#name, call: call.facts.id, members: this.#members.size, reason: why };
    for (const each of told) each.emit({ name: "LEFT", ...event });
    member.left();
  }
}

/** The room that a call is in. */
export function roomOf(call: Call): Room | undefined {
  const meeting = meetingOf(call);
  return meeting instanceof Room ? meeting : undefined;
}
