/** What happens, as lines of JSON in the body of a response that lasts: bounded, whoever reads it however slowly. */

/** Lines that wait for a reader; what comes then is left out, and how much that was is said. */
const mostWaiting = 10_000;
/** How often an empty line shows that we live, ms; nothing must wait for longer than a server's or client's patience. */
const pulse = 4000;

/** `begin` is given the way to tell a value, and gives what ends the telling. */
export function ndjson(begin: (tell: (value: unknown) => void) => () => void): Response {
  const encoder = new TextEncoder();
  let end = () => {};
  let timer: ReturnType<typeof setInterval> | undefined;
  const over = () => {
    clearInterval(timer);
    end();
    end = () => {};
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let lost = 0;
        const send = (line: string) => {
          try {
            controller.enqueue(encoder.encode(line));
          } catch {
            over();
          }
        };
        const tell = (value: unknown) => {
          if ((controller.desiredSize ?? 0) <= 0) {
            lost++;
            return;
          }
          if (lost > 0) send(`${JSON.stringify({ lost })}\n`);
          lost = 0;
          send(`${JSON.stringify(value)}\n`);
        };
        send("\n");
        timer = setInterval(() => send("\n"), pulse);
        end = begin(tell);
      },
      cancel: over,
    },
    { highWaterMark: mostWaiting },
  );
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}
