// SPDX-License-Identifier: GPL-3.0-or-later

/** An answer of the service to a call that is not part of the history. */
export type ApiAnswer = { status: number; body: Record<string, unknown> };

/** How a drill calls the service besides its history. */
export type ServiceApi = {
  /** Undefined where no node answers. Never rejects. */
  call(method: string, path: string, body?: object): Promise<ApiAnswer | undefined>;
};

const attemptMsMax = 5_000;

/** Calls with the admin key, one node after the other until one answers without an error of its own. */
export function serviceApi(options: {
  urls: readonly string[];
  adminApiKey: string | undefined;
}): ServiceApi {
  const { urls, adminApiKey } = options;
  const authorization = adminApiKey && { authorization: `Bearer ${adminApiKey}` };
  return {
    async call(method, path, body) {
      let last: ApiAnswer | undefined;
      for (const url of urls) {
        last = await readJson(`${url}${path}`, {
          method,
          headers: { ...authorization, ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
        });
        if (last !== undefined && last.status < 500) return last;
      }
      return last;
    },
  };
}

/** Undefined where no JSON object is answered. Never rejects. */
export async function readJson(
  url: string,
  init: RequestInit = {},
): Promise<ApiAnswer | undefined> {
  try {
    const signal = AbortSignal.timeout(attemptMsMax);
    const response = await fetch(url, { ...init, signal });
    const text = await response.text();
    const body: unknown = text === '' ? {} : JSON.parse(text);
    if (typeof body !== 'object' || body === null) return undefined;
    return { status: response.status, body: body as Record<string, unknown> };
  } catch {
    return undefined;
  }
}
