/**
 * Options of commands, read as zkCli.sh reads them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { intOption, type OptionNames, parseOptions } from "../../../cli/shell/java_options.ts";

const NAMES: OptionNames = {
  flags: ["s", "w"],
  values: ["v", "file"],
  longFlags: ["raw"],
  longValues: ["from"],
};

Deno.test("parseOptions() takes options anywhere, and values as zkCli.sh does", () => {
  const cases: [words: string[], options: Record<string, string | true>, operands: string[]][] = [
    [["-s", "/a"], { s: true }, ["/a"]],
    [["/a", "-s"], { s: true }, ["/a"]],
    [["-sw", "/a"], { s: true, w: true }, ["/a"]],
    [["-v5", "/a"], { v: "5" }, ["/a"]],
    [["-v=5", "/a"], { v: "5" }, ["/a"]],
    [["-v", "5", "/a"], { v: "5" }, ["/a"]],
    [["-v", "-1", "/a"], { v: "-1" }, ["/a"]],
    [["-v", "-x", "/a"], { v: "-x" }, ["/a"]], // -x is no option, so it is a value
    [["-sv7", "/a"], { s: true, v: "7" }, ["/a"]],
    [["-vs", "/a"], { v: "s" }, ["/a"]],
    [["-file", "x"], { file: "x" }, []],
    [["-v", "1", "-v", "2"], { v: "1" }, []], // the first one counts
    [["-", "/a"], {}, ["-", "/a"]],
    [["--", "-s"], {}, ["-s"]],
    [["--raw", "/a"], { raw: true }, ["/a"]],
    [["--from", "-", "/a"], { from: "-" }, ["/a"]],
    [["--from=a=b", "/a"], { from: "a=b" }, ["/a"]],
  ];
  for (const [words, options, operands] of cases) {
    const given = parseOptions(words, NAMES);
    assert.deepEqual(given.operands, operands, words.join(" "));
    for (const name of ["s", "w", "v", "file", "raw", "from"]) {
      const wanted = options[name];
      assert.equal(given.has(name), wanted !== undefined, `${words.join(" ")}: ${name}`);
      assert.equal(given.value(name), wanted === true ? undefined : wanted, words.join(" "));
    }
  }
});

Deno.test("parseOptions() refuses in the words of zkCli.sh", () => {
  const group = { values: ["n", "b"], group: ["n", "b"], groupText: "[-n num, -b bytes]" };
  const cases: [words: string[], names: OptionNames, message: string][] = [
    [["-x"], NAMES, "UnrecognizedOptionException: Unrecognized option: -x"],
    [["-sx"], NAMES, "UnrecognizedOptionException: Unrecognized option: -sx"],
    [["-s=1"], NAMES, "UnrecognizedOptionException: Unrecognized option: -s=1"],
    [["--s"], NAMES, "UnrecognizedOptionException: Unrecognized option: --s"],
    [["-1"], NAMES, "UnrecognizedOptionException: Unrecognized option: -1"],
    [["/a", "-v"], NAMES, "MissingArgumentException: Missing argument for option: v"],
    [["-v", "-s"], NAMES, "MissingArgumentException: Missing argument for option: v"],
    [["-n", "-b"], group, "MissingArgumentException: Missing argument for option: n"],
    [["/a"], group, "MissingOptionException: Missing required option: [-n num, -b bytes]"],
    [
      ["-n", "1", "-b", "2"],
      group,
      "AlreadySelectedException: The option 'b' was specified but an option from this group has already been " +
      "selected: 'n'",
    ],
  ];
  for (const [words, names, message] of cases) {
    assert.throws(() => parseOptions(words, names), {
      message: `org.apache.commons.cli.${message}`,
      exitCode: 1,
    });
  }
});

Deno.test("intOption() takes whole numbers of 32 bits", () => {
  const read = (text: string | undefined) => intOption(text, { option: "v", otherwise: -1 });
  assert.equal(read(undefined), -1);
  assert.equal(read("+5"), 5);
  assert.equal(read("-2147483648"), -2147483648);
  for (const text of ["", "x", "1.5", "0x1", "2147483648"]) {
    assert.throws(() => read(text), { message: "-v argument must be an int value" });
  }
});
