/**
 * The versions we tell, in one place.
 *
 * @module
 */

/** Our own. */
export const DENKEEPER_VERSION = "0.1.0";

/** The ZooKeeper whose client protocol this is. */
export const ZOOKEEPER_PROTOCOL_VERSION = "3.9.4";

/** Of which commit; `deno task compile` puts it here. */
export const BUILD = "development build";

const BUILT_ON = "2026-11-23 00:00 UTC";

/**
 * After `Zookeeper version: ` in srvr and stat, and the value of zk_version in mntr. Clients look
 * at the three numbers before the first `-`.
 */
export const ZOOKEEPER_VERSION_TEXT =
  `${ZOOKEEPER_PROTOCOL_VERSION}-denkeeper-${DENKEEPER_VERSION}, built on ${BUILT_ON}`;
