/**
 * What tests need that start a Java server with its AdminServer.
 *
 * @module
 */
import type { PrerequisiteName } from "../support/prerequisites.ts";

export const ADMIN_NEEDS: readonly PrerequisiteName[] = ["java", "javaServer", "jetty", "jackson"];
