// An echo test: sends back what it hears, be it sound, keys or texts.

export default async function (call: Call) {
  await call.answer();
  void call.play("scripts/sounds/echo-welcome.wav").then(() => call.echo());
  for await (const event of call) {
    if (event.type === "dtmf") await call.dtmf(event.digit);
    if (event.type === "message") await call.message(event.text);
    // Transferred, if `allow: dial` names to whom, the echo is somebody else's.
    if (event.type === "referred") await call.follow().catch((error) => console.log(error.reason));
  }
}
