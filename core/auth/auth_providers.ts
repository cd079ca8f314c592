/**
 * The registry of authentication schemes, built once from the configuration.
 *
 * `ip` is always there and `digest` unless disabled; the others come by their class name, as in
 * `authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider`.
 *
 * @module
 */
import type { Hashing } from "../ports.ts";
import type { AuthProvider } from "./auth_provider.ts";
import { DigestAuthProvider } from "./digest_provider.ts";
import { type EnsembleAuthCounters, EnsembleAuthProvider } from "./ensemble_provider.ts";
import { IpAuthProvider } from "./ip_provider.ts";
import { SaslAuthProvider } from "./sasl_provider.ts";
import { X509AuthProvider } from "./x509_provider.ts";

export interface AuthOptions {
  /** `skipACL=yes`: every permission is granted. */
  skipAcl: boolean;
  /** `DigestAuthenticationProvider.enabled` */
  digestProviderEnabled: boolean;
  /** `DigestAuthenticationProvider.digestAlg` as Java names it, such as `SHA1` or `SHA-256`. */
  digestAlgorithm: string;
  /** `DigestAuthenticationProvider.superDigest`, `super:<base64>`. */
  superDigest: string | null;
  /** Values of `authProvider.*`: class names, with or without their package. */
  authProviders: readonly string[];
  /** `ensembleAuthName`, already split at commas; empty accepts every name. */
  ensembleAuthNames: readonly string[];
  /** `letAnySaslUserDoX`: the sasl ACL id that every SASL user matches. */
  letAnySaslUserDoX: string | null;
  /** `X509AuthenticationProvider.superUser`, a subject in RFC 2253 form. */
  x509SuperUser?: string | null;
}

/** What ZooKeeper does when nothing is configured. */
export const DEFAULT_AUTH_OPTIONS: AuthOptions = {
  skipAcl: false,
  digestProviderEnabled: true,
  digestAlgorithm: "SHA1",
  superDigest: null,
  authProviders: [],
  ensembleAuthNames: [],
  letAnySaslUserDoX: null,
  x509SuperUser: null,
};

export class AuthProviders {
  readonly skipAcl: boolean;
  /** Configured classes that name none of the providers known here: worth a warning at start. */
  readonly unknownProviders: readonly string[];
  readonly #byScheme: ReadonlyMap<string, AuthProvider>;

  constructor(
    { skipAcl, providers, unknownProviders }: {
      skipAcl: boolean;
      providers: readonly AuthProvider[];
      unknownProviders: readonly string[];
    },
  ) {
    this.skipAcl = skipAcl;
    this.unknownProviders = unknownProviders;
    this.#byScheme = new Map(providers.map((provider) => [provider.scheme, provider]));
  }

  get(scheme: string): AuthProvider | undefined {
    return this.#byScheme.get(scheme);
  }

  /** In the order of registration. */
  schemes(): string[] {
    return [...this.#byScheme.keys()];
  }
}

/**
 * Builds the registry.
 *
 * @throws {RangeError} when `digestAlgorithm` is not one that can be computed
 */
export function makeAuthProviders(
  options: AuthOptions,
  hashing: Hashing,
  counters: EnsembleAuthCounters | null = null,
): AuthProviders {
  const providers: AuthProvider[] = [new IpAuthProvider()];
  if (options.digestProviderEnabled) providers.push(new DigestAuthProvider(options, hashing));
  const unknownProviders: string[] = [];
  for (const className of options.authProviders) {
    switch (className.slice(className.lastIndexOf(".") + 1)) {
      case "SASLAuthenticationProvider":
        providers.push(new SaslAuthProvider(options));
        break;
      case "EnsembleAuthenticationProvider":
        providers.push(new EnsembleAuthProvider(options, counters));
        break;
      case "X509AuthenticationProvider":
        providers.push(new X509AuthProvider(options));
        break;
      case "DigestAuthenticationProvider": // named although disabled: the name wins, as in ZooKeeper
        providers.push(new DigestAuthProvider(options, hashing));
        break;
      case "IPAuthenticationProvider":
        break;
      default:
        unknownProviders.push(className);
    }
  }
  return new AuthProviders({ skipAcl: options.skipAcl, providers, unknownProviders });
}
