/** What an operator does to a call: the commands that handlers have, the commonest as buttons, all of them as a form. */
import { useState } from "preact/hooks";
import { ApiError, get } from "../api.ts";
import type { ListedCall } from "../calls.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Dialog, textOf } from "../ui/dialog.tsx";
import { doing, say } from "../ui/toast.tsx";
import { commandOf, type Word, type WordArgument, wordsOf } from "../vocabulary.ts";

interface Done {
  readonly done: boolean;
  readonly ok?: boolean;
  readonly reason?: string;
}

export function CallActions({ call }: { call: ListedCall }) {
  const [open, setOpen] = useState(false);
  const command = (name: string, done: string) => () => void doing(done, () => tell(call.id, { command: name }));
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Command…
      </button>
      {call.state === "held" ? (
        <button type="button" onClick={command("RESUME", "The call goes on")}>
          Resume
        </button>
      ) : (
        <button type="button" disabled={call.state === "ringing"} onClick={command("HOLD", "On hold")}>
          Hold
        </button>
      )}
      <button type="button" class="stop" onClick={command("HANGUP", "Hung up")}>
        Hang up
      </button>
      {open && <CommandForm id={call.id} close={() => setOpen(false)} />}
    </>
  );
}

/** @throws ApiError also where the call could not do it. */
async function tell(id: string, body: object): Promise<Done> {
  const told = await get<Done>(paths.commands(id), { method: "POST", body });
  if (told.ok === false) throw new ApiError("refused", 200, told.reason ?? "The call could not do this.");
  return told;
}

function CommandForm({ id, close }: { id: string; close: () => void }) {
  const { value: document } = useLive<unknown>(paths.document, {});
  const words = wordsOf(document);
  const [name, setName] = useState("PLAY");
  const word = words.find((one) => one.name === name) ?? words[0];
  return (
    <Dialog
      title="Give the call a command"
      action="Give it"
      close={close}
      send={async (form) => {
        if (word === undefined) return;
        const { done } = await tell(
          id,
          commandOf(word, (argument) => textOf(form, `${word.name}.${argument}`)),
        );
        say(done ? `${word.name} is done` : `${word.name} goes on`);
      }}
    >
      <label class="field">
        Command
        <select value={word?.name ?? ""} onChange={({ currentTarget }) => setName(currentTarget.value)}>
          {words.map((one) => (
            <option key={one.name} value={one.name}>
              {one.name}
            </option>
          ))}
        </select>
      </label>
      {word !== undefined && <p class="quiet">{word.summary}</p>}
      {word?.args.map((argument) => (
        <ArgumentField key={`${word.name}.${argument.name}`} word={word} argument={argument} />
      ))}
    </Dialog>
  );
}

function ArgumentField({ word, argument }: { word: Word; argument: WordArgument }) {
  const { name, summary, kind, words, required } = argument;
  const field = { name: `${word.name}.${name}`, required };
  const choices = kind === "flag" ? ["yes", "no"] : words;
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: each branch has one
    <label class="field">
      <span>
        {name}
        {!required && " (optional)"} <span class="quiet">{summary}</span>
      </span>
      {choices.length > 0 && (
        <select {...field}>
          {!required && <option value="" />}
          {choices.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      )}
      {kind === "number" && <input {...field} type="number" step="any" autoComplete="off" />}
      {kind === "text" && <input {...field} autoComplete="off" />}
    </label>
  );
}
