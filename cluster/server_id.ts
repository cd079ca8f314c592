/**
 * Who a server is, and what it is doing: the words every part of the ensemble speaks in.
 *
 * @module
 */

/** The number in `myid` and in `server.N`. */
export type ServerId = number;

export type ServerState = "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING";

/** By their number on the wire. */
export const SERVER_STATES: readonly ServerState[] = [
  "LOOKING",
  "FOLLOWING",
  "LEADING",
  "OBSERVING",
];

/** What a vote proposes who cannot propose itself (Java's Long.MIN_VALUE); exact as a number. */
export const NO_SERVER_ID: ServerId = -(2 ** 63);
