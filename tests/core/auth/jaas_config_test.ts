import assert from "node:assert/strict";
import { digestUsersOf, JaasConfigError, parseJaasConfig } from "../../../core/auth/jaas_config.ts";

const FILE = { fileName: "jaas.conf" };

function server(inside: string, properties?: Map<string, string>) {
  const options = properties === undefined ? FILE : { ...FILE, properties };
  return parseJaasConfig(`Server { ${inside} };`, options).get("Server")!;
}

function optionsOf(options: string, properties?: Map<string, string>): Record<string, string> {
  return Object.fromEntries(server(`org.x.M required ${options};`, properties)[0]!.options);
}

Deno.test("parseJaasConfig() reads sections, modules, flags and comments", () => {
  const config = parseJaasConfig(
    [
      "# users of the client port",
      "Server { // one line",
      "  /* several",
      "     lines */ org.x.Digest required",
      '  user_super="adminsecret"',
      '  user_bob="bob secret";',
      "  org.x.Other SUFFICIENT debug=true",
      "  # another",
      "  ;",
      "};\r",
      '"Client"{"org.x.M" Optional "a"="b";org.x.N requisite;}',
      ";",
      "a-b.c { };",
      "",
    ].join("\n"),
    FILE,
  );
  const seen = [...config].map(([name, modules]) => [
    name,
    modules.map(({ className, flag, options }) => [className, flag, Object.fromEntries(options)]),
  ]);
  assert.deepEqual(seen, [
    ["Server", [
      ["org.x.Digest", "required", { user_super: "adminsecret", user_bob: "bob secret" }],
      ["org.x.Other", "sufficient", { debug: "true" }],
    ]],
    ["Client", [
      ["org.x.M", "optional", { a: "b" }],
      ["org.x.N", "requisite", {}],
    ]],
    ["a-b.c", []],
  ]);
});

Deno.test("parseJaasConfig() reads option values as Java does", () => {
  const cases: [options: string, read: Record<string, string>][] = [
    ["", {}],
    ['a = b c= "d" e ="f"', { a: "b", c: "d", e: "f" }],
    ['a="b"c=d', { a: "b", c: "d" }],
    ['a=""', { a: "" }],
    ['a=" sp "', { a: " sp " }],
    ['a="x" a="y"', { a: "y" }],
    ['a="b\\"c\\\\d\\n"', { a: 'b"c\\d\n' }],
    ['a="\\u00e9\\t\\101\\q\\4444"', { a: "u00e9\tAq$44" }],
    ['a="/* no */ // no # no"', { a: "/* no */ // no # no" }],
    ['a="b=c;}{"', { a: "b=c;}{" }],
    ["a=é", { a: "é" }],
    ["a=a_b-c.d* b=b$", { a: "a_b-c.d*", b: "b$" }],
    ['user_1="x" user_a.b="y" user_a-b="z" user_a$="w"', {
      user_1: "x",
      "user_a.b": "y",
      "user_a-b": "z",
      user_a$: "w",
    }],
    ['"user_a@b/c"="y"', { "user_a@b/c": "y" }],
    ["a=1 b=007", { a: "1", b: "007" }], // Java wants quotes here
    ["a=b//c\n", { a: "b" }],
  ];
  for (const [options, read] of cases) assert.deepEqual(optionsOf(options), read, options);
});

Deno.test("parseJaasConfig() expands system properties", () => {
  const properties = new Map([["user.home", "/root"]]);
  assert.deepEqual(optionsOf('a="${user.home}/x" b="$${user.home}" c="x${y"', properties), {
    a: "/root/x",
    b: "$/root",
    c: "x${y",
  });
  assert.throws(
    () => optionsOf('a="${no.such}"', properties),
    /line 1: no system property "no.such"/,
  );
});

Deno.test("parseJaasConfig() names file, line and what is wrong", () => {
  const cases: [text: string, line: number, problem: RegExp][] = [
    ["Server {\n org.x.M required\n};", 3, /expected an option of org.x.M, or ";".*found "}"/],
    ['Server {\n org.x.M required a="b"\n};', 3, /found "}"/],
    ["Server {\n org.x.M required;\n}", 3, /expected ";".*found the end of the file/],
    ["Server {\n org.x.M bogus a=b;\n};", 2, /"bogus" is no control flag/],
    ["Server {\n org.x.M a=b;\n};", 2, /"a" is no control flag/],
    ["Server { org.x.M required a; };", 1, /expected "=" after option "a", found ";"/],
    ["Server { org.x.M required a=; };", 1, /expected the value of option "a", found ";"/],
    ["Server { org.x.M required =b; };", 1, /found "="/],
    ["Server { org.x.M required a=b;; };", 1, /expected the class name.*found ";"/],
    ["Server { org.x.M required a=b; };;", 1, /expected the name of a section, found ";"/],
    ["Server { org.x.M required a=b; }; junk", 1, /expected "{" after/],
    ["Server org.x.M required a=b; };", 1, /expected "{".*found "org.x.M"/],
    ["{ org.x.M required; };", 1, /expected the name of a section, found "{"/],
    ['Server { "x" required;\n};\nServer { y required; };', 3, /section "Server" is there twice/],
    ['Server {\n x required\n a="b;\n};', 3, /does not end on its line/],
    ['Server {\n x required\n a="b\\\n";\n};', 3, /does not end on its line/],
    ["Server {\n/* x\n};", 2, /comment is not closed/],
    ["Server { x required a='b'; };", 1, /unexpected "'": put the text in double quotes/],
    ["Server { x required a=b@c; };", 1, /unexpected "@"/],
    ["Server { x required a=b#c; };", 1, /unexpected "#"/],
    ["Server { x required a=b/c; };", 1, /unexpected "\/"/], // a comment to Java
    ["Server { x required user_a@b=c; };", 1, /unexpected "@"/],
    ["Server { x required a=b,c=d; };", 1, /unexpected ","/],
    ['Server { x required "a" "secret"; };', 1, /expected "=".*found a quoted text$/],
  ];
  for (const [text, line, problem] of cases) {
    assert.throws(() => parseJaasConfig(text, FILE), (error) => {
      assert.ok(error instanceof JaasConfigError, text);
      assert.equal(error.line, line, text);
      assert.match(error.message, problem);
      assert.ok(
        error.message.startsWith(`Cannot read JAAS configuration "jaas.conf", line ${line}:`),
      );
      return true;
    });
  }
});

Deno.test("parseJaasConfig() reads an empty file and one with a byte order mark", () => {
  assert.equal(parseJaasConfig("", FILE).size, 0);
  assert.equal(parseJaasConfig("\n // nothing", FILE).size, 0);
  assert.ok(parseJaasConfig("\ufeffServer { };\r\n", FILE).has("Server"));
});

Deno.test("digestUsersOf() gathers the users of a section", () => {
  const config = parseJaasConfig(
    'Server { x.M required user_super="a" user_bob="b" debug=true; x.N optional user_="c"; };' +
      "Krb { com.sun.security.auth.module.Krb5LoginModule required; };" +
      'NoSuper { x.M required user_bob="b"; };',
    FILE,
  );
  const users = (section: string, superPassword: string | null = null) => {
    const found = digestUsersOf(config, { section, superPassword });
    return found && Object.fromEntries(found);
  };
  assert.deepEqual(users("Server"), { super: "a", bob: "b", "": "c" });
  assert.deepEqual(users("Server", "z"), { super: "z", bob: "b", "": "c" });
  assert.deepEqual(users("NoSuper", "z"), { bob: "b" }); // replaces, does not add
  assert.equal(users("Client"), null);
  assert.throws(() => users("Krb"), { name: "RangeError", message: /Krb5LoginModule/ });
});
