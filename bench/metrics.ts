// SPDX-License-Identifier: GPL-3.0-or-later
/** The metrics of a target that the bench needs; zeros where a target has none. */
export type TargetMetrics = {
  batches: number;
  batchedClaims: number;
  /** Answered claims by outcome or error code. */
  outcomes: Record<string, number>;
};

/** Reads the metrics of a target. */
export async function readMetrics(url: string | undefined): Promise<TargetMetrics> {
  if (url === undefined) return parseMetrics('');
  const response = await fetch(`${url}/metrics`);
  return parseMetrics(response.ok ? await response.text() : '');
}

/** Extracts these metrics from the Prometheus text format. */
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
