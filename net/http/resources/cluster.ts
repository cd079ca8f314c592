/**
 * The ensemble: who leads, how its members fare, changing the members, and moving the lead.
 *
 * Reading is open to all, as ZooKeeper's commands tell the same to everybody (`/commands/voting_view`, `zabstate`,
 * `leader`). Changing it is for admins; a change of the members is checked against the caller's permissions on
 * `/zookeeper/config` too, as that of any client.
 *
 * @module
 */
import * as z from "zod";
import type { QuorumSize } from "../../../cluster/reconfig_plan.ts";
import { DENKEEPER_VERSION } from "../../../core/version.ts";
import { ErrorCode } from "../../../core/errors.ts";
import { zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { duration } from "../duration.ts";
import type { ReconfigRequest } from "../gateway.ts";
import { Problem, problemOfCode } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import type {
  LeaderStatus,
  LeadTransferOutcome,
  MembershipPlan,
  MemberStatus,
  ServerAdmin,
} from "../server_admin.ts";
import { requireAdmin } from "./admin_access.ts";

const WAIT_MS_DEFAULT = 10_000;
const WAIT_MS_MAX = 60_000;
const LINE_COUNT_MAX = 1000;

const Leader = z.object({
  id: z.int(),
  hosts: z.array(z.string()),
  clientAddress: z.string().nullable().meta({
    description: "where clients connect, if configured",
  }),
});

const Quorum = z.object({
  voters: z.array(z.int()),
  observers: z.array(z.int()),
  needed: z.int().nullable().meta({ description: "voters in a quorum; null where groups count" }),
  failuresTolerated: z.int().nullable(),
  synced: z.array(z.int()).meta({
    description: "voters in sync; of others than the leader: those it has election connections to",
  }),
  hasQuorum: z.boolean(),
}).meta({ id: "Quorum" });

const Member = z.object({
  id: z.int(),
  role: z.enum(["participant", "observer"]),
  self: z.boolean(),
  pending: z.boolean().meta({ description: "of a change of the members that is not committed" }),
  state: z.enum([
    ...["leading", "synced", "synchronizing", "looking", "connected", "absent", "unknown"] as const,
  ]).meta({ description: "as seen from this server; only the leader knows how far others are" }),
  addresses: z.array(z.object({ host: z.string(), quorumPort: z.int(), electionPort: z.int() })),
  clientAddress: z.string().nullable(),
  group: z.int().nullable(),
  weight: z.int(),
  lastZxid: HexText.nullable().meta({ description: "through this it has everything on disk" }),
  lag: z.int().nullable().meta({ description: "transactions that it lacks" }),
  remoteAddress: z.string().nullable().meta({ description: "resolved, of an open connection" }),
  problem: z.string().nullable().meta({ description: "why it cannot be reached" }),
}).meta({ id: "Member" });

const Cluster = z.object({
  id: z.int(),
  role: z.enum(["standalone", "leader", "follower", "observer", "looking"]),
  state: z.string(),
  serving: z.boolean(),
  readOnly: z.boolean(),
  leader: Leader.nullable(),
  epoch: z.int(),
  zxid: HexText,
  writesLeftInEpoch: z.int(),
  configVersion: HexText.nullable(),
  reconfiguring: z.boolean(),
  quorum: Quorum.nullable(),
  members: z.array(Member.pick({ id: true, role: true, state: true })),
  uptimeMs: z.int(),
  version: z.string(),
}).meta({ id: "Cluster" });

const line = z.string().max(1000).regex(
  /^[^,\r\n]+$/,
  "expected one line of a membership, such as server.4=host:2888:3888:participant;2181",
);

const MembersChange = z.strictObject({
  add: z.array(line).max(LINE_COUNT_MAX).optional().meta({
    description: "server lines with client ports: of new members, or of those that change",
  }),
  remove: z.array(z.int().nonnegative()).max(LINE_COUNT_MAX).optional(),
  members: z.array(line).max(LINE_COUNT_MAX).optional().meta({
    description: "all lines of the new membership, in place of `add` and `remove`",
  }),
  configVersion: HexText.optional().meta({
    description: "refused when the members are no longer those of this version",
  }),
}).refine(
  ({ add, remove, members }) =>
    members === undefined
      ? (add?.length ?? 0) + (remove?.length ?? 0) > 0
      : add === undefined && remove === undefined,
  "expected add, remove or both; or members and neither of them",
);

const Plan = z.object({
  allowed: z.boolean(),
  reasons: z.array(z.string()).meta({ description: "why it would be refused" }),
  warnings: z.array(z.string()).meta({
    description: "what may be regretted, and is done all the same",
  }),
  certain: z.boolean().meta({ description: "false: only the leader knows who is in sync" }),
  before: Quorum,
  after: Quorum.nullable(),
  members: z.array(z.string()).nullable().meta({
    description: "lines of the membership afterwards",
  }),
}).meta({ id: "MembersPlan" });

const Transfer = z.strictObject({
  to: z.int().optional().meta({
    description:
      "refused when an election would pick another: the one with the longest history, then the " +
      "greatest id",
  }),
});

const Transferred = z.object({ leader: Leader, epoch: z.int(), changed: z.boolean() });

export function clusterRoutes(admin: ServerAdmin): AnyRoute[] {
  return [
    route({
      method: "GET",
      path: "/api/v1/cluster",
      operationId: "getCluster",
      tag: "cluster",
      summary: "This server, its role and its ensemble",
      description: "Open to all, as what ZooKeeper's commands tell.",
      query: z.strictObject({}),
      body: null,
      responses: { 200: { description: "As this server sees it", body: Cluster } },
      problems: [],
      isWrite: false,
      handle: ({ request, gateway }) => {
        const { serverId, isServing, isReadOnly, isReconfiguring, configVersion, ...rest } = admin
          .cluster();
        const body: z.input<typeof Cluster> = {
          id: serverId,
          role: rest.role,
          state: rest.state,
          serving: isServing,
          readOnly: isReadOnly,
          leader: leaderJson(rest.leader),
          epoch: rest.epoch,
          zxid: zxidText(gateway.lastZxid),
          writesLeftInEpoch: rest.writesLeftInEpoch,
          configVersion: configVersion === null ? null : zxidText(configVersion),
          reconfiguring: isReconfiguring,
          quorum: rest.quorum === null ? null : quorumJson(rest.quorum),
          members: admin.members().map((member) => {
            const { id, role, state } = memberJson(member);
            return { id, role, state };
          }),
          uptimeMs: rest.uptimeMs,
          version: DENKEEPER_VERSION,
        };
        return jsonResponse(request, body);
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/members",
      operationId: "getMembers",
      tag: "cluster",
      summary: "The members of the ensemble, and how they fare",
      description: "Open to all. Only the leader knows how far each member is; ask it for `lag`.",
      query: z.strictObject({}),
      body: null,
      responses: {
        200: {
          description: "None of a server that stands alone",
          body: z.object({ configVersion: HexText.nullable(), members: z.array(Member) }),
        },
      },
      problems: [],
      isWrite: false,
      handle: ({ request }) => {
        const { configVersion } = admin.cluster();
        return jsonResponse(request, {
          configVersion: configVersion === null ? null : zxidText(configVersion),
          members: admin.members().map(memberJson),
        });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/members:plan",
      operationId: "planMembers",
      tag: "cluster",
      summary: "What a change of the members would do; changes nothing",
      query: z.strictObject({}),
      body: MembersChange,
      responses: { 200: { description: "Also when it would be refused", body: Plan } },
      problems: ["no-auth", "auth-required", "no-membership"],
      isWrite: false,
      handle: (call) => {
        requireAdmin(call);
        return jsonResponse(call.request, planJson(planOf(admin, requestOf(call.body))));
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/members",
      operationId: "changeMembers",
      tag: "cluster",
      summary: "Changes the members of the ensemble, as ZooKeeper's reconfig",
      description:
        "Needs write permission on /zookeeper/config too, which a new ensemble gives to super only.",
      query: z.strictObject({}),
      body: MembersChange,
      responses: {
        200: {
          description: "A quorum of the old and the new members has it",
          body: z.object({ configVersion: HexText, members: z.array(z.string()) }),
        },
      },
      problems: [
        ...["no-auth", "auth-required", "no-membership", "reconfig-disabled"] as const,
        ...[
          "new-config-no-quorum",
          "reconfig-in-progress",
          "bad-version",
          "bad-arguments",
        ] as const,
        ...["marshalling-error", "operation-timeout"] as const,
      ],
      isWrite: true,
      handle: async (call) => {
        requireAdmin(call);
        const request = requestOf(call.body);
        checkPlan(planOf(admin, request));
        const { config, zxid } = await call.gateway.reconfig(call.caller, request);
        const lines = config.split("\n").filter((text) => !text.startsWith("version="));
        return jsonResponse(call.request, { configVersion: zxidText(zxid), members: lines });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/cluster/leader:transfer",
      operationId: "transferLead",
      tag: "cluster",
      summary: "The leader steps down, and another voter is elected",
      description:
        "To be sent to the leader. It does so only while the other voters in sync are a quorum, and " +
        "stands in no election until another one leads, for 10 s at the most. Clients of all servers are " +
        "disconnected for a moment, as in any election.",
      query: z.strictObject({
        wait: duration({ max: WAIT_MS_MAX }).default(WAIT_MS_DEFAULT)
          .meta({ description: "for the new leader" }),
      }),
      body: Transfer,
      responses: {
        200: {
          description: "Who leads now; this very server, if nobody else came to lead",
          body: Transferred,
        },
      },
      problems: [
        "no-auth",
        "auth-required",
        "not-leader",
        "lead-transfer-refused",
        "operation-timeout",
      ],
      isWrite: true,
      handle: async (call) => {
        requireAdmin(call);
        const { query: { wait: waitMs }, body, signal } = call;
        const { serverId } = call.gateway.config;
        const outcome = await admin.transferLead(body.to ?? null, { waitMs, signal });
        return jsonResponse(call.request, transferJson(outcome, { waitMs, serverId }));
      },
    }),
  ];
}

/** @throws {Problem} for whatever is no transfer */
function transferJson(
  outcome: LeadTransferOutcome,
  { waitMs, serverId }: { waitMs: number; serverId: number },
): z.input<typeof Transferred> {
  if ("refusal" in outcome) {
    throw new Problem("lead-transfer-refused", {
      detail: `The lead stays here: ${outcome.refusal}`,
      outcome: "not-applied",
    });
  }
  switch (outcome.kind) {
    case "notLeading":
      throw notLeader(outcome.leader);
    case "late":
      throw new Problem("operation-timeout", {
        detail:
          `This server has left the lead, and has followed nobody within ${waitMs} ms: server ` +
          `${outcome.expected} is expected to lead, GET /api/v1/cluster tells`,
        outcome: "unknown",
      });
    case "transferred": {
      const { leader, epoch } = outcome;
      const changed = leader.serverId !== serverId;
      return { leader: leaderJson(leader), epoch, changed };
    }
  }
}

/** For what only the leader can do. */
function notLeader(leader: LeaderStatus | null): Problem {
  return new Problem("not-leader", {
    detail: leader === null
      ? "No leader is known here: ask again when there is one"
      : `Server ${leader.serverId} leads, at ${leader.hosts.join(", ")}: send it there`,
    outcome: "not-applied",
    members: { leader: leaderJson(leader) },
  });
}

function requestOf(
  { add, remove, members, configVersion }: z.output<typeof MembersChange>,
): ReconfigRequest {
  const joined = (texts: readonly (string | number)[] | undefined) =>
    texts === undefined || texts.length === 0 ? null : texts.join(",");
  const version = configVersion === undefined ? -1 : Number(configVersion);
  if (!Number.isSafeInteger(version)) {
    throw new Problem("bad-request", {
      detail: `configVersion cannot be ${configVersion}: GET /api/v1/cluster tells the current one`,
    });
  }
  return {
    joiningServers: joined(add),
    leavingServers: joined(remove),
    newMembers: joined(members),
    configVersion: version,
  };
}

function planOf(admin: ServerAdmin, request: ReconfigRequest): MembershipPlan {
  const plan = admin.planReconfig(request);
  if (plan !== null) return plan;
  throw new Problem("no-membership", {
    detail:
      "This server stands alone, with no membership to change: give it server lines, and restart it",
    outcome: "not-applied",
  });
}

/** What is known already is told in words; the leader has the last one. */
function checkPlan({ refusal, isDisabled, isSyncKnown }: MembershipPlan): void {
  if (isDisabled) {
    throw new Problem("reconfig-disabled", {
      detail: "The members cannot be changed: set reconfigEnabled=true on all of them",
      outcome: "not-applied",
    });
  }
  if (refusal === null) return;
  if (refusal.err === ErrorCode.NewConfigNoQuorum && !isSyncKnown) return;
  throw new Problem(problemOfCode(refusal.err), {
    detail: `The members stay as they are: ${refusal.reason}`,
    outcome: "not-applied",
  });
}

function planJson(plan: MembershipPlan): z.input<typeof Plan> {
  const { refusal, isDisabled, isSyncKnown, before, after, lines, warnings } = plan;
  const reasons = refusal === null ? [] : [refusal.reason];
  if (isDisabled) reasons.unshift("reconfigEnabled is not true");
  return {
    allowed: reasons.length === 0,
    reasons,
    warnings: [...warnings],
    certain: isSyncKnown,
    before: quorumJson(before),
    after: after === null ? null : quorumJson(after),
    members: lines === null ? null : [...lines],
  };
}

function quorumJson(
  { voters, observers, synced, ...rest }: QuorumSize,
): z.input<typeof Quorum> {
  return { ...rest, voters: [...voters], observers: [...observers], synced: [...synced] };
}

function leaderJson(leader: LeaderStatus): z.input<typeof Leader>;
function leaderJson(leader: LeaderStatus | null): z.input<typeof Leader> | null;
function leaderJson(leader: LeaderStatus | null): z.input<typeof Leader> | null {
  if (leader === null) return null;
  const { serverId, hosts, clientAddress } = leader;
  return { id: serverId, hosts: [...hosts], clientAddress };
}

function memberJson(member: MemberStatus): z.input<typeof Member> {
  const { serverId, role, addresses } = member.server;
  return {
    id: serverId,
    role,
    self: member.isSelf,
    pending: member.isPending,
    state: member.state,
    addresses: addresses.map(({ host, quorumPort, electionPort }) => ({
      host,
      quorumPort,
      electionPort,
    })),
    clientAddress: member.clientAddress,
    group: member.group,
    weight: member.weight,
    lastZxid: member.lastZxid === null ? null : zxidText(member.lastZxid),
    lag: member.lag,
    remoteAddress: member.remoteAddress,
    problem: member.problem,
  };
}
