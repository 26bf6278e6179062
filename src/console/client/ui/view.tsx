/** What every view has: a head that takes the focus when one comes to it, and words for what is not there. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../api.ts";

export interface ViewProps {
  readonly title: string;
  /** Beside the title. */
  readonly aside?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly error?: ApiError | undefined;
  readonly children?: ComponentChildren;
}

/** Set once somebody has gone from one view to another: a page that opens keeps the focus where the browser puts it. */
let gone = false;

export function View({ title, aside, tools, error, children }: ViewProps) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (gone) head.current?.focus({ preventScroll: true });
    gone = true;
  }, []);
  useEffect(() => {
    document.title = `${title} · siproc`;
  }, [title]);
  return (
    <>
      <div class="head">
        <div class="title">
          <h1 ref={head} tabIndex={-1}>
            {title}
          </h1>
          {aside}
        </div>
        {tools !== undefined && <div class="tools">{tools}</div>}
      </div>
      {error !== undefined && error.code !== "unreachable" && (
        <p class="banner bad" role="alert">
          {error.code === "not-allowed" ? `Your key does not allow this: ${error.message}.` : error.message}
        </p>
      )}
      {children}
    </>
  );
}

export function Empty({ children, hint }: { children: ComponentChildren; hint?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {hint !== undefined && <p>{hint}</p>}
    </div>
  );
}

export interface CardProps {
  readonly title?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly class?: string;
  readonly children?: ComponentChildren;
}

export function Card({ title, tools, class: name = "", children }: CardProps) {
  return (
    <section class={`card ${name}`}>
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {tools}
        </header>
      )}
      <div class="body">{children}</div>
    </section>
  );
}

export type Mood = "good" | "warn" | "bad" | "";

export function Tag({ mood = "", children }: { mood?: Mood; children: ComponentChildren }) {
  return <span class={`tag ${mood}`}>{children}</span>;
}

export interface FactsProps {
  readonly facts: readonly (readonly [string, ComponentChildren])[];
  /** Those that take the whole width. */
  readonly wide?: readonly string[];
}

/** Names and values. A value that is undefined is not shown. */
export function Facts({ facts, wide = [] }: FactsProps) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name} class={wide.includes(name) ? "wide" : ""}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** One of a few. */
export function Switch<T extends string>({
  label,
  options,
  value,
  choose,
}: {
  label: string;
  options: readonly (readonly [T, string])[];
  value: T;
  choose: (value: T) => void;
}) {
  return (
    <fieldset class="switch">
      <legend class="hidden-text">{label}</legend>
      {options.map(([one, text]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => choose(one)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}
