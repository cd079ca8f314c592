/**
 * How each fix for a bug of ZooKeeper's history is taken out, and which test then fails.
 *
 * `deno task regressions` applies them one at a time, to a copy of the project; a test that runs always
 * only looks whether the places are still there.
 *
 * @module
 */

export interface Mutation {
  /** Numbers of ZooKeeper's issue tracker. */
  readonly jira: string;
  /** What the change brings back, for the table that is printed. */
  readonly brings: string;
  /** From the project's folder on, as all paths here. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly test: string;
  /** Part of the name of the tests that must fail; all others are left out. */
  readonly filter: string;
}

const LEARNER = "cluster/learner.ts";
const LEARNER_BUGS = "tests/regressions/learner_bugs_test.ts";
const LEADER_BUGS = "tests/regressions/leader_bugs_test.ts";
const DISK_BUGS = "tests/regressions/disk_bugs_test.ts";

export const MUTATIONS: readonly Mutation[] = [
  {
    jira: "1277",
    brings: "a counter that runs into the epoch",
    file: "cluster/broadcast.ts",
    find:
      "if (epochOf(lastZxid) !== epochOf(this.#start) || counterOf(lastZxid) > this.#counterMax) {",
    replace: "if (lastZxid < this.#start) {",
    test: "tests/cluster/leader_test.ts",
    filter: "ZOOKEEPER-1277",
  },
  {
    jira: "1549",
    brings: "a snapshot with uncommitted txns that survives TRUNC",
    file: "net/truncation.ts",
    find:
      "  for (const { name } of reachingPast) fileSystem.remove(`${dirs.snapshotDir}/${name}`);\n",
    replace: "",
    test: DISK_BUGS,
    filter: "ZOOKEEPER-1549",
  },
  {
    jira: "1549",
    brings: "such a snapshot, behind the SNAP that came in place of TRUNC",
    file: "net/member_storage.ts",
    find: "      removeReplacedFiles({ keep: name, recovery });\n",
    replace: "      void name, recovery, removeReplacedFiles;\n",
    test: DISK_BUGS,
    filter: "ZOOKEEPER-1549",
  },
  {
    jira: "1732, 1805, 1818",
    brings: "votes of an established ensemble that are never equal",
    file: "cluster/vote.ts",
    find: 'if (a.state === "LOOKING" || b.state === "LOOKING") {',
    replace: "if (a.version === b.version) {",
    test: "tests/cluster/election_test.ts",
    filter: "Election joins an established ensemble",
  },
  {
    jira: "1783",
    brings: "a first configuration without a version",
    file: "cluster/leader.ts",
    find:
      "      membership.see(committed.withVersion(makeZxid(this.epoch, 0))); // ZOOKEEPER-1783\n",
    replace: "",
    test: LEADER_BUGS,
    filter: "ZOOKEEPER-1783",
  },
  {
    jira: "2307",
    brings: "an epoch in memory whose file could not be written",
    file: "net/epoch_files.ts",
    find: "    this.#replace(CURRENT, epoch);\n    this.#currentEpoch = epoch;\n",
    replace: "    this.#currentEpoch = epoch;\n    this.#replace(CURRENT, epoch);\n",
    test: "tests/net/epoch_files_test.ts",
    filter: "ZOOKEEPER-2307",
  },
  {
    jira: "2355",
    brings: "a lastProcessedZxid ahead of a tree that is still being received",
    file: "cluster/incoming_tree.ts",
    find: "    if (bytes.length === 0 || !this.#loader.push(bytes)) return false;\n",
    replace: "    const isDone = bytes.length > 0 && this.#loader.push(bytes);\n" +
      "    this.#member.history.applier.tree.finishLoad(this.zxid);\n" +
      "    if (!isDone) return false;\n",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-2355",
  },
  {
    jira: "2418",
    brings: "a DIFF with a hole between the log and what is in memory",
    file: "cluster/learner_sync.ts",
    find: "if (!found.isWhole || found.last < min) return",
    replace: "if (!found.isWhole) return",
    test: "tests/cluster/learner_sync_test.ts",
    filter: "chooseSync() follows the table",
  },
  {
    jira: "2845",
    brings: "a vote for txns that the tree does not have",
    file: "cluster/peer.ts",
    find: "      learner.applyAll();\n",
    replace: "",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-2845",
  },
  {
    jira: "2872",
    brings: "a log that goes on behind a SNAP without its snapshot",
    file: LEARNER,
    find: "    if (!this.needsReload) this.#beginLogging();\n",
    replace: "    this.#beginLogging();\n",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-2872",
  },
  {
    jira: "2872",
    brings: "the same, as a crash finds it",
    file: LEARNER,
    find: "    if (!this.needsReload) this.#beginLogging();\n",
    replace: "    this.#beginLogging();\n",
    test: DISK_BUGS,
    filter: "ZOOKEEPER-2872",
  },
  {
    jira: "2959",
    brings: "observers that count for a quorum",
    file: "cluster/quorum_config.ts",
    find: "for (const voter of this.voters) if (servers.has(voter)) count += 1;",
    replace: "count = servers.size;",
    test: LEADER_BUGS,
    filter: "ZOOKEEPER-2959",
  },
  {
    jira: "3104",
    brings: "NEWLEADER before what was committed while a SNAP was sent",
    file: "cluster/learner_handler.ts",
    find: "      this.#endStreams();\n    }\n    if (this.#log !== null) {\n",
    replace: "      this.#endStreams();\n" +
      "      const epochZxid = lastCommitted - counterOf(lastCommitted);\n" +
      "      writeBarePacket(writer, PacketType.NewLeader, epochZxid);\n" +
      "    }\n    if (this.#log !== null) {\n",
    test: LEADER_BUGS,
    filter: "ZOOKEEPER-3104",
  },
  ...[LEARNER_BUGS, DISK_BUGS].map((test) => ({
    jira: "3642, 4225",
    brings: "a DIFF on top of half a SNAP, and a vote with it",
    file: LEARNER,
    find:
      "        this.needsReload = true; // until it is complete and on our disk (ZOOKEEPER-3642)\n",
    replace: "",
    test,
    filter: "ZOOKEEPER-3642",
  })),
  {
    jira: "3701",
    brings: "a truncation whose failure nobody looks at",
    file: LEARNER,
    find: "if (!isTruncated || history.lastLoggedZxid !== zxid) {",
    replace: "if (isTruncated && history.lastLoggedZxid !== zxid) {",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-3701",
  },
  {
    jira: "3769",
    brings: "a notification that kills who receives it",
    file: "cluster/notification.ts",
    find: "if (configLength < 0 || configLength > size - HEAD_BYTES) {",
    replace: "if (configLength < 0) {",
    test: "tests/cluster/notification_test.ts",
    filter: "ZOOKEEPER-3769",
  },
  {
    jira: "3829, 2819",
    brings: "a stale configuration of others, with reconfig disabled",
    file: "cluster/election.ts",
    find:
      "if (configText === null || this.#round === null || !this.#options.reconfigEnabled) return [];",
    replace: "if (configText === null || this.#round === null) return [];",
    test: "tests/cluster/election_test.ts",
    filter: "only with reconfig enabled",
  },
  {
    jira: "3911",
    brings: "a NEWLEADER that is acknowledged before the DIFF is logged",
    file: LEARNER,
    find: '    this.#flushLog();\n    this.#writeEpoch();\n    this.#stage = "newLeader";\n',
    replace: '    this.#writeEpoch();\n    this.#stage = "newLeader";\n',
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-3911",
  },
  {
    jira: "4269",
    brings: "a start that fails at what a crash left of an epoch file",
    file: "net/epoch_files.ts",
    find: "names.has(CURRENT + UNFINISHED_SUFFIX) ? this.#readUnfinished() : null;",
    replace:
      "names.has(CURRENT + UNFINISHED_SUFFIX) ? this.#read(CURRENT + UNFINISHED_SUFFIX) : null;",
    test: "tests/net/epoch_files_test.ts",
    filter: "EpochFiles starts with what is on disk",
  },
  {
    jira: "4394",
    brings: "a COMMIT between NEWLEADER and UPTODATE that finds nothing",
    file: LEARNER,
    find: "      case PacketType.Commit:\n",
    replace: '      case PacketType.Commit:\n        if (this.#stage === "newLeader") return;\n',
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4394",
  },
  ...[LEARNER_BUGS, DISK_BUGS].map((test) => ({
    jira: "4643, 4785",
    brings: "a currentEpoch that is durable before the DIFF is",
    file: LEARNER,
    find: "    if (this.#syncType === PacketType.Snap) this.#writeEpoch();\n",
    replace: "    this.#writeEpoch();\n",
    test,
    filter: "ZOOKEEPER-4785",
  })),
  {
    jira: "4646",
    brings: "a NEWLEADER that is acknowledged before the DIFF is durable",
    file: "net/log_pump.ts",
    find: "      this.log.flush();\n",
    replace: "",
    test: DISK_BUGS,
    filter: "ZOOKEEPER-4646",
  },
  {
    jira: "4685",
    brings: "an ACK of a proposal that overtakes that of NEWLEADER",
    file: LEARNER,
    find:
      'if (this.#stage === "newLeader" || this.#stage === "broadcast") this.#acknowledge(zxid);',
    replace: "this.#ackedZxid = Math.max(this.#ackedZxid, zxid - 1);\n    this.#acknowledge(zxid);",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4685",
  },
  {
    jira: "4685",
    brings: "a leader that is never established by such a follower",
    file: "cluster/leader.ts",
    find: "    learner.earlyAck = Math.max(learner.earlyAck, zxid);\n",
    replace: '    throw new DecodeError("the ACK of NEWLEADER was expected");\n',
    test: LEADER_BUGS,
    filter: "ZOOKEEPER-4685",
  },
  {
    jira: "4712",
    brings: "a role that is over and still the source of the log",
    file: "cluster/peer.ts",
    find: "    storage.setLogSource(null);\n    this.#isDiskBehind",
    replace: "    this.#isDiskBehind",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4712",
  },
  {
    jira: "4712",
    brings: "a role that ends with txns that are not logged yet",
    file: "cluster/peer.ts",
    find: "      storage.flushLog();\n      learner.applyAll();\n",
    replace: "      learner.applyAll();\n",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4712",
  },
  {
    jira: "4712",
    brings: "a role that ends while a sync of its txns is under way",
    file: "net/txn_log_file.ts",
    find:
      "      for (const { file } of this.#inSync) file.sync();\n      if (this.#inSync.length > 0)",
    replace: "      if (this.#inSync.length > 0)",
    test: DISK_BUGS,
    filter: "ZOOKEEPER-4712",
  },
  {
    jira: "4925",
    brings: "txns of a sync that are missing from the list of what is committed",
    file: LEARNER,
    find: "    history.proposals.append(",
    replace: '    if (this.#stage === "broadcast") history.proposals.append(',
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4925: txns applied",
  },
  {
    jira: "4925",
    brings: "proposals with holes between them",
    file: "core/server/forwarded_writes.ts",
    find: "if (!isNext && !(zxid > this.#lastProposed && zxid % TWO_32 === 1)) {",
    replace: "if (!isNext && zxid < 0) {",
    test: LEARNER_BUGS,
    filter: "ZOOKEEPER-4925: a proposal that leaves a hole",
  },
];
