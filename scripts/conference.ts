// Asks for a room's number, and lets the caller in. Who was there first silences all others with *, and lets them speak with #.

export default async function (call: Call) {
  await call.answer();
  await call.play("scripts/sounds/tone.wav");
  const { digits } = await call.gather({ max: 4 });
  if (digits === "") return call.play("scripts/sounds/goodbye.wav");
  moderate(call);
  await call.conference(`room-${digits}`);
}

async function moderate(call: Call) {
  const others = new Set<string>();
  let first: boolean | undefined;
  for await (const event of call) {
    if (event.type === "joined") {
      first ??= event.members === 1;
      if (event.call !== call.id) others.add(event.call);
    }
    if (event.type === "left") others.delete(event.call);
    if (first && event.type === "dtmf" && (event.digit === "*" || event.digit === "#"))
      for (const other of others) await call.listenonly(event.digit === "*", other);
  }
}
