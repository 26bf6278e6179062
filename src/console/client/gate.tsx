/** Asks for a key, and says why. */
import { useState } from "preact/hooks";
import { ApiError, gate, reasonOf, tryKey, useKey } from "./api.ts";
import { textOf } from "./ui/dialog.tsx";

const wrong = "The server does not know this key.";

export function Gate() {
  const [problem, setProblem] = useState(gate.value === "wrong-key" ? wrong : "");
  const open = async (given: string) => {
    try {
      await tryKey(given);
      useKey(given);
    } catch (error) {
      // A key that may not look at everything is a key all the same.
      if (error instanceof ApiError && error.code === "not-allowed") useKey(given);
      else setProblem(error instanceof ApiError && error.code === "wrong-key" ? wrong : reasonOf(error));
    }
  };
  return (
    <main class="gate">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const given = textOf(new FormData(event.currentTarget), "key");
          if (given !== "") void open(given);
        }}
      >
        <p class="brand">
          <img src="icon.svg" alt="" />
          <span>siproc</span>
        </p>
        <h1>This server asks for a key</h1>
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <label class="field">
          Key
          <input
            name="key"
            type="password"
            autoComplete="current-password"
            required
            {...(problem !== "" && { "aria-invalid": true })}
          />
        </label>
        <p class="quiet">
          One of <code>control.keys</code> in the server's configuration. It is kept until you close this tab.
        </p>
        <button type="submit" class="go">
          Open the console
        </button>
      </form>
    </main>
  );
}
