/**
 * Recorded traffic between servers of Apache ZooKeeper 3.8.0.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

export interface CapturedMessage {
  /** File and number, for messages of assertions. */
  readonly where: string;
  readonly seq: number;
  readonly conn: number | string;
  /** `server.<id>`. */
  readonly from: string;
  readonly to: string;
  readonly port: "quorum" | "election" | "client";
  readonly name: string;
  /** The complete bytes; none for TCP-CLOSE. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the bytes mean, in words. */
  // deno-lint-ignore no-explicit-any
  readonly decoded: any;
}

const CAPTURES_DIR = fileURLToPath(new URL("../testdata/quorum-captures/", import.meta.url));

/** All messages of all captures on one port, in the order of the files. */
export function capturedMessages(port: CapturedMessage["port"]): CapturedMessage[] {
  const names = [...Deno.readDirSync(CAPTURES_DIR)].map(({ name }) => name).sort();
  return names.flatMap((name) => captured(name.replace(/\.json$/, "")))
    .filter((message) => message.port === port);
}

/** All messages of `<name>.json`, in order of arrival. */
export function captured(name: string): CapturedMessage[] {
  const { messages } = JSON.parse(Deno.readTextFileSync(`${CAPTURES_DIR}${name}.json`));
  // deno-lint-ignore no-explicit-any
  return messages.map((message: any) => ({
    ...message,
    where: `${name} ${message.seq} ${message.name}`,
    bytes: Uint8Array.fromHex(message.hex ?? ""),
  }));
}
