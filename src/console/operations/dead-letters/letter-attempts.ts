// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeadLetter } from '../../../client.ts';

/** How often the decision of the claim in a letter has failed, as its message says. Undefined where it does not. */
export function attemptsOf({ body }: Pick<DeadLetter, 'body'>): number | undefined {
  if (body === null || body.encoding !== 'utf8') return undefined;
  try {
    const { claims } = JSON.parse(body.text);
    const attempts: unknown = Array.isArray(claims) && claims.length === 1 && claims[0]?.attempts;
    return typeof attempts === 'number' ? attempts : undefined;
  } catch {
    return undefined;
  }
}

/** The message of a letter as it is shown: JSON with line breaks, other text as it is. */
export function payloadOf({ body }: Pick<DeadLetter, 'body'>): string | undefined {
  if (body === null) return undefined;
  if (body.encoding !== 'utf8') return body.text;
  try {
    return JSON.stringify(JSON.parse(body.text), null, 2);
  } catch {
    return body.text;
  }
}
