/**
 * config.example.cfg is the reference of keys: it must name them all, with their real defaults.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../cli/config_loader.ts";
import { EFFECTIVE_KEYS, ENSEMBLE_KEYS } from "../../cli/config_schema.ts";
import { LOGGING_KEYS } from "../../cli/inert_keys.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const EXAMPLE = Deno.readTextFileSync(new URL("../../config.example.cfg", import.meta.url));

function load(text: string) {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/zoo.cfg`, text);
  return loadConfig({ file: `${dir.path}/zoo.cfg`, environment: () => undefined });
}

Deno.test("config.example.cfg shows the defaults that hold without its comments", () => {
  const { raw: _, systemProperties: __, configPath: ___, ...ours } = load(EXAMPLE).config;
  const uncommented = load(EXAMPLE.replaceAll(/^#(?=[\w.-]+=)/gm, ""));
  const { raw: ____, systemProperties: _____, configPath: ______, ...shown } = uncommented.config;
  assert.deepEqual(shown, { ...ours, autopurge: { ...ours.autopurge, isConfigured: true } });
  assert.deepEqual(uncommented.notices.filter(({ level }) => level === "warn"), []);
});

Deno.test("config.example.cfg has every key with an effect", () => {
  const named = new Set([...EXAMPLE.matchAll(/^(?:# ?)?([\w.-]+)=/gm)].map(([, key]) => key));
  const wanted = [...EFFECTIVE_KEYS, ...LOGGING_KEYS]
    .filter((key) => !ENSEMBLE_KEYS.has(key));
  assert.deepEqual(wanted.filter((key) => !named.has(key)), []);
});

Deno.test("config.example.cfg gives examples that are accepted", () => {
  const examples = EXAMPLE.replaceAll(/^# (?=(?!dynamicConfigFile)[\w.-]+=)/gm, "");
  assert.deepEqual(load(examples).notices.filter(({ level }) => level === "warn"), []);
});
