/** What was recorded of a call, to listen to. */
import { useEffect, useState } from "preact/hooks";
import { ask, reasonOf } from "../api.ts";
import { moment, octets } from "../format.ts";
import { type FeedEvent, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Download } from "../ui/download.tsx";
import { Card, Empty } from "../ui/view.tsx";

export interface Recording {
  readonly name: string;
  readonly size: number;
  readonly changed: number;
}

export function Recordings({ call, mine }: { call: string | undefined; mine: (event: FeedEvent) => boolean }) {
  const { value, error } = useLive<readonly Recording[]>(call === undefined ? undefined : paths.recordings, {
    on: mine,
  });
  const own = value?.filter(({ name }) => call !== undefined && name.includes(call)) ?? [];
  return (
    <Card title="Recordings">
      {own.length === 0 ? (
        <Empty>{error?.message ?? "Nothing of this call was recorded."}</Empty>
      ) : (
        own.map((recording) => <Player key={recording.name} recording={recording} />)
      )}
    </Card>
  );
}

/** A recording comes with the key, which an audio element cannot send: it is fetched when it is wanted. */
export function Player({ recording: { name, size, changed } }: { recording: Recording }) {
  const [url, setUrl] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const load = async () => {
    try {
      setUrl(URL.createObjectURL(await (await ask(paths.recording(name))).blob()));
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  return (
    <div class="recording">
      <p>
        <span class="mono">{name}</span>{" "}
        <span class="quiet">
          {octets(size)}, {moment(changed)}
        </span>
      </p>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {url === "" ? (
        <div class="actions">
          <button type="button" onClick={() => void load()}>
            Listen
          </button>
          <Download path={paths.recording(name)} name={name.replace(/^.*\//, "")}>
            Download
          </Download>
        </div>
      ) : (
        // What was said in a call has no captions.
        // biome-ignore lint/a11y/useMediaCaption: see above
        <audio controls autoPlay src={url} aria-label={`Recording ${name}`} />
      )}
    </div>
  );
}
