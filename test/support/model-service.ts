// SPDX-License-Identifier: GPL-3.0-or-later
/** A service in memory behind a network that loses, delays, doubles and cuts what goes through it. */
import type { VirtualTime } from './virtual-time.ts';

/** What happens to one request. */
export type Fault = {
  kind: (typeof faultKinds)[number];
  /** How long the request, or its answer, takes. */
  delayMs: number;
  /** For what may happen with or without a decision. */
  isDecided: boolean;
};

/** Everything that can happen to a request. */
export const faultKinds = [
  'none',
  'refused',
  'lostBefore',
  'lostAfter',
  'late',
  'hangs',
  'doubled',
  'cut',
  'rateLimited',
  'unavailable',
  'timedOut',
  'unauthorized',
  'outcomeUnknown',
  'internal',
  'badGateway',
  'entries',
] as const;

/** A request as it was sent. */
export type SeenRequest = {
  atMs: number;
  endpoint: string;
  keys: string[];
  users: string[];
  fault: Fault;
  /** When its answer arrived, if the client still waited for it. */
  answeredAtMs?: number;
};

type Entry = { coupon_name: string; user_id: string; idempotency_key: string };
type Stored = { claim_id: string; coupon_name: string; user_id: string; key: string };
type Result = Record<string, unknown> & { status: number };

const errorCodes: Record<number, string> = {
  400: 'sold_out',
  401: 'unauthorized',
  408: 'request_timeout',
  409: 'coupon_exists',
  429: 'rate_limited',
  500: 'internal',
  503: 'unavailable',
};

/** The problem of a status. */
function problem(status: number, members: object = {}): Result {
  const code = errorCodes[status];
  const effect = status === 500 ? 'unknown' : 'none';
  return {
    type: 'x',
    title: 'x',
    status,
    detail: 'x',
    instance: 'x',
    code,
    error: 'x',
    effect,
    ...members,
  };
}

/** Decides claims by their key alone: a second key of a user is a second claim. */
export class ModelService {
  readonly claims: Stored[] = [];
  readonly coupons: string[] = [];
  readonly seen: SeenRequest[] = [];
  /** How many requests are under way. */
  underWay = 0;
  underWayMax = 0;
  units: number;
  /** How many batch calls the service still has. */
  batchesLeft = Number.POSITIVE_INFINITY;
  private readonly time: VirtualTime;
  private readonly nextFault: () => Fault;

  constructor(time: VirtualTime, units: number, nextFault: () => Fault) {
    this.time = time;
    this.units = units;
    this.nextFault = nextFault;
  }

  /** Stands for `fetch`. It ignores the signal, as a bad network would. */
  readonly fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(String(input));
    const headers = new Headers(init.headers);
    const body = JSON.parse(String(init.body ?? '{}'));
    const key = headers.get('idempotency-key') ?? '';
    const entries: Entry[] = body.claims ?? [{ ...body, idempotency_key: key }];
    const fault = this.nextFault();
    const seen: SeenRequest = {
      ...{ atMs: this.time.nowMs, endpoint: pathname, fault },
      keys: entries.map((entry) => entry.idempotency_key),
      users: entries.map((entry) => entry.user_id),
    };
    this.seen.push(seen);
    let isUnderWay = true;
    const end = () => {
      if (isUnderWay) this.underWay -= 1;
      isUnderWay = false;
    };
    // The client has given it up, and may use the connection for another.
    init.signal?.addEventListener('abort', end);
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    try {
      const response = await this.play(fault, () => this.answer(pathname, body, entries, fault));
      if (init.signal?.aborted !== true) seen.answeredAtMs = this.time.nowMs;
      return response;
    } finally {
      end();
    }
  };

  private async play(fault: Fault, decide: () => Response): Promise<Response> {
    const { kind, isDecided, delayMs } = fault;
    const wait = () => new Promise<void>((resolve) => this.time.after(delayMs, resolve));
    if (kind === 'refused') throw networkError('ECONNREFUSED');
    if (kind === 'late') {
      this.time.after(delayMs, decide);
      throw networkError('ECONNRESET');
    }
    await wait();
    if (kind === 'lostBefore') throw networkError('ECONNRESET');
    const early = earlyAnswer(kind);
    if (early !== undefined) return early;
    const isSilent = ['hangs', 'internal', 'badGateway', 'outcomeUnknown'].includes(kind);
    if (isSilent && !isDecided) {
      if (kind === 'hangs') return await new Promise(() => undefined);
    } else {
      const response = decide();
      const second = kind === 'doubled' ? decide() : response;
      if (kind === 'doubled') return isDecided ? response : second;
      if (kind === 'cut') return cutResponse(await response.text());
      if (!isSilent && kind !== 'lostAfter') return response;
    }
    if (kind === 'hangs') return await new Promise(() => undefined);
    if (kind === 'internal') return json(problem(500));
    if (kind === 'badGateway') {
      return new Response('<html>', { status: 502, headers: { 'content-type': 'text/html' } });
    }
    if (kind === 'outcomeUnknown') {
      return json(problem(503, { code: 'outcome_unknown', effect: 'unknown', claim_id: 'named' }));
    }
    throw networkError('ECONNRESET');
  }

  private answer(path: string, body: { name?: string }, entries: Entry[], fault: Fault): Response {
    if (path === '/api/coupons') return json(this.create(String(body.name)));
    if (path === '/api/coupons/claim') return json(this.decide(entries[0] as Entry));
    this.batchesLeft -= 1;
    if (this.batchesLeft < 0) return json(problem(404, { code: 'route_not_found' }));
    const results = entries.map((entry, place) => {
      // Some entries of a batch have a fault of their own.
      if (fault.kind !== 'entries' || place % 2 === 0) return this.decide(entry);
      if (place % 3 === 0) return problem(429, { retry_after: 1 });
      if (fault.isDecided) this.decide(entry);
      return problem(503, { code: 'outcome_unknown', effect: 'unknown', claim_id: 'named' });
    });
    return json({ status: 200, results });
  }

  private create(name: string): Result {
    if (this.coupons.includes(name)) return problem(409);
    this.coupons.push(name);
    return { status: 201, name };
  }

  private decide({ coupon_name, user_id, idempotency_key: key }: Entry): Result {
    const earlier = this.claims.find((claim) => claim.key === key && claim.user_id === user_id);
    if (earlier !== undefined) return { status: 200, ...view(earlier), replayed: true };
    if (this.units === 0) return problem(400);
    this.units -= 1;
    const claim = { claim_id: `claim-${this.claims.length}`, coupon_name, user_id, key };
    this.claims.push(claim);
    return { status: 200, ...view(claim) };
  }
}

function view({ claim_id, coupon_name, user_id }: Stored) {
  return { claim_id, coupon_name, user_id };
}

/** An answer that is given before anything is decided. */
function earlyAnswer(kind: Fault['kind']): Response | undefined {
  if (kind === 'rateLimited') return json(problem(429), { 'retry-after': '2' });
  if (kind === 'unavailable') {
    return json(problem(503), { 'retry-after': new Date(3000).toUTCString() });
  }
  if (kind === 'timedOut') return json(problem(408));
  if (kind === 'unauthorized') return json(problem(401));
  return undefined;
}

function json(body: Result, headers: Record<string, string> = {}): Response {
  const { status, replayed, ...rest } = body;
  const type = status < 400 ? 'application/json' : 'application/problem+json; charset=utf-8';
  const text = JSON.stringify(status < 400 ? rest : body);
  return new Response(text, {
    status,
    headers: {
      'content-type': type,
      ...(replayed === true && { 'idempotency-replayed': 'true' }),
      ...headers,
    },
  });
}

function cutResponse(text: string): Response {
  const body = text.slice(0, text.length / 2);
  return new Response(body, { status: 200, headers: { 'content-type': 'application/json' } });
}

function networkError(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}
