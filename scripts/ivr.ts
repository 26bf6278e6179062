// A menu: 1 plays a tone, 2 takes a message, 9 hangs up. A key interrupts the prompt (barge-in).
import { leaveMessage } from "./voicemail.ts";

const patience = 10_000; // ms from the start of a prompt
const tries = 3;

export default async function (call: Call) {
  await call.answer();
  let missed = 0;
  while (missed < tries) {
    const key = await ask(call, "scripts/sounds/ivr-menu.wav");
    if (key === "1") await call.play("scripts/sounds/tone.wav");
    else if (key === "2") return leaveMessage(call);
    else if (key === "9") break;
    else {
      missed++;
      if (key !== "") await call.play("scripts/sounds/ivr-wrong-key.wav");
    }
  }
  await call.play("scripts/sounds/goodbye.wav");
}

/** Plays a prompt and gives the key that was pressed meanwhile or soon after; "" when none was. */
async function ask(call: Call, prompt: string): Promise<string> {
  let playing = true;
  const played = call.play(prompt).then(() => {
    playing = false;
  });
  const { digits } = await call.gather({ max: 1, terminator: "none", timeout: patience });
  if (playing) await call.stop();
  await played;
  return digits;
}
