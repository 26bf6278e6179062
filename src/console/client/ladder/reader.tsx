/** One message, for reading: header names stand out, what was masked says so. */
import { useMemo } from "preact/hooks";
import type { CapturedMessage } from "../../../control/capture/capture.ts";
import { preciseTime } from "../format.ts";
import { readMessage } from "../sip.ts";

export function Reader({ message }: { message: CapturedMessage | undefined }) {
  const read = useMemo(() => (message === undefined ? undefined : readMessage(message.text)), [message]);
  if (message === undefined || read === undefined) return <p class="reader quiet">Choose a message to read it.</p>;
  const { direction, transport, remote, at } = message;
  return (
    <section class="reader" aria-label="Message" aria-live="polite">
      <p class="quiet">
        {preciseTime(at)}, {direction === "received" ? "received from" : "sent to"} {transport}:{remote.host}:
        {remote.port}
      </p>
      {/* A region that scrolls is one that the keyboard must reach. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <pre tabIndex={0}>
        <strong>{read.start}</strong>
        {"\n"}
        {read.headers.map(({ name, value }, index) => (
          <span key={index}>
            {name !== "" && <b>{name}: </b>}
            {value}
            {"\n"}
          </span>
        ))}
        {read.body !== "" && <span class="content">{`\n${read.body}`}</span>}
      </pre>
    </section>
  );
}
