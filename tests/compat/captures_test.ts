/**
 * Client sessions recorded from a Java 3.8.0 server, sent to our server again: the same answers. Needs
 * no Java: the captures hold what it said.
 *
 * @module
 */
import assert from "node:assert/strict";
import { JuteDecoder } from "../support/jute.ts";
import { decodeConnectResponse, RawClient } from "../support/raw_client.ts";
import { ServerProcess } from "../support/server_process.ts";
import { SUPER_PROPERTIES } from "../support/tree_dump.ts";
import { compareTranscripts } from "./raw/comparison.ts";
import type { Difference } from "./raw/conversation.ts";
import { connectResponseText, Normalizer, replyText } from "./raw/frame_text.ts";

interface Message {
  readonly seq: number;
  readonly conn: number;
  readonly from: "client" | "server";
  readonly name: string;
  /** The whole frame with its length; empty for TCP-CLOSE. */
  readonly hex: string;
}

/** The captures were made one after the other on one server: zxids go on from file to file. */
const FILES = ["library-session.json", "raw-opcodes.json"];

const STAT_OF_M2 = "stat[c=30 m=30 p=30 ctime=now mtime=now v=0 cv=0 av=0 owner=0 len=0 kids=0]";

const differences: readonly Difference[] = [{
  java: "xid=15 zxid=28 err=-5",
  denkeeper: "xid=15 zxid=28 err=0",
  why: "since 3.9 checkWatches knows the persistent watches by a type of their own",
}, {
  java: /^xid=30 .*\[1\/0\/0 path="\/m2"; 15/,
  denkeeper: new RegExp(`^xid=30 .*\\[15/0/0 path="/m2" ${STAT_OF_M2.replace(/[[\]]/g, "\\$&")}`),
  why: "since 3.9.0 create2 keeps its type in the result of a multi",
}];

Deno.test("captures of client sessions are answered as they were by Java 3.8.0", async () => {
  await using server = await ServerProcess.start("denkeeper", {
    config: { tickTime: 2000, extendedTypesEnabled: true },
    properties: SUPER_PROPERTIES,
  });
  const replay = new Replay(server.clientPort);
  for (const file of FILES) {
    const url = new URL(`../testdata/client-captures/${file}`, import.meta.url);
    const { messages } = JSON.parse(await Deno.readTextFile(url)) as { messages: Message[] };
    await replay.run(messages);
  }
  const comparison = compareTranscripts(replay.recorded, replay.received, differences);
  assert.equal(comparison.differences.join("\n"), "");
  assert.deepEqual(comparison.unused, []);
});

/** Sends what the client said, at the point of the conversation where it said it. */
class Replay {
  readonly recorded: string[] = [];
  readonly received: string[] = [];
  readonly #port: number;
  readonly #theirs = new Normalizer({ areTimesShown: false });
  readonly #ours = new Normalizer({ areTimesShown: false });
  /** Recorded sessions and what took their place. */
  readonly #sessions = new Map<bigint, { sessionId: bigint; password: Uint8Array }>();

  constructor(port: number) {
    this.#port = port;
  }

  async run(messages: readonly Message[]): Promise<void> {
    const clients = new Map<number, RawClient>();
    const types = new Map<number, number>();
    for (const { seq, conn, from, name, hex } of messages) {
      if (name === "TCP-CLOSE") {
        await this.#close(seq, from, clients.get(conn)!);
        continue;
      }
      const payload = Uint8Array.fromHex(hex).subarray(4);
      if (name === "ConnectRequest") {
        const client = await RawClient.open(this.#port);
        clients.set(conn, client);
        await client.sendFrame(this.#withOurSession(payload));
      } else if (from === "client") {
        const decoder = new JuteDecoder(payload);
        types.set(decoder.int(), decoder.int());
        this.#record(`${conn} > ${name} ${hex}`, `${conn} > ${name} ${hex}`);
        await clients.get(conn)!.sendFrame(payload);
      } else {
        const own = await clients.get(conn)!.receiveFrame();
        const typeOf = (xid: number) => types.get(xid);
        const read = name === "ConnectResponse"
          ? (bytes: Uint8Array, normal: Normalizer) =>
            connectResponseText(decodeConnectResponse(bytes), bytes.length, normal)
          : (bytes: Uint8Array, normal: Normalizer) => replyText(bytes, typeOf, normal);
        if (name === "ConnectResponse" && typeof own !== "string") {
          this.#sessions.set(
            decodeConnectResponse(payload).sessionId,
            decodeConnectResponse(own),
          );
        }
        this.#record(
          `${conn} < ${read(payload, this.#theirs)}`,
          `${conn} < ${typeof own === "string" ? own : read(own, this.#ours)}`,
        );
      }
    }
    for (const client of clients.values()) client.close();
  }

  async #close(seq: number, from: "client" | "server", client: RawClient): Promise<void> {
    if (from === "client") return client.close();
    const own = await client.receiveFrame();
    this.#record(`${seq} < closed`, `${seq} < ${typeof own === "string" ? own : "a frame"}`);
  }

  /** The connect request of a recorded session names ours instead. */
  #withOurSession(payload: Uint8Array): Uint8Array {
    const request = payload.slice();
    const view = new DataView(request.buffer);
    const session = this.#sessions.get(view.getBigInt64(16));
    if (session !== undefined && session.sessionId !== 0n) {
      view.setBigInt64(16, session.sessionId);
      request.set(session.password, 28);
    }
    return request;
  }

  #record(recorded: string, received: string): void {
    this.recorded.push(recorded);
    this.received.push(received);
  }
}
