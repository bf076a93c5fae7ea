// SPDX-License-Identifier: GPL-3.0-or-later
import type { Random } from '../random.ts';
import type { RoutedRequest } from '../request.ts';
import type { Scenario } from '../scenario.ts';

// The share of arrivals that also read their coupon, and the share of all reads that accept a cached answer.
const readingShare = 0.2;
const cachedShare = 0.5;

/** Adds reads to a scenario, and lets half of all reads accept an answer that is up to `maxAgeS` seconds old. */
export function withCachedReads(
  scenario: Scenario,
  { maxAgeS, nodes, random }: { maxAgeS: number; nodes: number; random: Random },
): Scenario {
  const acceptAge = ({ node, request }: RoutedRequest): RoutedRequest => {
    const acceptsAge = request.f === 'read' && random.chance(cachedShare);
    return { node, request: acceptsAge ? { ...request, maxAgeS } : request };
  };
  return {
    ...scenario,
    draw() {
      const requests = scenario.draw()?.map(acceptAge);
      const coupon = requests?.[0]?.request.coupon;
      if (requests === undefined || coupon === undefined) return requests;
      if (!random.chance(readingShare)) return requests;
      const read = { f: 'read', coupon, attempt: 1 } as const;
      return [...requests, acceptAge({ node: random.below(nodes), request: read })];
    },
    // No step of a user follows from these reads.
    retryPolicy: (routed, completion) =>
      routed.request.f === 'read' ? [] : scenario.retryPolicy(routed, completion),
  };
}
