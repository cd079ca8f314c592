/**
 * How servers of an ensemble are told apart, and what each of them is doing.
 *
 * @module
 */

/** The number of a server: N of `server.N`, and what its `myid` holds. */
export type ServerId = number;

/** Spelled as in ZooKeeper's logs; on the wire the states are 0 to 3 in this order. */
export type ServerState = "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING";
