// SPDX-License-Identifier: GPL-3.0-or-later

/** Where the drill archives its coupons. */
export type ArchiveOptions = {
  urls: readonly string[];
  adminApiKey: string | undefined;
  /** How long one attempt may take. */
  timeoutMs: number;
};

const attemptMsMax = 5_000;
// Answers of a service without archives: it knows no member `archived`, or no such call.
const withoutArchive = new Set([400, 404, 405]);

/**
 * Archives the coupons of a drill, so that they do not stay in the operators' lists. These requests are not part of the
 * history. Each coupon is sent to one node after the other until one has archived it. Returns the names of the coupons
 * that stay, which are none where the service has no archive. Never rejects.
 */
export async function archiveCoupons(
  names: readonly string[],
  options: ArchiveOptions,
): Promise<string[]> {
  const results = await Promise.all(names.map((name) => isArchived(name, options)));
  return names.filter((_, index) => !results[index]);
}

async function isArchived(
  name: string,
  { urls, adminApiKey, timeoutMs }: ArchiveOptions,
): Promise<boolean> {
  const headers = {
    'Content-Type': 'application/json',
    ...(adminApiKey !== undefined && { Authorization: `Bearer ${adminApiKey}` }),
  };
  for (const url of urls) {
    try {
      const response = await fetch(`${url}/api/coupons/${encodeURIComponent(name)}`, {
        ...{ method: 'PATCH', headers, body: '{"archived":true}' },
        signal: AbortSignal.timeout(Math.min(timeoutMs, attemptMsMax)),
      });
      await response.body?.cancel();
      if (response.ok || withoutArchive.has(response.status)) return true;
    } catch {
      // The node does not answer: the next one may.
    }
  }
  return false;
}
