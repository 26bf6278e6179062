/** How the server stands, and how it stood: what an operator looks at first. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { HistoryView } from "../../../control/history.ts";
import type { Status } from "../../../control/status.ts";
import { count, measure, octets, percent, span } from "../format.ts";
import { useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { to } from "../route.ts";
import { status } from "../server.ts";
import { phraseOf } from "../sip.ts";
import { Chart, type Series } from "../ui/chart.tsx";
import { now } from "../ui/now.ts";
import { Card, Empty, Facts, Switch, Tag, View } from "../ui/view.tsx";
import { moodOf } from "./trunks.tsx";

const ranges = [
  ["900", "15 min"],
  ["3600", "1 hour"],
  ["86400", "1 day"],
] as const;
const range = signal<(typeof ranges)[number][0]>("900");

export function Overview() {
  const { value: server, error } = status.answer.value;
  const seconds = Number(range.value);
  const { value: history } = useLive<HistoryView>(paths.history(seconds), { every: 5000 });
  return (
    <View
      title="Overview"
      error={error}
      tools={
        <Switch
          label="How far back"
          options={ranges}
          value={range.value}
          choose={(value) => {
            range.value = value;
          }}
        />
      }
    >
      {server !== undefined && <Troubles server={server} poor={history?.poor.at(-1) ?? 0} />}
      {server !== undefined && history !== undefined && <Figures server={server} history={history} seconds={seconds} />}
      <div class="columns">
        {history !== undefined && <Failures history={history} />}
        {server !== undefined && server.trunks.length > 0 && <TrunksCard server={server} />}
        {server !== undefined && <ServerCard server={server} />}
      </div>
    </View>
  );
}

/** What needs somebody: nothing is shown where nothing does. */
function Troubles({ server, poor }: { server: Status; poor: number }) {
  const failed = server.trunks.filter(({ state }) => state === "failed");
  const troubles = [
    ...(server.store.failure === undefined ? [] : [`The store cannot be written: ${server.store.failure}`]),
    ...failed.map(({ name, failure }) => `Trunk ${name} is not registered: ${failure?.status} ${failure?.reason}`),
  ];
  return (
    <>
      {troubles.map((text) => (
        <p key={text} class="banner">
          {text}
        </p>
      ))}
      {poor > 0 && (
        <p class="banner">
          {poor === 1 ? "One call sounds poor" : `${count(poor)} calls sound poor`}: a mean opinion score below 3.6
          <a href={`${to("calls")}?poor=1`}>See which</a>
        </p>
      )}
    </>
  );
}

function Figures({ server, history, seconds }: { server: Status; history: HistoryView; seconds: number }) {
  const { times } = history;
  const end = times.at(-1) ?? now.peek();
  // A young server has no past; a minute is drawn at least.
  const begin = Math.max(end - seconds * 1000, Math.min(server.started, end - 60_000));
  const chart = (
    label: string,
    series: readonly Series[],
    more: { show: (value: number) => string; atLeast?: number },
  ) => <Chart label={label} times={times} series={series} range={[begin, end]} sync="overview" tall {...more} />;
  const calls = server.calls.handled + server.calls.relayed;
  const [answered, failed] = [sum(history.answered), sum(history.failed)];
  const [packets, lost] = [sum(history.packets), sum(history.lost)];
  const perMinute = (values: readonly number[]) => values.map((n) => (n * 60) / history.every);
  return (
    <div class="figures">
      <Figure
        title="Calls now"
        value={count(calls)}
        more={calls === 0 ? "" : `${count(server.calls.handled)} with handlers`}
      >
        {chart(
          "Calls",
          [
            { label: "with handlers", color: "--series-1", values: history.handled, fill: true },
            { label: "forwarded", color: "--series-2", values: history.relayed },
          ],
          { show: count, atLeast: 4 },
        )}
      </Figure>
      <Figure
        title="Answered"
        value={answered + failed === 0 ? "–" : percent(answered / (answered + failed))}
        more={`of ${count(answered + failed)} calls`}
      >
        {chart(
          "Calls that ended, a minute",
          [
            { label: "answered a minute", color: "--series-1", values: perMinute(history.answered), fill: true },
            { label: "not answered", color: "--series-3", values: perMinute(history.failed) },
          ],
          { show: (n) => measure(n), atLeast: 2 },
        )}
      </Figure>
      <Figure
        title="Packets lost"
        value={packets + lost === 0 ? "–" : percent(lost / (packets + lost))}
        more={`of ${count(packets + lost)} packets`}
      >
        {chart(
          "Packets lost",
          [
            {
              label: "of all packets",
              color: "--series-3",
              values: history.packets.map((n, i) => part(n, history.lost[i])),
              fill: true,
            },
          ],
          { show: percent, atLeast: 0.01 },
        )}
      </Figure>
      <Figure
        title="Registrations"
        value={server.registrations === undefined ? "–" : count(server.registrations.contacts)}
        more={
          server.registrations === undefined ? "no route takes any" : `of ${count(server.registrations.users)} users`
        }
      >
        {chart("Registrations", [{ label: "contacts", color: "--series-2", values: history.contacts, fill: true }], {
          show: count,
          atLeast: 4,
        })}
      </Figure>
      <Figure title="CPU" value={percent(history.cpu.at(-1))} more="of one core">
        {chart("CPU", [{ label: "of one core", color: "--series-4", values: history.cpu, fill: true }], {
          show: percent,
          atLeast: 0.1,
        })}
      </Figure>
      <Figure title="Memory" value={octets(server.process.memory)} more="resident">
        {chart("Memory", [{ label: "resident", color: "--series-4", values: history.memory, fill: true }], {
          show: octets,
          atLeast: 50_000_000,
        })}
      </Figure>
    </div>
  );
}

interface FigureProps {
  readonly title: string;
  readonly value: string;
  readonly more: string;
  readonly children: ComponentChildren;
}

function Figure({ title, value, more, children }: FigureProps) {
  return (
    <Card class="figure" title={title}>
      <p class="value">
        {value} <small>{more}</small>
      </p>
      {children}
    </Card>
  );
}

function Failures({ history }: { history: HistoryView }) {
  const codes = Object.entries(history.codes)
    .map(([code, n]) => ({ code: Number(code), n }))
    .sort((a, b) => b.n - a.n)
    .slice(0, 8);
  const most = codes[0]?.n ?? 1;
  return (
    <Card title="Calls not answered, by code" tools={<a href={to("calls", "past")}>Past calls</a>}>
      {codes.length === 0 ? (
        <Empty>Every call that ended in this time was answered.</Empty>
      ) : (
        <ul class="bars">
          {codes.map(({ code, n }) => (
            <li key={code}>
              <span>
                <strong>{code}</strong> <span class="quiet">{phraseOf(code)}</span>
              </span>
              <span class="track">
                <i style={{ width: `${(100 * n) / most}%` }} />
              </span>
              <span class="num">{count(n)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function TrunksCard({ server }: { server: Status }) {
  return (
    <Card title="Trunks" tools={<a href={to("trunks")}>All of them</a>}>
      <ul class="lines">
        {server.trunks.slice(0, 8).map(({ name, state, domain }) => (
          <li key={name}>
            <span>
              {name} <span class="quiet">{domain}</span>
            </span>
            <Tag mood={moodOf(state)}>{state}</Tag>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function ServerCard({ server }: { server: Status }) {
  const { abuse, store } = server;
  return (
    <Card title="Server">
      <Facts
        wide={["Listens on", "Configuration"]}
        facts={[
          ["Listens on", <span class="mono">{server.listening.join("  ")}</span>],
          ["Up", span((now.value - server.started) / 1000)],
          ["Transactions", count(server.transactions)],
          ["Connections", count(server.connections)],
          ["Store", store.waiting === 0 ? store.kind : `${store.kind}, ${count(store.waiting)} to write`],
          ["Slowed down", `${count(abuse.limited)} requests`],
          ["Wrong passwords, scanners", `${count(abuse.failures)}, ${count(abuse.scanners)}`],
          ["Configuration", <span class="mono">{server.file}</span>],
        ]}
      />
    </Card>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((all, n) => all + n, 0);
}

function part(packets: number, lost = 0): number | undefined {
  return packets + lost === 0 ? undefined : lost / (packets + lost);
}
