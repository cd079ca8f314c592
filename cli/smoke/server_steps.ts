/**
 * Steps of `smoke` that try servers as such: that all show what was written at one, and tell their state.
 *
 * @module
 */
import { serverText } from "../../net/client/connect_string.ts";
import { ErrorCode } from "../../core/errors.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import { askWord } from "../../net/server_questions.ts";
import { bytes, expect, expectEqual, Skip, type SmokeStep, text } from "./smoke_step.ts";

export const SERVER_STEPS: readonly SmokeStep[] = [
  {
    name: "read at every server what was written at one",
    async run({ servers, base, open }) {
      if (servers.length === 1) throw new Skip("the connect string names one server");
      for (const writer of servers) {
        const name = serverText(writer);
        const path = `${base}/at-${name.replace(/[^\w.-]/g, "_")}`;
        const client = await open(writer);
        await client.create(path, bytes(name));
        for (const reader of servers) {
          const other = await open(reader);
          await other.sync(path);
          const { data } = await other.get(path);
          expectEqual(text(data), name, `what ${serverText(reader)} shows of ${name}`);
          await other.close();
        }
        await client.close();
      }
    },
  },
  {
    name: "read the configuration of the ensemble",
    async run({ client }) {
      try {
        const { data } = await client.getConfig();
        if (data === null || data.length === 0) throw new Skip("the server stands alone");
        expect(/version=[0-9a-f]+/.test(text(data)!), "there is no version in it");
      } catch (error) {
        if (!(error instanceof KeeperError) || error.code !== ErrorCode.NoNode) throw error;
        throw new Skip("there is none: a server before 3.5, or a connect string with a chroot");
      }
    },
  },
  ...["srvr", "ruok", "mntr", "conf"].map((word): SmokeStep => ({
    name: `answer the word ${word}`,
    async run({ servers, timeoutMs }) {
      for (const server of servers) {
        const answer = await askWord({ host: server.hostname, port: server.port }, {
          word,
          timeoutMs,
        });
        const name = serverText(server);
        if (answer.includes("is not in the whitelist")) {
          throw new Skip(`4lw.commands.whitelist of ${name} does not have it`);
        }
        const expected = { srvr: "Mode: ", ruok: "imok", mntr: "zk_version", conf: "tickTime=" };
        const part = expected[word as keyof typeof expected];
        expect(answer.includes(part), `${name} says "${answer.slice(0, 80).trim()}"`);
      }
    },
  })),
];
