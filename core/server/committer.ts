/**
 * Applies durable txns and writes the bodies of their replies.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { TxnApplier } from "../txn/apply.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { KnownNode, MultiTxn, OperationTxn } from "../txn/txn.ts";
import { JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { writeMultiHeader } from "./read_requests.ts";

export class Committer {
  readonly #applier: TxnApplier;
  /** Results of a multi, taken right behind each operation: a later one may change the same znode. */
  readonly #multiResults = new JuteWriter(1024);
  readonly #onOperation = (type: number, txn: OperationTxn): void => {
    // containers and TTL nodes answer as create2 does (client protocol section 9)
    const shape = type === OpCode.CreateContainer || type === OpCode.CreateTtl
      ? OpCode.Create2
      : type;
    writeMultiHeader(this.#multiResults, shape, false, ErrorCode.Ok);
    this.#writeResult(this.#multiResults, txn, shape);
  };

  constructor(applier: TxnApplier) {
    this.#applier = applier;
  }

  /** Applies a txn. Returns what the reply's header says. */
  apply({ header, txn }: PreparedTxn): ErrorCode {
    if (txn.kind !== "multi") return this.#applier.apply(header, txn);
    this.#multiResults.position = 0;
    const err = this.#applier.apply(header, txn, this.#onOperation);
    this.#writeMultiErrors(txn);
    writeMultiHeader(this.#multiResults, -1, true, -1);
    return err;
  }

  /** The reply's body of a txn that was just applied with Ok. */
  writeBody(writer: JuteWriter, { txn }: PreparedTxn, op: number): void {
    switch (txn.kind) {
      case "multi":
        return writer.raw(this.#multiResults.written());
      case "closeSession":
      case "createSession":
      case "error":
        return;
      default:
        this.#writeResult(writer, txn, op);
    }
  }

  /** A failed multi answers with errors only: 0 before the failing operation, its code, then -2. */
  #writeMultiErrors({ ops }: MultiTxn): void {
    if (!ops.some(({ txn }) => txn.kind === "error")) return;
    for (const { txn } of ops) {
      const err = txn.kind === "error" ? txn.err : ErrorCode.Ok;
      writeMultiHeader(this.#multiResults, OpCode.Error, false, err);
      this.#multiResults.int(err);
    }
  }

  #writeResult(writer: JuteWriter, txn: OperationTxn, op: number): void {
    const { tree } = this.#applier;
    switch (txn.kind) {
      case "create":
      case "createContainer":
      case "createTtl":
        writeKnownPath(writer, txn);
        if (op !== OpCode.Create) tree.writeStat(writer, tree.lastCreated);
        return;
      case "setData":
        if (op === OpCode.Reconfig) writer.bytes(txn.data); // answered as getData
        return tree.writeStat(writer, txn.known?.node || tree.store.lookup(txn.path));
      case "setAcl":
        return tree.writeStat(writer, tree.store.lookup(txn.path));
      case "delete":
      case "check":
        return;
    }
  }
}

function writeKnownPath(
  writer: JuteWriter,
  txn: { readonly path: Uint8Array; known?: KnownNode | undefined },
): void {
  const { known } = txn;
  if (known === undefined) return writer.bytes(txn.path);
  const length = known.pathEnd - known.pathStart;
  writer.reserve(4 + length);
  const at = writer.position + 4;
  writer.view.setInt32(at - 4, length);
  for (let i = 0; i < length; i++) writer.buffer[at + i] = known.buffer[known.pathStart + i]!;
  writer.position = at + length;
}
