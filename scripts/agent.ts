// Hands the call to a voice agent, such as scripts/agents/parrot.ts, and says goodbye when the agent is through.
// The configuration must allow it: scripts: { allow: { net: ["127.0.0.1:9000"] } }

export default async function (call: Call) {
  await call.answer();
  listen(call);
  await call.stream("ws://127.0.0.1:9000/", { format: "L16/16000", data: call.local.user });
  await call.play("scripts/sounds/goodbye.wav");
}

/** What the agent wants the script to know, by `{"event":"tell","text":"…"}`. */
async function listen(call: Call) {
  for await (const event of call) if (event.type === "told") console.log(`the agent says: ${event.text}`);
}
