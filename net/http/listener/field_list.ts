/**
 * What `Headers` can do that nobody asks often, for those of ours that keep their fields in something cheaper: it is
 * left to the runtime's own, made of the fields as they are now.
 *
 * @module
 */

export abstract class FieldList {
  /** The fields, by names in lower case. */
  protected abstract toHeaders(): Headers;

  forEach(
    callback: (value: string, key: string, parent: this) => void,
    thisArg?: unknown,
  ): void {
    for (const [name, value] of this.entries()) callback.call(thisArg, value, name, this);
  }

  /** Sorted by name, as those of the runtime are. */
  entries(): ReturnType<Headers["entries"]> {
    return this.toHeaders().entries();
  }

  keys(): ReturnType<Headers["keys"]> {
    return this.toHeaders().keys();
  }

  values(): ReturnType<Headers["values"]> {
    return this.toHeaders().values();
  }

  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.entries();
  }
}
