/** The rooms of the media worker by name; they come and go with their members. */
import { Room } from "./room.ts";
import type { Session } from "./session.ts";
import { joined, left } from "./tones.ts";

export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #names = new WeakMap<Room, string>();

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
    if (to.announced) room.announce(joined);
  }

  leave(session: Session, announced: boolean): void {
    const room = session.seat?.room;
    if (room === undefined) return;
    session.sit(undefined);
    if (announced) room.announce(left);
    if (room.size === 0) this.#rooms.delete(this.#names.get(room) ?? "");
  }
}
