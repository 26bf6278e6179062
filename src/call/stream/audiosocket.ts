/** A stream in Asterisk's AudioSocket protocol, over TCP, as the side that has the call. */
import { connect } from "node:net";
import { AudioSocketReader, audioSocketFrame, audioSocketType, soundType, uuidOctets } from "./audiosocket-frames.ts";
import { maxUnread, type StreamConnection, type StreamEvents, type StreamStart } from "./connection.ts";
import { type StreamTarget, tapSettings } from "./target.ts";

export function openAudioSocket(target: StreamTarget, start: StreamStart, events: StreamEvents): StreamConnection {
  const { asHttp } = target;
  const { rate } = tapSettings(start.format);
  const sound = soundType(rate);
  const reader = new AudioSocketReader();
  let over = false;
  let open = false;
  // A port of 80 is not kept in a URL of http.
  const socket = connect({
    host: asHttp.hostname.replace(/^\[|\]$/g, ""),
    port: Number(asHttp.port || 80),
    noDelay: true,
  });
  const end = (tell: () => void) => {
    if (over) return;
    over = true;
    tell();
  };
  const fail = (reason: string) =>
    end(() => {
      socket.destroy();
      events.lost(reason);
    });
  const send = (type: number, payload: Uint8Array) => {
    if (over || !open) return;
    if (socket.writableLength > maxUnread) return fail("the program does not read what it is sent");
    socket.write(audioSocketFrame(type, payload));
  };
  socket.on("connect", () => {
    if (over) return;
    open = true;
    const uuid = uuidOctets(asHttp.pathname.slice(1)) ?? uuidOctets(crypto.randomUUID());
    if (uuid !== undefined) send(audioSocketType.uuid, uuid);
    events.open();
  });
  socket.on("data", (octets: Buffer) => {
    for (const { type, payload } of reader.push(octets)) {
      if (over) return;
      if (type === sound) events.sound(payload);
      else if (type === audioSocketType.terminate) {
        end(() => {
          socket.end();
          events.stopped();
        });
      } else if (type === audioSocketType.error) return fail(`the program reports error ${payload[0] ?? 0}`);
      else if (type >= 0x10 && type <= 0x18) return fail(`the program sends sound at another rate than ${rate} Hz`);
    }
  });
  socket.on("error", (error) =>
    fail(open ? `the connection was lost (${error.message})` : `the program cannot be reached (${error.message})`),
  );
  socket.on("close", () =>
    end(() => {
      if (open) events.stopped();
      else events.lost("the program cannot be reached");
    }),
  );
  return {
    sound: (heard) => send(sound, heard),
    digit: (digit) => send(audioSocketType.dtmf, Buffer.from(digit, "latin1")),
    mark: () => {},
    error: () => {},
    pause: (on) => void (on ? socket.pause() : socket.resume()),
    close() {
      send(audioSocketType.terminate, new Uint8Array(0));
      end(() => {
        if (open) socket.end();
        else socket.destroy();
        // Who does not take note of the end is cut off.
        setTimeout(() => socket.destroy(), 1000).unref();
      });
    },
  };
}
