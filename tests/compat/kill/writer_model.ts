/**
 * What one writer's directory must hold: the znodes below `/k/<writer>`, as a plain map.
 *
 * Only its own writer changes a directory, and a session's requests take effect in order. After a
 * crash the directory is therefore in the state after the acknowledged operations, plus some of the
 * next ones sent, in order: {@linkcode matchingState} looks for that state.
 *
 * @module
 */

/** A znode below the writer's directory. */
export interface ModelNode {
  readonly data: string;
  readonly version: number;
  readonly isEphemeral: boolean;
}

export interface WriterState {
  readonly nodes: ReadonlyMap<string, ModelNode>;
  /** Children ever created: what the next sequence number is. */
  readonly createCount: number;
  readonly isSessionOpen: boolean;
}

export type SubOp =
  | { kind: "create"; name: string; data: string; isEphemeral: boolean; isSequential: boolean }
  | { kind: "set"; name: string; data: string; version: number }
  | { kind: "delete"; name: string; version: number }
  | { kind: "check"; name: string; version: number };

export type WriterOp = SubOp | { kind: "multi"; ops: readonly SubOp[] } | { kind: "close" };

/** What the server must answer: an error code, and the names of the nodes made. */
export interface Outcome {
  readonly err: number;
  readonly created: readonly string[];
  readonly state: WriterState;
}

const NO_NODE = -101;
const BAD_VERSION = -103;
const NODE_EXISTS = -110;

export const EMPTY_STATE: WriterState = {
  nodes: new Map(),
  createCount: 0,
  isSessionOpen: true,
};

/** The state after an operation; the same one when it fails. */
export function applyOp(state: WriterState, op: WriterOp): Outcome {
  if (op.kind === "close") {
    const kept = [...state.nodes].filter(([, node]) => !node.isEphemeral);
    return { err: 0, created: [], state: { ...state, nodes: new Map(kept), isSessionOpen: false } };
  }
  if (op.kind !== "multi") return applySubOp(state, op);
  let current = state;
  const created: string[] = [];
  for (const subOp of op.ops) {
    const outcome = applySubOp(current, subOp);
    if (outcome.err !== 0) return { err: outcome.err, created: [], state };
    created.push(...outcome.created);
    current = outcome.state;
  }
  return { err: 0, created, state: current };
}

/** @returns how many of the operations took effect and what holds then, null when none fits */
export function matchingState(
  acknowledged: WriterState,
  sent: readonly WriterOp[],
  matches: (state: WriterState) => boolean,
): { opCount: number; state: WriterState } | null {
  let state = acknowledged;
  for (let opCount = 0;; opCount++) {
    if (matches(state)) return { opCount, state };
    const next = sent[opCount];
    if (next === undefined) return null;
    state = applyOp(state, next).state;
  }
}

function applySubOp(state: WriterState, op: SubOp): Outcome {
  const refuse = (err: number): Outcome => ({ err, created: [], state });
  const node = state.nodes.get(op.name);
  if (op.kind === "create") {
    const suffix = op.isSequential ? `${state.createCount}`.padStart(10, "0") : "";
    const name = op.name + suffix;
    if (state.nodes.has(name)) return refuse(NODE_EXISTS);
    const nodes = new Map(state.nodes);
    nodes.set(name, { data: op.data, version: 0, isEphemeral: op.isEphemeral });
    return {
      err: 0,
      created: [name],
      state: { ...state, nodes, createCount: state.createCount + 1 },
    };
  }
  if (node === undefined) return refuse(NO_NODE);
  if (op.version !== -1 && op.version !== node.version) return refuse(BAD_VERSION);
  if (op.kind === "check") return { err: 0, created: [], state };
  const nodes = new Map(state.nodes);
  if (op.kind === "delete") nodes.delete(op.name);
  else nodes.set(op.name, { ...node, data: op.data, version: node.version + 1 });
  return { err: 0, created: [], state: { ...state, nodes } };
}
