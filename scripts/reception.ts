// Rings two phones at once, and takes a message where nobody answers.
// The configuration must allow it: scripts: { allow: { dial: ["alice@*", "bob@*"], write: [recordings] } }
import { leaveMessage } from "./voicemail.ts";

export default async function (call: Call) {
  const domain = call.local.host;
  const { status } = await call.dial([`sip:alice@${domain}`, `sip:bob@${domain}`], { timeout: 20_000 });
  if (status === "answered") return;
  console.log(`nobody has answered: ${status}`);
  await call.answer();
  await leaveMessage(call);
}
