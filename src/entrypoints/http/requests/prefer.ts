// SPDX-License-Identifier: GPL-3.0-or-later

/** How a claim that goes into the queue is answered. */
export type Preference = {
  /** How long its decision is waited for, in milliseconds. */
  waitMs: number;
  /** The value of `Preference-Applied`; undefined where the request prefers nothing that applies. */
  applied: string | undefined;
};

const waitMsDefault = 5_000;

/** The longest wait that a request can ask for. */
export const waitSecondsMax = 20;

const byDefault: Preference = { waitMs: waitMsDefault, applied: undefined };

// Most requests of a sale prefer the same, and reading it costs as much as signing a ticket.
const knownMax = 100;
const known = new Map<string, Preference>();

/**
 * Reads `Prefer` (RFC 7240): `respond-async` and `wait=N`, N whole seconds from 0 to 20. Of a preference that stands several
 * times the first counts. What is unknown, malformed or out of range is ignored.
 */
export function preferenceOf(prefer: string | string[] | undefined): Preference {
  if (prefer === undefined) return byDefault;
  const text = String(prefer);
  let preference = known.get(text);
  if (preference === undefined) {
    preference = read(text);
    if (known.size >= knownMax) known.clear();
    known.set(text, preference);
  }
  return preference;
}

function read(prefer: string): Preference {
  const values = valuesOf(prefer);
  const seconds = readSeconds(values.get('wait'));
  const isAsync = values.has('respond-async');
  if (seconds === undefined) {
    return isAsync ? { waitMs: 0, applied: 'respond-async' } : byDefault;
  }
  const wait = `wait=${seconds}`;
  return { waitMs: seconds * 1_000, applied: isAsync ? `respond-async, ${wait}` : wait };
}

/** The first value of each preference, by its name in lower case; empty where it has none. */
function valuesOf(prefer: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const preference of prefer.split(',')) {
    // Parameters behind a semicolon change nothing here.
    const [token = ''] = preference.split(';');
    const [name = '', value = ''] = token.split(/=(.*)/s);
    const key = name.trim().toLowerCase();
    if (!values.has(key)) values.set(key, value.trim());
  }
  return values;
}

function readSeconds(value: string | undefined): number | undefined {
  const digits = /^(?:"(\d{1,4})"|(\d{1,4}))$/.exec(value ?? '');
  if (digits === null) return undefined;
  const seconds = Number(digits[1] ?? digits[2]);
  return seconds <= waitSecondsMax ? seconds : undefined;
}
