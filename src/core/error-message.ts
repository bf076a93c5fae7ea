// SPDX-License-Identifier: GPL-3.0-or-later

/** The message of any error, also of one that has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(messageOf).join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  return message || ((error as { code?: string }).code ?? 'unknown error');
}

/** The message of the error that an error goes back to. */
export function rootMessageOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause === undefined ? messageOf(error) : rootMessageOf(cause);
}
