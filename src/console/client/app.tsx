/** The whole console: navigation, the state of the connection, and the view that the address asks for. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { gate, key, useKey } from "./api.ts";
import { span } from "./format.ts";
import { Gate } from "./gate.tsx";
import { connection } from "./live.ts";
import { place, to } from "./route.ts";
import { draining, server } from "./server.ts";
import { theme, themes } from "./theme.ts";
import { now } from "./ui/now.ts";
import { Toasts } from "./ui/toast.tsx";
import { type ViewEntry, viewOf, views } from "./views/index.ts";

const menu = signal(false);

export function App() {
  if (gate.value !== undefined) return <Gate />;
  return <Shell />;
}

function Shell() {
  const main = useRef<HTMLElement>(null);
  const { path, query } = place.value;
  const entry = viewOf(path[0] ?? "");
  const View = entry.view;
  useEffect(() => {
    menu.value = false;
    main.current?.scrollTo(0, 0);
  }, [path.join("/")]);
  return (
    <div class="shell">
      {/* The address bar belongs to the views: a link to #main would lead to none. */}
      {/* biome-ignore lint/a11y/useValidAnchor: see above */}
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <Bar entry={entry} />
      <aside class={`side${menu.value ? " open" : ""}`} id="side">
        <Brand />
        <nav aria-label="Views">
          <ul class="nav">
            {views.map((one) => (
              <NavItem key={one.name} entry={one} current={one === entry} />
            ))}
          </ul>
        </nav>
        <Foot />
      </aside>
      <main ref={main} tabIndex={-1} id="main">
        <Lost />
        <View key={path.join("/")} path={path.slice(1)} query={query} />
      </main>
      <Toasts />
    </div>
  );
}

function Brand() {
  return (
    <a class="brand" href={to()}>
      <img src="icon.svg" alt="" />
      siproc
    </a>
  );
}

function Bar({ entry }: { entry: ViewEntry }) {
  return (
    <header class="bar">
      <Brand />
      <LinkState />
      <button
        type="button"
        aria-expanded={menu.value}
        aria-controls="side"
        onClick={() => {
          menu.value = !menu.value;
        }}
      >
        {menu.value ? "Close" : entry.title}
        <span aria-hidden="true"> {menu.value ? "✕" : "▾"}</span>
      </button>
    </header>
  );
}

function NavItem({ entry, current }: { entry: ViewEntry; current: boolean }) {
  const counted = entry.count?.value;
  return (
    <li class={entry.begins ? "gap" : ""}>
      <a href={entry.name === "" ? to() : to(entry.name)} {...(current && { "aria-current": "page" })}>
        {entry.title}
        {counted !== undefined && <span class={`count${counted.alert ? " alert" : ""}`}>{counted.text}</span>}
      </a>
    </li>
  );
}

/** Whether what is shown is up to date: a dot and words, read out when they change. */
function LinkState() {
  const { state } = connection.value;
  const [mood, words] =
    state === "live" ? ["good", "Live"] : state === "lost" ? ["bad", "Not connected"] : ["", "Connecting…"];
  return (
    <span class="link" role="status">
      <span class={`dot ${mood}`} />
      {words}
    </span>
  );
}

function Foot() {
  const status = server.value;
  const names = { auto: "As the system", light: "Light", dark: "Dark" } as const;
  return (
    <footer>
      <LinkState />
      {status !== undefined && (
        <p class="quiet">
          siproc {status.version}, up {span((now.value - status.started) / 1000)}
        </p>
      )}
      <label class="field">
        Colours
        <select
          value={theme.value}
          onChange={({ currentTarget }) => {
            theme.value = themes.find((one) => one === currentTarget.value) ?? "auto";
          }}
        >
          {themes.map((one) => (
            <option key={one} value={one}>
              {names[one]}
            </option>
          ))}
        </select>
      </label>
      {key.value !== "" && (
        <button type="button" onClick={() => useKey("")}>
          Forget the key
        </button>
      )}
    </footer>
  );
}

/** What is shown is old, since when, and that it mends itself. */
function Lost() {
  const { value } = connection;
  if (value.state !== "lost" && draining.value)
    return (
      <p class="banner" role="alert">
        <strong>The server is stopping.</strong> It takes no new calls, and ends when those that are up have ended.
      </p>
    );
  if (value.state !== "lost") return null;
  return (
    <p class="banner" role="alert">
      <strong>The server cannot be reached.</strong>
      <span>
        {value.reason.replace(/\.$/, "")}; what you see is as it was {span((now.value - value.since) / 1000)} ago. The
        console tries again by itself.
      </span>
    </p>
  );
}
