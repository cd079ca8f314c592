/**
 * What stands behind `denkeeper cli`: options as zkCli.sh takes them, some of ours, and a command or none.
 *
 * The first word that does not begin with a dash begins the command, and all behind it are its own. As in zkCli.sh, an
 * option of one dash that does not exist is passed over.
 *
 * @module
 */

export interface Invocation {
  readonly connectString: string;
  /** As given: what is no number is refused once it is known where we would have connected. */
  readonly timeout: string;
  readonly canBeReadOnly: boolean;
  readonly waitsForConnection: boolean;
  /** A file of properties. */
  readonly clientConfiguration: string | null;
  readonly isJson: boolean;
  readonly wantsHelp: boolean;
  /** Null: lines follow on stdin. */
  readonly command: readonly string[] | null;
  /** Lines for stderr. */
  readonly complaints: readonly string[];
}

/** Options with a value, which may be written with two dashes, too. */
const VALUES = { server: "connectString", timeout: "timeout" } as const;
const CONFIGURATION = "client-configuration";

export function parseInvocation(args: readonly string[]): Invocation {
  const invocation = {
    connectString: "localhost:2181",
    timeout: "30000",
    canBeReadOnly: false,
    waitsForConnection: false,
    clientConfiguration: null as string | null,
    isJson: false,
    wantsHelp: false,
    command: null as readonly string[] | null,
    complaints: [] as string[],
  };
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) {
      invocation.command = [word, ...words];
      break;
    }
    const [, name = "", given] = /^--?([^=]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (name === "server" || name === "timeout" || name === CONFIGURATION) {
      const value = given ?? words.shift();
      if (value === undefined) {
        invocation.complaints.push(`Error: no argument found for option ${word}`);
      } else if (name === CONFIGURATION) invocation.clientConfiguration = value;
      else invocation[VALUES[name]] = value;
    } else if (name === "r") invocation.canBeReadOnly = true;
    else if (name === "waitforconnection") invocation.waitsForConnection = true;
    else if (word === "--json") invocation.isJson = true;
    else if (word === "-h" || name === "help") invocation.wantsHelp = true;
    else if (word.startsWith("--")) {
      invocation.complaints.push(`There is no option "${word}": it is passed over (see --help)`);
    }
  }
  const options = ownOptions(invocation.command ?? []);
  invocation.isJson ||= options.includes("--json");
  return invocation;
}

/** The words of a command that may be options: those before `--`. */
export function ownOptions(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end === -1 ? words : words.slice(0, end);
}
