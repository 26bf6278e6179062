/** The routes in their order, and a dry run: which of them takes a request, and why those before it do not. */
import { useState } from "preact/hooks";
import { get, reasonOf } from "../api.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import type { Route, RouteTest } from "../shapes.ts";
import { textOf } from "../ui/dialog.tsx";
import { Card, Empty, Tag, View } from "../ui/view.tsx";

export function Routes() {
  const { value, error } = useLive<readonly Route[]>(paths.routes, { every: 60_000, on: of("config.") });
  const [tested, setTested] = useState<RouteTest | undefined>(undefined);
  return (
    <View title="Routes" error={error}>
      <DryRun tell={setTested} tested={tested} />
      {value?.length === 0 && <Empty hint="Write routes: into the configuration.">There are no routes.</Empty>}
      {value !== undefined && value.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is one that the keyboard must reach
        <section class="card scroller" tabIndex={0} aria-label="Routes">
          <table class="routes">
            <thead>
              <tr>
                <th scope="col">Line</th>
                <th scope="col">Requests</th>
                <th scope="col">Go to</th>
                <th scope="col">In the dry run</th>
              </tr>
            </thead>
            <tbody>
              {value.map((route) => (
                <RouteRow key={route.index} route={route} tested={tested} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </View>
  );
}

function RouteRow({ route, tested }: { route: Route; tested: RouteTest | undefined }) {
  const { line, to, from, methods, trunk, action, target, auth } = route;
  const takes = tested?.route?.index === route.index;
  const passed = tested?.passed.find(({ index }) => index === route.index)?.why;
  return (
    <tr class={takes ? "chosen" : ""}>
      <td class="quiet">{line}</td>
      <td>
        {methods !== undefined && <Tag>{methods.join(" ")}</Tag>}{" "}
        {to === undefined ? (
          <span class="quiet">to anybody</span>
        ) : (
          <>
            to <span class="mono">{to}</span>
          </>
        )}
        {from !== undefined && (
          <>
            {" "}
            from <span class="mono">{from}</span>
          </>
        )}
        {trunk !== undefined && <> by trunk {trunk}</>}
      </td>
      <td>
        {action} <span class="mono">{target}</span> {auth && <Tag>password</Tag>}
      </td>
      <td>{takes ? <strong class="good">takes it</strong> : <span class="quiet">{passed ?? ""}</span>}</td>
    </tr>
  );
}

function DryRun({ tested, tell }: { tested: RouteTest | undefined; tell: (tested: RouteTest | undefined) => void }) {
  const [problem, setProblem] = useState("");
  const run = async (form: FormData) => {
    const optional = (name: string) => (textOf(form, name) === "" ? {} : { [name]: textOf(form, name) });
    try {
      const body = { to: textOf(form, "to"), ...optional("from"), method: textOf(form, "method") };
      tell(await get<RouteTest>(paths.dryRun, { method: "POST", body }));
      setProblem("");
    } catch (error) {
      tell(undefined);
      setProblem(reasonOf(error));
    }
  };
  return (
    <Card title="Dry run: which route would take this?">
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault();
          void run(new FormData(event.currentTarget));
        }}
      >
        <label class="field">
          Method
          <select name="method">
            {["INVITE", "MESSAGE", "OPTIONS", "REGISTER", "SUBSCRIBE"].map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        </label>
        <label class="field grows">
          To
          <input name="to" required autoComplete="off" spellcheck={false} placeholder="echo@example.com" />
        </label>
        <label class="field grows">
          From (optional)
          <input name="from" autoComplete="off" spellcheck={false} placeholder="alice@example.com" />
        </label>
        <button type="submit" class="go">
          Try
        </button>
      </form>
      <div aria-live="polite">
        {problem !== "" && <p class="problem">{problem}</p>}
        {tested !== undefined && (
          <p class="outcome">
            <strong>{tested.says.replace(/^./, (first) => first.toUpperCase())}</strong>{" "}
            <span class="mono quiet">{tested.uri}</span>
            {tested.groups !== undefined && tested.groups.length > 1 && (
              <span class="quiet"> {tested.groups.map((group, n) => `$${n} = ${group}`).join(", ")}</span>
            )}
          </p>
        )}
      </div>
    </Card>
  );
}
