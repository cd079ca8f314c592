/**
 * Keeps the table of fixes that can be taken out true to the source.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { MUTATIONS } from "./mutations.ts";

const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("MUTATIONS: each names a place that is there once, and a test that is there", () => {
  for (const { jira, file, find, replace, test, filter } of MUTATIONS) {
    const text = Deno.readTextFileSync(`${PROJECT_DIR}${file}`);
    assert.equal(text.split(find).length - 1, 1, `${jira}: ${file} has ${JSON.stringify(find)}`);
    assert.notEqual(find, replace, jira);
    const names = Deno.readTextFileSync(`${PROJECT_DIR}${test}`).match(/Deno\.test\("[^"]*"/g);
    assert.ok(names!.some((name) => name.includes(filter)), `${jira}: ${test} has "${filter}"`);
  }
});

Deno.test("MUTATIONS: each bug that must not come back is among them", () => {
  const known = new Set(MUTATIONS.flatMap(({ jira }) => jira.split(", ")));
  const wanted = [
    ...["1549", "2355", "3104", "3642", "3911", "4394", "4643", "4646", "4685", "4712", "4785"],
    "4925",
  ];
  assert.deepEqual(wanted.filter((jira) => !known.has(jira)), []);
});
