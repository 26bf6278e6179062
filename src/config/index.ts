/** The door of the configuration. */
export type {
  Config,
  LimitSettings,
  MediaSettings,
  Problem,
  Route,
  RouteAction,
  ScriptPermissions,
  ScriptSettings,
} from "./config.ts";
export { configJsonSchema } from "./describe.ts";
export { defaultConfig, type Loaded, loadConfig, readConfig } from "./load.ts";
export { nearest } from "./nearest.ts";
export { parseYaml } from "./yaml.ts";
