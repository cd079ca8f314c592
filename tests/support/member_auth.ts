/**
 * Members that know a password, or another one, or none.
 *
 * @module
 */
import { QuorumAuth } from "../../cluster/quorum_auth.ts";
import { nodeHashing } from "../../net/hashing.ts";

/** User `test`, whose password is `secret`. @param x `password` null: it does not authenticate itself */
export function memberAuth(
  { password = "secret", isRequired = true }: { password?: string | null; isRequired?: boolean },
): QuorumAuth {
  return new QuorumAuth({
    users: new Map([["test", "secret"]]),
    credentials: password === null ? null : { username: "test", password },
    isRequired,
    hashing: nodeHashing,
  });
}
