/**
 * Locks and elections over HTTP together with those of kazoo and of Curator: one queue, one order, one holder.
 *
 * kazoo and Curator do not heed each other: each meets HTTP by itself.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { InteractiveProcess } from "../support/interactive_process.ts";
import { callApi, type JsonReply } from "../support/json_api.ts";
import { type PrerequisiteName, PYTHON, testWith } from "../support/prerequisites.ts";
import { ServerProcess } from "../support/server_process.ts";

const LOCK = "/locks/of/all";
const ELECTION = "/elections/of/all";
const COUNTER = "/counter";
/** Far longer than anything takes. */
const LONG = "2m";
const ROUND_COUNT = 10;

const DIR = new URL("locks/", import.meta.url).pathname;
const JAVA_CLASS_PATH = [
  ...["curator-recipes", "curator-framework", "curator-client", "guava"],
  ...["zookeeper", "slf4j-api", "slf4j-nop"],
].map((name) => `/usr/share/java/${name}.jar`).join(":");
const JAVA_FLAGS = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

interface Recipe {
  readonly name: string;
  readonly needs: readonly PrerequisiteName[];
  /** @param address of the client port */
  readonly command: (address: string) => string[];
}

const KAZOO: Recipe = {
  name: "kazoo's Lock",
  needs: ["kazoo"],
  command: (
    address,
  ) => [PYTHON, "-B", "-W", "ignore", `${DIR}contender.py`, address, LOCK, COUNTER],
};
const CURATOR: Recipe = {
  name: "Curator's InterProcessMutex",
  needs: ["javaCompiler", "javaServer", "curatorClient", "curatorFramework", "curatorRecipes"],
  command: (address) => [
    ...["/usr/bin/java", ...JAVA_FLAGS, "-cp", JAVA_CLASS_PATH, `${DIR}Contender.java`],
    ...[address, LOCK, COUNTER, ELECTION],
  ],
};

/** Contenders of another kind, in one process. */
class Contenders implements AsyncDisposable {
  readonly #process: InteractiveProcess;

  private constructor(process: InteractiveProcess) {
    this.#process = process;
  }

  static async start({ command }: Recipe, address: string): Promise<Contenders> {
    const process = new InteractiveProcess(command(address));
    try {
      await process.waitFor(/^all connected$/m);
      return new Contenders(process);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Tells a contender what to do. @returns what became of it */
  async tell(name: string, what: string, words = ""): Promise<string> {
    const from = this.#process.output.length;
    await this.#process.send(`${what} ${name} ${words}`.trim());
    return await this.result(name, from);
  }

  /** The next that is said of a contender, which was not said before `from`. */
  async result(name: string, from: number): Promise<string> {
    const line = new RegExp(`^${name} (.*)\n`, "m");
    await this.#process.waitFor(line, from);
    return line.exec(this.#process.output.slice(from))![1]!;
  }

  async said(pattern: RegExp): Promise<void> {
    await this.#process.waitFor(pattern);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** One that contends over HTTP, with a session of its own. */
class HttpContender {
  readonly #url: string;
  readonly session: string;

  private constructor(url: string, session: string) {
    this.#url = url;
    this.session = session;
  }

  static async start({ httpUrl }: ServerProcess): Promise<HttpContender> {
    const { body } = await callApi(httpUrl, "POST", "/sessions", { body: { ttl: "30s" } });
    return new HttpContender(httpUrl, body.token);
  }

  ask(method: string, path: string, body?: unknown): Promise<JsonReply> {
    return callApi(this.#url, method, path, { session: this.session, body });
  }
}

/** How many wait for the lock. */
async function queued({ httpUrl }: ServerProcess, count: number): Promise<void> {
  await eventually(
    `${count} wait`,
    async () => (await callApi(httpUrl, "GET", `/locks${LOCK}`)).body.waitingCount === count,
  );
}

function start(): Promise<ServerProcess> {
  const config = { tickTime: 500, maxSessionTimeout: 60_000 };
  return ServerProcess.start("denkeeper", { http: true, config });
}

for (const recipe of [KAZOO, CURATOR]) {
  testWith(recipe.needs, `POST /locks and ${recipe.name} hold one lock in one order`, async () => {
    await using server = await start();
    await using others = await Contenders.start(recipe, `127.0.0.1:${server.clientPort}`);
    const [x, y] = [await HttpContender.start(server), await HttpContender.start(server)];

    assert.equal(await others.tell("a", "acquire"), "held");
    const refused = await x.ask("POST", `/locks${LOCK}`);
    assert.equal(refused.status, 409);
    assert.match(refused.body.holder.node, /^\/locks\/of\/all\/.*lock/);

    const xHolds = x.ask("POST", `/locks${LOCK}`, { wait: LONG });
    await queued(server, 1);
    const bHolds = others.tell("b", "acquire");
    await queued(server, 2);
    const yHolds = y.ask("POST", `/locks${LOCK}`, { wait: LONG });
    await queued(server, 3);

    assert.equal(await others.tell("a", "release"), "released");
    const tokens = [(await xHolds).body.fencingToken];
    await queued(server, 2);
    assert.equal(await others.tell("a", "attempt"), "refused");
    assert.equal((await x.ask("DELETE", `/locks${LOCK}`)).status, 204);
    assert.equal(await bHolds, "held");
    await queued(server, 1);
    assert.equal((await x.ask("POST", `/locks${LOCK}`)).status, 409);
    assert.equal(await others.tell("b", "release"), "released");
    tokens.push((await yHolds).body.fencingToken);
    assert(Number(tokens[1]) > Number(tokens[0]), "fencing tokens grow");
    await queued(server, 0);

    // sessions that end take their locks along
    const aHolds = others.tell("a", "acquire");
    await queued(server, 1);
    assert.equal((await y.ask("DELETE", "/sessions/current")).status, 204);
    assert.equal(await aHolds, "held");
    const last = x.ask("POST", `/locks${LOCK}`, { wait: LONG });
    await queued(server, 1);
    await others[Symbol.asyncDispose](); // killed: the session expires
    assert.equal((await last).body.held, true);
  });

  testWith(recipe.needs, `POST /locks and ${recipe.name} exclude each other`, async () => {
    await using server = await start();
    await using others = await Contenders.start(recipe, `127.0.0.1:${server.clientPort}`);
    const counter = `${server.httpUrl}/api/v1/data${COUNTER}`;
    await (await fetch(counter, { method: "PUT", body: "0" })).body?.cancel();
    const names = ["a", "b", "c"];
    const counting = names.map((name) => others.tell(name, "count", String(ROUND_COUNT)));
    const own = names.map(async () => {
      const client = await HttpContender.start(server);
      for (let i = 0; i < ROUND_COUNT; i++) {
        const { body } = await client.ask("POST", `/locks${LOCK}`, { wait: LONG });
        assert.equal(body.held, true);
        const value = Number(await (await fetch(counter)).text());
        const put = await fetch(counter, { method: "PUT", body: String(value + 1) });
        await put.body?.cancel();
        assert.equal((await client.ask("DELETE", `/locks${LOCK}`)).status, 204);
      }
    });
    await Promise.all(own);
    assert.deepEqual(await Promise.all(counting), ["counted", "counted", "counted"]);
    assert.equal(await (await fetch(counter)).text(), String(2 * names.length * ROUND_COUNT));
  });
}

testWith(CURATOR.needs, "POST /elections and Curator's LeaderLatch elect one leader", async () => {
  await using server = await start();
  await using others = await Contenders.start(CURATOR, `127.0.0.1:${server.clientPort}`);
  const x = await HttpContender.start(server);
  const first = await x.ask("POST", `/elections${ELECTION}`, { data: "x" });
  assert.equal(first.body.leader, true);

  assert.equal(await others.tell("l", "stand"), "stands");
  const candidates = async () => {
    const { body } = await x.ask("GET", `/elections${ELECTION}`);
    return body.candidates.map((entry: { data: { data: string } }) => entry.data.data);
  };
  await eventually("both are candidates", async () => (await candidates()).length === 2);
  assert.deepEqual(await candidates(), ["x", "l"], "data is the participant's id");
  assert.equal((await x.ask("DELETE", `/elections${ELECTION}`)).status, 204);
  await others.said(/^l leads$/m);
  assert.deepEqual(await candidates(), ["l"]);

  const waiting = x.ask("POST", `/elections${ELECTION}`, { data: "x", wait: LONG });
  await eventually("both are candidates again", async () => (await candidates()).length === 2);
  await others.tell("l", "resign");
  const { body } = await waiting;
  assert.equal(body.leader, true);
  assert(Number(body.fencingToken) > Number(first.body.fencingToken), "fencing tokens grow");
});
