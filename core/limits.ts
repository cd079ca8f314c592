/**
 * Bounds of queues, buffers and caches that no configuration key sets, each with what happens at it.
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

/**
 * Recent proposals kept for learners that catch up, in bytes: the oldest committed ones go, even if fewer
 * than `commitLogCount` remain.
 */
export const PROPOSAL_LOG_BYTES_MAX = 64 << 20;

/** Directives of one DIGEST-MD5 message, in bytes, as RFC 2831 limits it: the exchange fails. */
export const DIRECTIVES_BYTES_MAX = 4096;

/** Addresses and ranges that the ip scheme keeps parsed: the oldest is parsed again when needed. */
export const IP_RANGE_COUNT_MAX = 10_000;

/**
 * Keys of one set of metrics: values of further keys are not kept. Keys come from clients (the first
 * component of a path), so without a bound a client could grow the sets without end.
 */
export const METRIC_SET_KEY_COUNT_MAX = 10_000;

/** Encoded child lists kept, all together in bytes: the oldest ones go. */
export const CHILDREN_CACHE_BYTES_MAX = 8 << 20;

/** Tree digests remembered for the word `hash`: the oldest one goes. */
export const DIGEST_LOG_LENGTH_MAX = 1024;

/** Change records kept for later writes: further ones are left to the garbage collector. */
export const CHANGE_RECORD_POOL_LENGTH_MAX = 8192;

/**
 * One block of a snappy stream, in bytes: a longer one is taken for damage. Other writers' blocks may be
 * larger than ours; this bounds what one damaged length can ask for.
 */
export const SNAPPY_BLOCK_BYTES_MAX = 16 << 20;

/**
 * Election connections of servers that no configuration names, or that have not said who they are: the
 * oldest of them is closed for a new one.
 */
export const STRANGE_ELECTION_LINK_COUNT_MAX = 64;

/**
 * Connections on the quorum port, or to an observer master, that have not said yet who they are: the oldest
 * of them is closed for a new one. Each takes half a megabyte.
 */
export const STRANGE_LEARNER_COUNT_MAX = 256;

/** How long a request over HTTP may wait for a lock or to be elected, in ms: it is refused. */
export const LOCK_WAIT_MS_MAX = 600_000;

/** How long a read over HTTP may wait for a change, in ms: it is refused. */
export const LONG_POLL_WAIT_MS_MAX = 600_000;

/** Reads over HTTP that wait for a change: more are sent away with 429. */
export const LONG_POLL_COUNT_MAX = 10_000;

/** Streams of events over HTTP: more are sent away with 503. */
export const EVENT_STREAM_COUNT_MAX = 10_000;

/** Exports under way, each of which remembers the children that it has not come to yet: more get 429. */
export const TREE_EXPORT_COUNT_MAX = 16;

/** Of all bodies together that are being received over HTTP: more get 429. */
export const RECEIVED_BODY_BYTES_MAX = 128 << 20;

/** Entries of a lock's queue, or of candidates, in one answer over HTTP: the rest is only counted. */
export const QUEUE_LIST_LENGTH_MAX = 1000;

/** Ephemerals of a session in one answer over HTTP: the rest is only counted. */
export const SESSION_EPHEMERAL_LIST_LENGTH_MAX = 1000;

/** Of HTTP responses, what waits for clients to read it: those that have waited for longest are cut off. */
export const UNSENT_RESPONSE_BYTES_MAX = 256 << 20;
