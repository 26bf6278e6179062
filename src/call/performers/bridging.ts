/** What the words of tables/bridging.ts do. */
import type { Call } from "../call.ts";
import { failed } from "../call.ts";
import { Dial, dialOf } from "../dial.ts";
import { Bridge, leave } from "../meeting.ts";
import { roomOf } from "../rooms.ts";
import type { bridgingCommands } from "../tables/bridging.ts";
import { ok, type Performers } from "./performer.ts";

/** ms that each of a DIAL's calls rings, if nothing else is said. */
const ringTime = 30_000;

export const bridgingPerformers: Performers<keyof typeof bridgingCommands> = {
  DIAL: (call, command, done) => {
    const { targets, timeout = ringTime, limit, order = "parallel", from, trunk, ringback = true } = command;
    const list = typeof targets === "string" ? [targets] : targets;
    const id = call.track(command, done);
    const start = () => {
      if (dialOf(call) !== undefined) return call.settle(id, failed(command, "another DIAL is still running"));
      const rules = { targets: list, timeout, limit, order, from, trunk, ringback };
      const dial = new Dial(call, rules, (dialed) => call.settle(id, { ok: true, value: dialed }));
      const refusal = dial.start();
      if (refusal !== undefined) call.settle(id, failed(command, refusal));
    };
    // A call of ours whose other side has not answered has nobody to be joined.
    if (call.facts.direction === "outgoing") call.whenConnected(start);
    else start();
  },
  BRIDGE: (call, command, done) => {
    const other = call.peers?.find(command.call);
    if (other === undefined) return done(failed(command, `there is no call ${command.call}`));
    if (other === call) return done(failed(command, "a call cannot be joined to itself"));
    call.withAudio(command, done, () => {
      if (other.audio === undefined || !other.audible)
        return done(failed(command, `the call ${command.call} has no audio yet`));
      const id = call.track(command, done);
      const bridge = new Bridge(call, other, () => call.settle(id));
      bridge.join();
      bridge.tell();
    });
  },
  UNBRIDGE: (call, _command, done) => {
    const dial = dialOf(call);
    if (dial !== undefined) dial.cancel("handler");
    else leave(call, "unbridge");
    done(ok);
  },
  CONFERENCE: (call, command, done) => {
    const { rooms } = call.peers ?? {};
    if (rooms === undefined) return done(failed(command, "this call can meet nobody"));
    call.withAudio(command, done, () => {
      const id = call.track(command, done);
      const { room, muted = false, tones = true } = command;
      const refusal = rooms.enter(call, room, { muted, tones }, () => call.settle(id));
      if (refusal !== undefined) call.settle(id, failed(command, refusal));
    });
  },
  LISTENONLY: (call, command, done) => {
    const member = command.call === undefined ? call : inSameRoom(call, command.call);
    if (member === undefined || roomOf(member) === undefined)
      return done(
        failed(command, member === undefined ? "that call is not in the same room" : "this call is in no room"),
      );
    member.audio?.listenOnly(command.on);
    done(ok);
  },
  KICK: (call, command, done) => {
    const member = inSameRoom(call, command.call);
    if (member === undefined) return done(failed(command, "that call is not in the same room"));
    roomOf(member)?.leave(member, "kicked");
    done(ok);
  },
  TONE: (call, command, done) => {
    call.withAudio(command, done, (audio) => {
      audio.tone(command.tone === "off" ? undefined : command.tone);
      done(ok);
    });
  },
};

function inSameRoom(call: Call, id: string): Call | undefined {
  const room = roomOf(call);
  const other = call.peers?.find(id);
  return room !== undefined && other !== undefined && room.has(other) ? other : undefined;
}
