/**
 * Told how far long work has come.
 *
 * @module
 */

export interface Progress {
  /** A part of the work begins, with so much to be done in it. */
  begin(total: number): void;
  add(count: number): void;
  /** Leaves nothing on the screen. */
  end(): void;
}

export const NO_PROGRESS: Progress = { begin() {}, add() {}, end() {} };
