/**
 * A logger that writes nothing: for what a command does with code of the server and tells of in its own words.
 *
 * @module
 */
import type { Logger } from "../core/ports.ts";

export const silentLogger: Logger = {
  isDebug: false,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
