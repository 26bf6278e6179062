/** The handlers that routes name: how many calls each has, and what the log last said of their faults. */
import { useState } from "preact/hooks";
import { callsFreshness, type ListedCall } from "../calls.ts";
import { count } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import type { LogLine, Route } from "../shapes.ts";
import { LogLines } from "../ui/log-lines.tsx";
import { Card, Empty, Tag, View } from "../ui/view.tsx";

export function Scripts() {
  const { value: routes, error } = useLive<readonly Route[]>(paths.routes, { every: 60_000, on: of("config.") });
  const { value: calls } = useLive<readonly ListedCall[]>(paths.calls, callsFreshness);
  const { value: faults } = useLive<readonly LogLine[]>(paths.log({ level: "warn", limit: 1000 }), { every: 5000 });
  const [chosen, choose] = useState<string | undefined>(undefined);
  const names = [...new Set((routes ?? []).filter(isHandler).map(({ target }) => target))];
  const shown = chosen ?? names[0];
  return (
    <View title="Scripts" error={error}>
      {routes !== undefined && names.length === 0 && (
        <Empty hint="A route with script: or exec: names one.">No route has a handler.</Empty>
      )}
      {names.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
        <section class="card scroller" tabIndex={0} aria-label="Handlers">
          <table>
            <thead>
              <tr>
                <th scope="col">Handler</th>
                <th scope="col">Routes</th>
                <th scope="col" class="num">
                  Calls now
                </th>
                <th scope="col" class="num">
                  Warnings and errors
                </th>
              </tr>
            </thead>
            <tbody>
              {names.map((name) => (
                <Row
                  key={name}
                  name={name}
                  routes={(routes ?? []).filter((route) => isHandler(route) && route.target === name)}
                  calls={(calls ?? []).filter(({ handler }) => handler === name).length}
                  faults={(faults ?? []).filter((line) => concerns(line, name))}
                  chosen={name === shown}
                  choose={() => choose(name)}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {shown !== undefined && <Tail name={shown} />}
    </View>
  );
}

interface RowProps {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly calls: number;
  readonly faults: readonly LogLine[];
  readonly chosen: boolean;
  readonly choose: () => void;
}

function Row({ name, routes, calls, faults, chosen, choose }: RowProps) {
  const errors = faults.filter(({ level }) => level === "error").length;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <td>
        <button type="button" class="link mono" aria-pressed={chosen} onClick={choose}>
          {name}
        </button>
      </td>
      <td class="quiet">{routes.map(({ to, line }) => to ?? `line ${line}`).join(", ")}</td>
      <td class="num">{count(calls)}</td>
      <td class="num">
        {faults.length === 0 ? "0" : <Tag mood={errors > 0 ? "bad" : "warn"}>{count(faults.length)}</Tag>}
      </td>
    </tr>
  );
}

/** What the log says of one handler, the newest below. */
function Tail({ name }: { name: string }) {
  const { value } = useLive<readonly LogLine[]>(paths.log({ text: fileOf(name), limit: 200 }), { every: 3000 });
  return (
    <Card title={<>What {name} says</>}>
      {value === undefined || value.length === 0 ? (
        <Empty>The log says nothing of it.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
        <section class="bounded" tabIndex={0} aria-label={`Log of ${name}`}>
          <LogLines lines={value} without={["script"]} />
        </section>
      )}
    </Card>
  );
}

function isHandler({ action }: Route): boolean {
  return action === "script" || action === "exec";
}

function concerns({ message, fields }: LogLine, name: string): boolean {
  const file = fileOf(name);
  return [message, ...Object.values(fields)].some((value) => typeof value === "string" && value.includes(file));
}

/** As the log names it: without its folder, and a program without its arguments. */
function fileOf(name: string): string {
  return name.replace(/ .*$/, "").replace(/^.*\//, "");
}
