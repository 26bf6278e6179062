/** DTMF: keys go out in RTP, which the media worker does, or one by one as SIP INFO, paced here. */
import { type DtmfInfo, dtmfBody } from "../agent/index.ts";
import type { MediaSession } from "../media/index.ts";
import type { Call } from "./call.ts";
import { failed } from "./call.ts";
import type { Done } from "./performers/performer.ts";
import type { Command } from "./vocabulary.ts";

/** A key and the pause after it, and what `,` and `w` wait, ms. */
const keyMs = 160;
const pauseMs = 80;
const waits: Readonly<Record<"," | "W", number>> = { ",": 2000, W: 500 };

type Dtmf = Command & { name: "DTMF" };

/** Presses the keys of a command, the way that it says. */
export function pressKeys(call: Call, audio: MediaSession, command: Dtmf, done: Done): void {
  const { digits, by = "auto" } = command;
  const id = call.track(command, done);
  if (by === "info" || by === "info-digit")
    sendInfo(call, id, command, by === "info" ? "relay" : "digit", [...digits.toUpperCase()]);
  else audio.dtmf(id, digits.toUpperCase(), by);
}

/** One key after the other: the next when the other side has answered, and the time of the key is over. */
function sendInfo(call: Call, id: number, command: Dtmf, form: DtmfInfo, keys: readonly string[]): void {
  const [key, ...rest] = keys;
  const next = (wait: number) => call.clock.after(wait, () => sendInfo(call, id, command, form, rest));
  if (!call.tracks(id)) return;
  if (key === undefined) return call.settle(id);
  if (key === "," || key === "W") return void next(waits[key]);
  const began = call.clock.now();
  const { contentType, body } = dtmfBody(form, key, keyMs);
  call.session.info(contentType, body, (reason) => {
    if (reason !== undefined) return call.settle(id, failed(command, reason));
    next(Math.max(0, began + keyMs + pauseMs - call.clock.now()));
  });
}
