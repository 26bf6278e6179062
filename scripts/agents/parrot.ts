// A voice agent for STREAM: says back what the caller has said, and falls silent as soon as the caller speaks again.
// Start it with `bun scripts/agents/parrot.ts`. Put a recogniser, a model and a voice in the place of its memory.

interface Caller {
  /** 20 ms each. */
  said: Uint8Array[];
  /** ms since the caller was heard. */
  quiet: number;
  answering: boolean;
}

const loud = 500; // of 32,767
const pause = 600; // ms of silence that end a sentence

const server = Bun.serve<Caller, never>({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT ?? 9000),
  fetch: (request, server) =>
    server.upgrade(request, { data: { said: [], quiet: 0, answering: false } })
      ? undefined
      : new Response("Speak WebSocket, please.\n", { status: 426 }),
  websocket: {
    message(socket, message) {
      const caller = socket.data;
      const say = (event: object) => socket.send(JSON.stringify(event));
      if (typeof message === "string") {
        const { event, digit, name } = JSON.parse(message);
        if (event === "mark" && name === "answered") caller.answering = false;
        if (event === "dtmf" && digit === "9") say({ event: "stop" });
        return;
      }
      const frame = new Uint8Array(message); // a copy, to be kept
      const speaks = new Int16Array(frame.buffer).some((sample) => Math.abs(sample) > loud);
      caller.quiet = speaks ? 0 : caller.quiet + 20;
      if (speaks && caller.answering) say({ event: "clear" });
      if (speaks || caller.said.length > 0) caller.said.push(frame);
      if (caller.said.length === 0 || caller.quiet < pause) return;
      for (const frame of caller.said.splice(0)) socket.send(frame);
      caller.answering = true;
      say({ event: "mark", name: "answered" });
    },
  },
});
console.log(`listening on ${server.url}`);
