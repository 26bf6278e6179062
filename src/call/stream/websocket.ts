/**
 * A stream over a WebSocket (RFC 6455), as its client: binary messages are sound, text messages are JSON.
 * docs/streams.md has the messages.
 */
import { readAgentMessage } from "./agent-message.ts";
import { maxUnread, type StreamConnection, type StreamEvents, type StreamStart } from "./connection.ts";
import { type StreamTarget, tapSettings } from "./target.ts";

/** Close codes that are an orderly end (RFC 6455 §7.4.1): normal, going away, none given. */
const orderly = new Set([1000, 1001, 1005]);

export function openWebSocket(target: StreamTarget, start: StreamStart, events: StreamEvents): StreamConnection {
  const headers = start.token === undefined ? {} : { Authorization: `Bearer ${start.token}` };
  const socket = new WebSocket(target.text, { headers });
  socket.binaryType = "arraybuffer";
  let over = false;
  let open = false;
  const end = (tell: () => void) => {
    if (over) return;
    over = true;
    socket.close();
    tell();
  };
  const say = (message: Readonly<Record<string, unknown>>) => send(JSON.stringify(message));
  const send = (message: string | Uint8Array) => {
    if (over || !open) return;
    if (socket.bufferedAmount > maxUnread) {
      socket.terminate();
      return end(() => events.lost("the program does not read what it is sent"));
    }
    // What it is given is a view of a Uint8Array on an ArrayBuffer of its own, never a shared one.
    socket.send(message as string | Uint8Array<ArrayBuffer>);
  };
  socket.onopen = () => {
    if (over) return;
    open = true;
    say(startMessage(start));
    events.open();
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (over) return;
    if (typeof data !== "string") return events.sound(new Uint8Array(data));
    const message = readAgentMessage(data);
    if ("wrong" in message) return say({ event: "error", reason: message.wrong });
    switch (message.event) {
      case "mark":
        return events.mark(message.name);
      case "clear":
        return events.clear();
      case "dtmf":
        return events.digits(message.digits);
      case "tell":
        return events.told(message.text);
      case "stop":
        return events.stopped();
    }
  };
  socket.onclose = ({ code }) =>
    end(() => {
      if (open && orderly.has(code)) events.stopped();
      else if (open) events.lost(`the connection was lost (${code})`);
      else events.lost("the program cannot be reached");
    });
  socket.onerror = () => {
    // The close that follows tells it.
  };
  return {
    sound: send,
    digit: (digit, duration) => say({ event: "dtmf", digit, duration }),
    mark: (name, cleared) => say({ event: "mark", name, ...(cleared && { cleared }) }),
    error: (reason) => say({ event: "error", reason }),
    // Bun's client has no way to; the tap is bounded.
    pause: () => {},
    close(reason) {
      say({ event: "stop", reason });
      end(() => {});
    },
  };
}

function startMessage({ facts, format, data }: StreamStart): Readonly<Record<string, unknown>> {
  const { encoding, rate } = tapSettings(format);
  return {
    event: "start",
    version: 1,
    call: facts.id,
    callId: facts.callId,
    direction: facts.direction,
    remote: { uri: facts.remoteUri, name: facts.remoteName, user: facts.remoteUser },
    local: { uri: facts.localUri, user: facts.localUser },
    format: { encoding, rate, channels: 1, milliseconds: 20 },
    ...(data === undefined ? {} : { data }),
  };
}
