/**
 * The commands of `denkeeper cli` that zkCli.sh does not have.
 *
 * What is needed to list and complete them; each is loaded when it runs.
 *
 * @module
 */

import type { ShellCommand, ShellContext } from "./shell_command.ts";

type Run = (context: ShellContext, words: readonly string[]) => Promise<number>;

const COMMON = `
  --json       results as JSON
  --help       this text
What may not be read is named on stderr, and the code is 1 then.`;

export const OUR_COMMANDS: readonly ShellCommand[] = [
  ours({
    name: "apply",
    usage: "-f file [--plan] [--prune] [--atomic] [--detailed-exitcode]",
    summary: "make the znodes what a YAML file says, or tell the plan",
    load: async () => (await import("./ours/apply.ts")).runApply,
    details: `  -f FILE      YAML or JSON; - is stdin
  --plan       only tell: + created, ~ changed, - deleted, ! left
  --prune      delete what is below the file's top paths and not in it; ephemerals stay, and what holds them
  --atomic     refuse what does not fit into one transaction
  --transaction-bytes N   of one transaction, up to jute.maxbuffer of the servers (1000000)
  --detailed-exitcode     2 when there was something to do, 0 when not

The file:
  /app:
    data: some text            # or json: {a: 1}, dataFile: x, dataBase64: AA==
    acl: world:anyone:r        # or a list of such
    children:
      port: 2181               # the same as port: {data: "2181"}
      queue:                   # is there, whatever its data is
      cache: {type: ttl, ttlMs: 60000}
      others: {prune: false}   # --prune leaves what is below it
What a znode does not say is left as it is. Changes go out in one transaction if it is not too large, each only if
the znode is still what the plan saw; ACLs are set behind it, one by one. Done again, it does nothing.

  --json       results as JSON
  --help       this text
Codes: 0 done, 1 failed or refused, 2 not understood (or see --detailed-exitcode).`,
  }),
  ours({
    name: "diff",
    usage: "[-q] [--stat] [-e] [--no-acl] [--no-data] [--depth N] [--auth scheme:auth] left right",
    summary: "what differs between two subtrees, ensembles or exports",
    load: async () => (await import("./ours/diff.ts")).runDiff,
    details: `A side is one of
  /path                  of this ensemble
  host:port,.../path     of another one; zk://host/path, too
  file:name              an export; - is one from stdin

  -q           print nothing, only end with the code
  --stat       print counts only
  -e           ephemerals, too
  --no-acl     leave ACLs out; --no-data: data
  --depth N    so many levels below the tops
  --auth scheme:auth     for other ensembles, may be repeated
  --json       a line of JSON for each difference
  --help       this text

- is only left, + only right, ~ differs in data, acl or type. /zookeeper is left out below /.
Codes: 0 the same, 1 different, 2 failed, or not all of it could be read.
  diff /app host2:2181/app
  diff file:yesterday.ndjson /app`,
  }),
  ours({
    name: "du",
    usage: "[-h] [-s | -d depth] [-n top] [-c] [path...]",
    summary: "bytes of data and number of znodes of each subtree",
    load: async () => (await import("./ours/du.ts")).runDu,
    details: `  -d DEPTH     list subtrees down to so many levels below the path (1)
  -s           only the path itself, as -d 0
  -n TOP       only the largest ones, the largest first; -c: by znodes, not by bytes
  -h           sizes as 1.5K, 23M

Columns: bytes of data, znodes, path.${COMMON}
  du -h -d 2 -n 10 /`,
  }),
  ours({
    name: "export",
    usage: "[-o file] [-e] [--stat] [--depth N] [path]",
    summary: "a subtree as lines of JSON, with data, ACLs and types",
    load: async () => (await import("./ours/export.ts")).runExport,
    details: `  -o FILE      not to stdout; the file gets its name when it is whole
  -e           with ephemerals, which are left out otherwise
  --stat       with the stat of each
  --depth N    so many levels below the path

The same lines as GET /api/v1/tree of Denkeeper's HTTP port, parents first; import and PUT /api/v1/tree take them.
Servers do not tell clients which znodes are containers or have a TTL: those lines have no type, unlike HTTP's. The tree may change meanwhile: each line is a znode as it was at some moment. /zookeeper comes only if it is the path.
${COMMON}
  export /app | gzip > app.ndjson.gz`,
  }),
  ours({
    name: "find",
    usage: "[path...] [-name glob] [-type t] [-size N] [-mtime N] [-empty] [-maxdepth N] ...",
    summary: "paths of the znodes that pass all tests",
    load: async () => (await import("./ours/find.ts")).runFind,
    details: `Tests, of which all must hold; -not or ! turns the next one round:
  -name GLOB   -iname GLOB    the last name: * ? [a-z] [!a-z]
  -path GLOB                  the whole path, * takes slashes, too
  -regex RE    -iregex RE     the whole path; RE as grep takes it
  -type ephemeral|persistent  (containers and TTLs look persistent: servers do not tell)
  -owner 0xSESSION            ephemerals of a session
  -size N[c|k|M]              bytes of data: +N more, -N less
  -children N  -version N     likewise
  -mtime N[s|m|h|d]           changed so long ago: -1h within the last hour, +30d before; -ctime: made
  -newer PATH|0xZXID          changed later than that znode, or that zxid
  -empty                      no data and no children

  -maxdepth N  -mindepth N    levels below the path
  -0           end paths with a NUL, for xargs -0
  -ls          type, bytes, children, time of change, path
  -count       only how many${COMMON}
  find /locks -type ephemeral -owner 0x100000a1b2c0001
  find / -not -path '/zookeeper*' -size +500k`,
  }),
  ours({
    name: "grep",
    usage: "[-i] [-l|-L|-c|-q] [-n] [-v] [-w] [-x] [-F|-E] [-a] [-m N] pattern [path...]",
    summary: "lines of data that match a pattern",
    load: async () => (await import("./ours/grep.ts")).runGrep,
    details: `  -i           whatever the case
  -F           the pattern is plain text; -E: a regular expression, as without
  -w  -x       matches whole words, whole lines
  -v           lines that do not match
  -l  -L       only paths of znodes with, without such lines
  -c           only how many lines of each znode
  -q           print nothing, only end with the code
  -n           with the number of the line
  -m N         at most so many lines of each znode
  -a           show lines of binary data, too
  -e PATTERN   for one that begins with -
  -maxdepth N  levels below the path
  --json       a line of JSON for each match
  --help       this text

Patterns are RE2's: as of grep -E, with \\d \\w \\b and (?i), without back references and look-around.
Codes: 0 found, 1 nothing found, 2 failed, or not all of it could be read.
  grep -il password /app`,
  }),
  ours({
    name: "import",
    usage: "[-f file] [--at path] [--conflict fail|skip|replace] [--parents] [--plan] [--batch N]",
    summary: "make znodes from the lines of an export",
    load: async () => (await import("./ours/import.ts")).runImport,
    details: `  -f FILE      also gzip; without it, or -, stdin
  --at PATH    where the exported znode goes (/)
  --conflict   of a znode that exists: fail stops there, skip leaves it, replace gives it data and ACL of the line if they differ (its type stays)
  --parents    make parents that are missing
  --ephemerals make ephemerals as persistent znodes; they are left out otherwise
  --plan       only tell what would be done; -v: tell what is done
  --batch N    lines of one transaction (200)

Lines are written many at a time, all or none, parents first. When one fails, what was written before stays and the
line is named: --conflict skip goes on from there.
  --json       results as JSON
  --help       this text
  import -f app.ndjson --at /copy --conflict replace --plan`,
  }),
  ours({
    name: "tree",
    usage: "[-L depth] [-s] [-h] [-d] [-f] [path]",
    summary: "draw a subtree",
    load: async () => (await import("./ours/tree.ts")).runTree,
    details: `  -L DEPTH     so many levels below the path
  -s           bytes of data before each name; -h: as 1.5K, 23M
  -d           data behind each name, in short
  -f           whole paths, not names
${COMMON}
  tree -L 2 -s /`,
  }),
  ours({
    name: "watch",
    usage: "[-r] [-d] [-n count] path",
    summary: "print changes as they come",
    load: async () => (await import("./ours/watch.ts")).runWatch,
    details: `  -r           of all below, too
  -d           with the data that was set
  -n COUNT     end after so many events
  --json       a line of JSON for each event
  --help       this text

Without -r: the znode's data, and that its children changed. Takes a server of ZooKeeper 3.6 or later. A lost
connection is told, since what changes meanwhile is not.
Codes: 0 after -n events, 130 by Ctrl-C, 1 the session is over.
  watch -r -d /app`,
  }),
];

function ours(
  { load, ...about }: {
    name: string;
    usage: string;
    summary: string;
    details: string;
    load: () => Promise<Run>;
  },
): ShellCommand {
  return {
    ...about,
    isOurs: true,
    async run(context, words) {
      const optionCount = words.indexOf("--");
      if (words.slice(0, optionCount < 0 ? undefined : optionCount).includes("--help")) {
        const { name, usage, summary, details } = about;
        context.print(`${name} ${usage}\n${summary}\n\n${details}\n`);
        return 0;
      }
      return await (await load())(context, words);
    },
  };
}
