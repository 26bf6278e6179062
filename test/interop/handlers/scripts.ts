/** The call scripts that the interop tests call by name: each does one thing. */

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;
const stay = "for await (const _ of call);";

export const handlers = {
  answer: script(`await call.answer(); ${stay}`),
  ringing: script(`await call.ringing(); await new Promise((r) => setTimeout(r, 100)); await call.answer(); ${stay}`),
  early: script(`await call.early(); await call.play("scripts/sounds/beep.wav"); await call.answer(); ${stay}`),
  play: script('await call.answer(); await call.play("scripts/sounds/tone.wav");'),
  hangup: script("await call.answer(); await call.hangup();"),
  /** Fails once answered: BYE. */
  failing: script('await call.answer(); throw new Error("by design");'),
  /** Fails before: 500. */
  broken: script('throw new Error("by design");'),
  busy: script("await call.reject(486);"),
  moved: script('await call.redirect("sip:bob@192.0.2.1");'),
  /** Returns without having answered. */
  silent: script(""),
  patient: script(`await call.ringing(); ${stay}`),
  hold: script(`await call.answer(); await call.hold(); ${stay}`),
  text: script(
    'await call.answer(); for await (const event of call) if (event.type === "message") await call.message(event.text);',
  ),
  keys: script(
    'await call.answer(); for await (const event of call) if (event.type === "dtmf") console.log("key", event.digit, "for", event.duration, "ms");',
  ),
  /** Says the entry back as a text. */
  entry: script(
    "await call.answer(); const e = await call.gather({ max: 4, timeout: 5000 }); console.log('entry', e.digits, e.reason);",
  ),
} as const;
