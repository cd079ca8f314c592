/**
 * What the command line's package extends, in the place of `node:events` in one executable file: that takes 15 ms to
 * load, this none that can be measured.
 *
 * @module
 */

export { EventEmitter } from "eventemitter3";
