/** The rooms of the media worker by name; they come and go with their members. */
import { Room, type Seat } from "./room.ts";
import type { Session } from "./session.ts";
import { joined, left } from "./tones.ts";

export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #names = new WeakMap<Room, string>();
  readonly #sessions = new WeakMap<Seat, Session>();

  /** Rooms that have members. */
  get size(): number {
    return this.#rooms.size;
  }

  join(session: Session, to: { room: string; listenOnly: boolean; announced: boolean }): void {
    this.leave(session, false);
    let room = this.#rooms.get(to.room);
    if (room === undefined) {
      room = new Room();
      this.#rooms.set(to.room, room);
      this.#names.set(room, to.room);
    }
    const seat = room.enter();
    seat.heard = !to.listenOnly;
    session.sit(seat);
    this.#sessions.set(seat, session);
    this.#pair(room);
    if (to.announced) room.announce(joined);
  }

  leave(session: Session, announced: boolean): void {
    const room = session.seat?.room;
    if (room === undefined) return;
    session.sit(undefined);
    session.partner = undefined;
    this.#pair(room);
    if (announced) room.announce(left);
    if (room.size === 0) this.#rooms.delete(this.#names.get(room) ?? "");
  }

  /** Two alone in a room may be able to do without its mixing. */
  #pair(room: Room): void {
    const members = [...room.members].flatMap((seat) => this.#sessions.get(seat) ?? []);
    const [a, b] = members;
    for (const member of members) member.partner = members.length !== 2 ? undefined : member === a ? b : a;
  }
}
