/**
 * Keeps a session alive while somebody waits in its name: an open stream is a sign of life, as is an open
 * connection on the client port.
 *
 * @module
 */
import type { Gateway, SessionKey } from "../gateway.ts";
import { Problem } from "../problem.ts";

/** Signs of life within one session timeout: one may get lost. */
const TOUCHES_IN_TIMEOUT = 3;
/** While nobody can say how long the timeout is: a server without a quorum. */
const RETRY_MS = 1000;

/**
 * Touches the session until the result is called or the session is over.
 *
 * @param ended called once if the session ends first, or was over already
 */
export function holdSession(gateway: Gateway, key: SessionKey, ended: () => void): () => void {
  let isHeld = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const release = () => {
    isHeld = false;
    clearTimeout(timer);
    forget();
  };
  const end = () => {
    if (!isHeld) return;
    release();
    ended();
  };
  const forget = gateway.onSessionEnd(key.id, end);
  const touch = async () => {
    let nextMs = RETRY_MS;
    try {
      const { timeoutMs } = await gateway.touch(key);
      nextMs = timeoutMs / TOUCHES_IN_TIMEOUT;
    } catch (error) {
      if (error instanceof Problem && error.problem === "session-expired") return end();
      // without a quorum nobody expires sessions; whoever leads next gives each a whole timeout
    }
    if (isHeld) timer = setTimeout(() => void touch(), nextMs);
  };
  void touch();
  return release;
}
