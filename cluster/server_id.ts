/**
 * What names a member of an ensemble, and what it may be doing (quorum protocol section 1).
 *
 * @module
 */

/** The N of `server.N`: the number in the member's myid file. */
export type ServerId = number;

/** On the wire 0, 1, 2, 3 in this order of ZooKeeper's: LOOKING, FOLLOWING, LEADING, OBSERVING. */
export type ServerState = "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING";
