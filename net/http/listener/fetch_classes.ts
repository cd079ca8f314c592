/**
 * Makes requests and replies pass for the runtime's own, for Hono and whoever else asks `instanceof`.
 *
 * Apart from them, since the runtime loads its classes when they are named, which a server that is only started need
 * not wait for.
 *
 * @module
 */
import { ReceivedRequest } from "./received_request.ts";
import { Reply } from "./reply.ts";

Object.setPrototypeOf(ReceivedRequest.prototype, Request.prototype);
Object.setPrototypeOf(Reply.prototype, Response.prototype);
