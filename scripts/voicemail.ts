// An answering machine: each message becomes a file in recordings/.

const longest = 3 * 60_000; // ms

export default async function (call: Call) {
  await call.answer();
  await leaveMessage(call);
}

/** Greets, records until `#`, hang-up or three minutes, and says goodbye. The call is answered already. */
export async function leaveMessage(call: Call) {
  await call.play("scripts/sounds/voicemail-greeting.wav");
  // Keys pressed during the greeting are not the end of a message that has not begun.
  await call.gather({ max: 256, terminator: "none", timeout: 0, interdigit: 0 });
  await call.play("scripts/sounds/beep.wav");

  const now = new Date().toISOString().replace(/[:.]/g, "-");
  await call.record(`recordings/${now}-${call.id}.wav`);
  // Whoever hangs up ends the script here; the file is complete all the same.
  const full = new Promise((resolve) => setTimeout(resolve, longest));
  await Promise.race([full, call.gather({ max: 256, terminator: "#", timeout: longest, interdigit: longest })]);
  await call.record();

  await call.play("scripts/sounds/voicemail-saved.wav");
  await call.play("scripts/sounds/goodbye.wav");
}
