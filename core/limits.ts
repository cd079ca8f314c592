/**
 * Bounds of queues and buffers that no configuration key sets, each with what happens at it.
 *
 * @module
 */

/** Replies waiting for one socket, in bytes: no more of its requests are handled until they left. */
export const OUTPUT_BYTES_PAUSE = 1 << 20;

/**
 * Events waiting for one socket, in bytes: the connection is closed, since a client that does not read
 * would otherwise hold ever more memory. Its session lives until it times out.
 */
export const OUTPUT_BYTES_MAX = 16 << 20;

/** Reads of one connection waiting behind its own write: no more of its requests are handled. */
export const DEFERRED_READ_COUNT_MAX = 128;

/** The same in bytes of requests. */
export const DEFERRED_READ_BYTES_PAUSE = 1 << 20;

/**
 * Bytes of one multiRead's reply: refused with MarshallingError. A request of a megabyte can ask for
 * one large znode tens of thousands of times.
 */
export const MULTI_READ_BYTES_MAX = 16 << 20;

/**
 * Replies to reads that waited together behind a write, in bytes: the connection is closed, since they
 * are all answered at the moment when the write is durable.
 */
export const DEFERRED_REPLY_BYTES_MAX = 256 << 20;

/** Identities of one connection: a further auth packet is refused with AuthFailed. */
export const IDENTITY_COUNT_MAX = 1000;

/** Entries of one ACL after `auth` was replaced by a connection's ids: refused with InvalidAcl. */
export const ACL_ENTRY_COUNT_MAX = 10000;

/** Log bytes written and not yet durable: no connection with a request under way is read. */
export const LOG_BATCH_BYTES_PAUSE = 8 << 20;
