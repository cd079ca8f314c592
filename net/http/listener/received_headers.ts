/**
 * The header fields of a request, as they were received: `Headers` that cannot change.
 *
 * The runtime's own `Headers` cost more to make than the rest of a small request does. These are read out of
 * a map, and may belong to many requests: clients send the same fields with each. They are no
 * `instanceof Headers`, since the runtime would then look for the insides of one; it reads these as a list.
 *
 * @module
 */
import { FieldList } from "./field_list.ts";

/** Of what is not guarded against change by its type alone. */
function immutable(): never {
  throw new TypeError("The headers of a request cannot be changed");
}

export class ReceivedHeaders extends FieldList implements Headers {
  readonly #values: ReadonlyMap<string, string>;

  /** @param values by names in lower case */
  constructor(values: ReadonlyMap<string, string>) {
    super();
    this.#values = values;
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name) || this.#values.has(name.toLowerCase());
  }

  getSetCookie(): string[] {
    return []; // a response has it
  }

  append(): never {
    return immutable();
  }

  delete(): never {
    return immutable();
  }

  set(): never {
    return immutable();
  }

  protected override toHeaders(): Headers {
    return new Headers([...this.#values]);
  }
}
