/**
 * config.example.cfg is the reference of keys: it must name them all, with their real defaults.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../cli/config_loader.ts";
import { EFFECTIVE_KEYS } from "../../cli/config_schema.ts";
import { LOGGING_KEYS } from "../../cli/inert_keys.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const EXAMPLE = Deno.readTextFileSync(new URL("../../config.example.cfg", import.meta.url));

const STANDS_ALONE = "running standalone, settings of ensembles have no effect";

function load(text: string, myid?: string) {
  using dir = makeTempDir();
  if (myid !== undefined) {
    Deno.writeTextFileSync(`${dir.path}/myid`, myid);
    text = text.replace(/^dataDir=.*$/m, `dataDir=${dir.path}`);
  }
  Deno.writeTextFileSync(`${dir.path}/zoo.cfg`, text);
  return loadConfig({ file: `${dir.path}/zoo.cfg`, environment: () => undefined });
}

function warningsOf({ notices }: ReturnType<typeof load>): string[] {
  return notices.filter(({ level }) => level === "warn").map(({ message }) => message);
}

Deno.test("config.example.cfg shows the defaults that hold without its comments", () => {
  const { raw: _, systemProperties: __, configPath: ___, ...ours } = load(EXAMPLE).config;
  const uncommented = load(EXAMPLE.replaceAll(/^#(?=[\w.-]+=)/gm, ""));
  const { raw: ____, systemProperties: _____, configPath: ______, ...shown } = uncommented.config;
  assert.deepEqual(shown, { ...ours, autopurge: { ...ours.autopurge, isConfigured: true } });
  assert.deepEqual(warningsOf(uncommented), [STANDS_ALONE]);
});

Deno.test("config.example.cfg has every key with an effect", () => {
  const named = new Set([...EXAMPLE.matchAll(/^(?:# ?)?([\w.-]+)=/gm)].map(([, key]) => key));
  const wanted = [...EFFECTIVE_KEYS, ...LOGGING_KEYS];
  assert.deepEqual(wanted.filter((key) => !named.has(key)), []);
});

Deno.test("config.example.cfg gives examples that are accepted", () => {
  const examples = EXAMPLE.replaceAll(/^# (?=(?!dynamicConfigFile)[\w.-]+=)/gm, "");
  assert.deepEqual(warningsOf(load(examples)), [STANDS_ALONE]);
});

Deno.test("config.example.cfg makes a member of an ensemble, with its examples of members", () => {
  const lines = [...EXAMPLE.matchAll(/^# {3}(.*)$/gm)].map(([, line]) => line!)
    .map((line) => line.replace(":observer", ""));
  assert.equal(lines.length, 5);
  const text = EXAMPLE.replaceAll(/^# (?=(initLimit|syncLimit)=)/gm, "") + lines.join("\n") +
    "\ngroup.2=3";
  const { config, notices } = load(text, "1");
  assert.equal(config.ensemble.isMember, true);
  assert.deepEqual(notices.filter(({ level }) => level === "warn"), []);
});
