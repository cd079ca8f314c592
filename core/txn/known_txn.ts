/**
 * Txns of the two most frequent requests as preparing leaves them: their bytes are named by offsets in
 * the log batch, and become views only where somebody asks. A view costs as much as the rest of a write.
 *
 * Good until the txn is applied; then its record serves another. A multi that changes a znode twice
 * detaches the earlier txn, since the record knows the end only.
 *
 * @module
 */
import type { AclList } from "../tree/acl_list.ts";
import type { ChangeRecord } from "./change_record.ts";
import type { CreateTxn, SetDataTxn } from "./txn.ts";

abstract class KnownTxn {
  known: ChangeRecord | undefined;
  #path: Uint8Array | null = null;
  #data: Uint8Array | null = null;

  constructor(known: ChangeRecord) {
    this.known = known;
    known.txn = this;
  }

  get path(): Uint8Array {
    return this.known === undefined ? this.#path! : this.known.path;
  }

  get data(): Uint8Array | null {
    return this.known === undefined ? this.#data : this.known.data;
  }

  /** Makes it a txn like any other, with views of its own. */
  detach(): void {
    if (this.known === undefined) return;
    this.#path = this.known.path;
    this.#data = this.known.data;
    this.known = undefined;
  }
}

export class KnownSetData extends KnownTxn implements SetDataTxn {
  readonly kind = "setData";
  readonly version: number;

  constructor(known: ChangeRecord, version: number) {
    super(known);
    this.version = version;
  }
}

export class KnownCreate extends KnownTxn implements CreateTxn {
  readonly kind = "create";
  readonly acl: AclList;
  readonly ephemeral: boolean;
  readonly parentCversion: number;

  constructor(
    known: ChangeRecord,
    { acl, ephemeral, parentCversion }: {
      acl: AclList;
      ephemeral: boolean;
      parentCversion: number;
    },
  ) {
    super(known);
    this.acl = acl;
    this.ephemeral = ephemeral;
    this.parentCversion = parentCversion;
  }
}
