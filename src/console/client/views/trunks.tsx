/** Our accounts elsewhere, and how their registrations stand. */
import type { StatusTrunk } from "../../../control/status.ts";
import { span } from "../format.ts";
import { of, useLive } from "../live.ts";
import { paths } from "../paths.ts";
import { Empty, Facts, type Mood, Tag, View } from "../ui/view.tsx";

export function Trunks() {
  const { value, error } = useLive<readonly StatusTrunk[]>(paths.trunks, { every: 5000, on: of("trunk.", "config.") });
  return (
    <View title="Trunks" error={error}>
      {value?.length === 0 && (
        <Empty hint="Name accounts that you have elsewhere under trunks: in the configuration.">
          There are no trunks.
        </Empty>
      )}
      <div class="columns">
        {value?.map((trunk) => (
          <Trunk key={trunk.name} trunk={trunk} />
        ))}
      </div>
    </View>
  );
}

function Trunk({ trunk }: { trunk: StatusTrunk }) {
  const { name, id, registrar, domain, state, seconds, expires, failure, service } = trunk;
  return (
    <section class="card">
      <header>
        <h2>{name}</h2>
        <Tag mood={moodOf(state)}>{state}</Tag>
      </header>
      <div class="body">
        {failure !== undefined && (
          <p class="problem">
            {failure.status} {failure.reason}; tried again in {span(Math.max(0, failure.retry / 1000 - seconds))}
          </p>
        )}
        <Facts
          facts={[
            ["As", id],
            ["Registrar", registrar ?? "none: it needs no registration"],
            ["Domain", domain],
            ["Since the last change", span(seconds)],
            ["Good for", expires === undefined ? undefined : span(Math.max(0, expires - seconds))],
            ["Route", service.join(", ")],
          ]}
        />
      </div>
    </section>
  );
}

export function moodOf(state: StatusTrunk["state"]): Mood {
  switch (state) {
    case "registered":
      return "good";
    case "failed":
      return "bad";
    case "registering":
    case "ended":
      return "warn";
    case "unregistered":
      return "";
  }
}
