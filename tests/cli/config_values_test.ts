import assert from "node:assert/strict";
import { bool, decimal, host, hours, int, javaInt, list } from "../../cli/config_values.ts";
import { oneOf, port, text, yesNo } from "../../cli/config_values.ts";

interface Schema {
  safeParse(value: unknown): { success: boolean; data?: unknown; error?: unknown };
}

Deno.test("settings are read from text, and what is not allowed is refused", () => {
  const refused = Symbol("refused");
  const cases: [note: string, schema: Schema, given: string, expected: unknown][] = [
    ["int", int(), "42", 42],
    ["int trims", int(), " -7 ", -7],
    ["int has a sign", int(), "+7", 7],
    ["int is decimal", int(), "010", 10],
    ["int is decimal", int(), "0x10", refused],
    ["int is whole", int(), "1.5", refused],
    ["int is not empty", int(), "", refused],
    ["int has 32 bits", int(), "2147483648", refused],
    ["int has 32 bits", int(), "-2147483648", -2147483648],
    ["int has a range", int({ min: 1 }), "0", refused],
    ["javaInt", javaInt(), "0", 0],
    ["javaInt hexadecimal", javaInt(), "0x400000", 4194304],
    ["javaInt hexadecimal", javaInt(), "#FF", 255],
    ["javaInt octal", javaInt(), "017", 15],
    ["javaInt octal", javaInt(), "018", refused],
    ["javaInt negative", javaInt(), "-0x10", -16],
    ["javaInt has a range", javaInt({ min: 0 }), "-1", refused],
    ["javaInt has 32 bits", javaInt(), "0xffffffff", refused],
    ["javaInt is a number", javaInt(), "1M", refused],
    ["decimal", decimal({ min: 0, max: 1 }), ".02", 0.02],
    ["decimal", decimal({ min: 0, max: 1 }), "1e-2", refused],
    ["decimal has a range", decimal({ min: 0, max: 1 }), "1.1", refused],
    ["bool", bool(), "TRUE", true],
    ["bool", bool(), "false", false],
    ["bool is not yes", bool(), "yes", refused],
    ["yesNo", yesNo(), "No", false],
    ["yesNo is not true", yesNo(), "true", refused],
    ["oneOf", oneOf(["", "gz"]), "GZ", "gz"],
    ["oneOf with nothing", oneOf(["", "gz"]), "", ""],
    ["oneOf", oneOf(["", "gz"]), "zip", refused],
    ["text", text(), " a b ", "a b"],
    ["text is not empty", text(), " ", refused],
    ["list", list(), "ruok, stat,,", ["ruok", "stat"]],
    ["port", port(), "65535", 65535],
    ["port", port(), "65536", refused],
    ["host", host(), "zk-1.example.com", "zk-1.example.com"],
    ["host", host(), "[::1]", "::1"],
    ["host", host(), "fe80::1%eth0", "fe80::1%eth0"],
    ["host", host(), "a b", refused],
    ["hours", hours(), "24", 86_400_000],
    ["hours", hours(), "90m", 5_400_000],
    ["hours", hours(), "500ms", 500],
    ["hours", hours(), "1d", 86_400_000],
    ["hours off", hours(), "-1", 0],
    ["hours", hours(), "1w", refused],
  ];
  for (const [note, schema, given, expected] of cases) {
    const { success, data } = schema.safeParse(given);
    assert.deepEqual(success ? data : refused, expected, `${note}: ${JSON.stringify(given)}`);
  }
});
