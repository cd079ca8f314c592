/**
 * health and status against servers of several kinds: ours, and such as hold one of its ports.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CommandFolder } from "../support/denkeeper_command.ts";
import { freePort } from "../support/free_port.ts";
import { InProcessServer } from "../support/in_process_server.ts";

/** Answers each connection with a text, as far as it asks for anything. */
function answering(port: number, answer: (request: string) => string): Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const serving = (async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(4096);
      const count = await conn.read(buffer) ?? 0;
      const text = answer(new TextDecoder().decode(buffer.subarray(0, count)));
      await conn.write(new TextEncoder().encode(text));
      conn.close();
    }
  })();
  serving.catch(() => {});
  return listener;
}

const httpAnswer = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nserver: x\r\n\r\n${body}`;

Deno.test("health asks the HTTP port and the client port, as the settings or the command line name them", async () => {
  await using folder = new CommandFolder();
  await using server = await InProcessServer.start({ http: true });
  const { clientPort } = server;
  const httpPort = Number(new URL(server.httpUrl).port);
  const config = (name: string, client: number, http: number | null) =>
    folder.write(
      name,
      `dataDir=${folder.path}/d\nclientPort=${client}\nclientPortAddress=127.0.0.1\n` +
        (http === null ? "admin.enableServer=false\n" : `admin.serverPort=${http}\n`),
    );
  const closed = freePort();
  const foreign = freePort();
  using _foreign = answering(foreign, () => httpAnswer("200 OK", '{"hello": "world"}'));
  const good = config("good.cfg", clientPort, httpPort);
  const cases: [args: string[], code: number, line: RegExp][] = [
    [[good], 0, /^ok: serving: it stands alone and answers clients; /],
    [[good, "--live"], 0, /^ok: event-loop: /],
    [[good, "--startup"], 0, /^ok: loaded: /],
    [[good, "--json"], 0, /^\{"question":"ready","ok":true,"reason":"serving: /],
    [["--url", `http://127.0.0.1:${httpPort}`], 0, /^ok: serving: /],
    [["--server", `127.0.0.1:${clientPort}`], 0, /^ok: 127\.0\.0\.1:\d+ serves, mode standalone$/],
    [["--server", `localhost:${clientPort}`], 0, /^ok: localhost:\d+ serves/],
    [[config("off.cfg", clientPort, null)], 0, /^ok: 127\.0\.0\.1:\d+ serves, mode standalone$/],
    [[config("foreign.cfg", clientPort, foreign)], 0, /^ok: .* serves, mode standalone$/],
    // another server got the HTTP port of one that is down
    [[config("down.cfg", closed, httpPort)], 1, /^not ready: Cannot connect to .* nobody listens/],
    [[config("both.cfg", closed, null), "--live"], 1, /^not live: Cannot connect to /],
    [
      ["--url", `http://127.0.0.1:${closed}`],
      1,
      /^not ready: http:.* does not answer as a server's/,
    ],
    [["--url", `http://127.0.0.1:${clientPort}`], 1, /^not ready: http:.* does not answer as/],
    [["--server", `127.0.0.1:${closed}`, "--startup"], 1, /^not started: Cannot connect to /],
    [["--server", "nosuch.invalid:1"], 1, /^not ready: Cannot connect to nosuch\.invalid:1: /],
  ];
  for (const [args, code, line] of cases) {
    const result = await folder.run("health", ...args);
    assert.equal(result.code, code, `${args}: ${result.stdout}${result.stderr}`);
    assert.match(result.stdout.trimEnd(), line);
    assert.equal(result.stdout.indexOf("\n"), result.stdout.length - 1, "one line");
  }
  for (
    const args of [["--url", "ftp://x"], ["--server", "x"], ["--live", "--ready"], ["none.cfg"]]
  ) {
    assert.equal((await folder.run("health", ...args)).code, 2, args.join(" "));
  }
});

Deno.test("health and status understand what is not in a quorum, and what does not answer srvr", async () => {
  await using folder = new CommandFolder();
  const [client, http] = [freePort(), freePort()];
  const config = folder.write(
    "zoo.cfg",
    `dataDir=${folder.path}/d\nclientPort=${client}\nclientPortAddress=127.0.0.1\nadmin.serverPort=${http}\n`,
  );
  let [word, page] = ["", ""];
  using _client = answering(client, (request) => request === "srvr" ? word : "?");
  using _http = answering(
    http,
    (request) => /^GET \/commands\/srvr /.test(request) ? page : httpAnswer("404 No", ""),
  );
  const told = async (command: string, ...args: string[]) => {
    const { code, stdout } = await folder.run(command, ...args, config);
    return [code, stdout.trimEnd().split("\n").at(-1)];
  };

  word = "This ZooKeeper instance is not currently serving requests\n";
  assert.deepEqual(await told("status"), [1, "The server runs, and serves no clients."]);
  assert.equal((await told("health"))[0], 1);
  assert.equal((await told("health", "--startup"))[0], 1);
  assert.deepEqual(await told("health", "--live"), [0, `ok: 127.0.0.1:${client} answers`]);

  word = "Zookeeper version: 3\nMode: read-only\nNode count: 1\n";
  assert.deepEqual(await told("status"), [0, "Mode: read-only"]);
  assert.equal((await told("health"))[0], 1);
  assert.equal((await told("health", "--startup"))[0], 0);

  word = "srvr is not executed because it is not in the whitelist.\n";
  assert.deepEqual(await told("status"), [1, "Somebody answers, and does not tell a mode."]);
  assert.match((await folder.run("status", config)).stderr, /add it to .*4lw\.commands\.whitelist/);
  page = httpAnswer("200 OK", '{"server_stats": {"server_state": "follower"}}');
  assert.deepEqual(await told("status"), [0, "Mode: follower"]);
  assert.deepEqual(await told("health"), [0, `ok: 127.0.0.1:${client} serves, mode follower`]);
});
