// SPDX-License-Identifier: GPL-3.0-or-later

/** What a target tells of itself on `/metrics`; zeros where it tells nothing. */
export type TargetMetrics = {
  batches: number;
  batchedClaims: number;
  /** Claims answered, by outcome or code. */
  outcomes: Record<string, number>;
};

/** Reads the metrics of a target. */
export async function readMetrics(url: string | undefined): Promise<TargetMetrics> {
  if (url === undefined) return parseMetrics('');
  const response = await fetch(`${url}/metrics`);
  return parseMetrics(response.ok ? await response.text() : '');
}

/** Takes the figures of interest out of the Prometheus text format. */
export function parseMetrics(text: string): TargetMetrics {
  const sumOf = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  const outcomes: Record<string, number> = {};
  const pattern = /^firstcome_claims_total\{[^}]*outcome="(\w+)"[^}]*\} ([\d.e+]+)$/gm;
  for (const [, outcome = '', count] of text.matchAll(pattern)) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + Number(count);
  }
  return {
    batches: sumOf('firstcome_claim_batch_size_count'),
    batchedClaims: sumOf('firstcome_claim_batch_size_sum'),
    outcomes,
  };
}
