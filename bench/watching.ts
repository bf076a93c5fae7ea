// SPDX-License-Identifier: GPL-3.0-or-later
/** Monitors a target under load: scrapes its metrics as Prometheus does, or counts its exported traces. */
import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSecondsOf } from './proc.ts';
import type { Watched } from './results.ts';
import type { Target } from './targets.ts';

const sliceMs = 1000;
const scrapeMsMax = 10_000;
// All claims that were made, also those that have ended.
const claimsOf =
  'select amount - remaining_amount + returned_units as claims from coupons where name = $1';

// The headers of Prometheus 3.
const scrapeHeaders = {
  accept:
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
    'application/openmetrics-text;version=0.0.1;q=0.5,' +
    'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
  'accept-encoding': 'gzip',
  'user-agent': 'Prometheus/3.5.0',
  'x-prometheus-scrape-timeout-seconds': String(scrapeMsMax / 1000),
};

/** Running monitoring. `end` stops it and returns what it measured. */
export type Watching = { end(): Promise<{ found: Watched; violations: string[] }> };

/** Starts the monitoring that the spec of the target names; undefined when it names none. */
export function watch(target: Target, coupon: string): Watching | undefined {
  const { scraped } = target.spec;
  if (scraped !== undefined) return scrapeByTurns(target, coupon, scraped);
  return target.tracesUrl === undefined ? undefined : countTraces(target.tracesUrl);
}

/**
 * Alternates seconds with and without scrapes, and reverses the order of each pair: other load on the machine, and the
 * growth of the tables, affect both alike.
 */
function scrapeByTurns(
  { url = '', database, pid }: Target,
  coupon: string,
  perSecond: number,
): Watching {
  const found = { count: 0, bytes: 0, ratios: [] as number[], cpuRatios: [] as number[] };
  const violations: string[] = [];
  const agent = new Agent({ keepAlive: true });
  const claimsNow = async () => {
    const [row] = (await database?.query<{ claims: string }>(claimsOf, [coupon])) ?? [];
    return { claims: Number(row?.claims), atMs: performance.now(), cpu: cpuSecondsOf(pid) ?? 0 };
  };
  const scrapeAt = async (share: number) => {
    await delay(share * sliceMs);
    const bytes = await scrape(url, agent);
    found.bytes += bytes;
    found.count += 1;
  };
  const secondOf = async (isScraped: boolean) => {
    const from = await claimsNow();
    const scrapes = isScraped
      ? Array.from({ length: perSecond }, (_, nth) => scrapeAt(nth / perSecond))
      : [];
    await Promise.all([...scrapes, delay(sliceMs)]);
    const to = await claimsNow();
    const claims = to.claims - from.claims;
    return { rate: claims / (to.atMs - from.atMs), cpu: (to.cpu - from.cpu) / claims };
  };
  let isEnded = false;
  const work = async () => {
    // The rate is not steady before all clients are connected and after they have left.
    await delay(sliceMs);
    for (let isFirst = true; !isEnded; isFirst = !isFirst) {
      const [one, other] = [await secondOf(isFirst), await secondOf(!isFirst)];
      const [scraped, plain] = isFirst ? [one, other] : [other, one];
      if (isEnded) return;
      found.ratios.push(scraped.rate / plain.rate);
      if (plain.cpu > 0) found.cpuRatios.push(scraped.cpu / plain.cpu);
    }
  };
  const working = work().catch((error: unknown) => {
    violations.push(`a scrape failed: ${error}`);
  });
  return {
    async end() {
      isEnded = true;
      await working;
      agent.destroy();
      return { found, violations };
    },
  };
}

/** Resolves to the size of the metrics. Uses a plain HTTP request, since the client shares the cores with the load. */
function scrape(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(scrapeMsMax);
    const request = get(`${url}/metrics`, { agent, headers: scrapeHeaders, signal }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`expected 200, got ${response.statusCode}`));
      });
    });
    request.once('error', reject);
  });
}

function countTraces(url: string): Watching {
  const before = counted(url);
  return {
    async end() {
      const [from, to] = [await before, await counted(url)];
      return {
        found: { count: to.count - from.count, bytes: to.bytes - from.bytes },
        violations: [],
      };
    },
  };
}

async function counted(url: string): Promise<Watched> {
  return (await (await fetch(url)).json()) as Watched;
}
