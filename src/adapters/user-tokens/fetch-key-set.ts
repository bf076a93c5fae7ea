// SPDX-License-Identifier: GPL-3.0-or-later

/** Limits of a request for a JWK Set. */
export type FetchLimits = { timeoutMs: number; bytesMax: number; stopping: AbortSignal };

/** Fetches the text of a JWK Set. Follows no redirect. Rejects with a message for the log. */
export async function fetchKeySet(url: string, limits: FetchLimits): Promise<string> {
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  try {
    const response = await fetch(url, {
      headers: { Accept: 'application/jwk-set+json, application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([timeout, limits.stopping]),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the response has the status ${response.status}`);
    }
    return await textWithin(limits.bytesMax, response);
  } catch (error) {
    if (timeout.aborted) throw new Error(`no whole response within ${limits.timeoutMs} ms`);
    throw new Error(reasonOf(error));
  }
}

async function textWithin(bytesMax: number, { body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the response is larger than ${bytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch` says only that it failed; the cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
