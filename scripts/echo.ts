// An echo test: sends back what it hears, be it sound, keys or texts.

export default async function (call: Call) {
  await call.answer();
  await call.play("scripts/sounds/echo-welcome.wav");
  await call.echo();
  for await (const event of call) {
    if (event.type === "dtmf") await call.dtmf(event.digit);
    if (event.type === "message") await call.message(event.text);
  }
}
