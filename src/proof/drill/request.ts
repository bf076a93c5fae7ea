// SPDX-License-Identifier: GPL-3.0-or-later
import { claimStates, type Operation } from '../history.ts';

/** One request to the service. */
export type ServiceRequest = {
  f: Operation;
  coupon: string;
  user?: string;
  /** The idempotency key. */
  key?: string;
  /** The number of this attempt at the same intent, counted from 1. */
  attempt: number;
  /** On `create` and `add_stock`. */
  units?: number;
  /** On `create`: how long its claims are held, in seconds. */
  holdSeconds?: number;
  /** On `create`: the saga that its claims begin. */
  saga?: string;
  /** On `release`: whether an operator asks for it, with the admin key. */
  asOperator?: true;
  /** On `read`: the age in seconds that it accepts, 0 for none; undefined: what the service does by default. */
  maxAgeS?: number;
  /** On `list_claims`: the cursor of the page; undefined for the first page. */
  cursor?: string;
  /** On `read_ticket`. */
  ticketId?: string;
  /** On `confirm`, `release` and `redeem`: the claim that it names. */
  claimId?: string;
  /** On `create` with a sale window: RFC 3339 texts. */
  opensAt?: string;
  closesAt?: string;
};

/** A request and the index of the node that receives it. */
export type RoutedRequest = { node: number; request: ServiceRequest };

/** What all requests to one node share: its host, the API keys, and what its claims prefer. */
export type RequestContext = {
  host: string;
  claimApiKey?: string | undefined;
  adminApiKey?: string | undefined;
  prefer?: string | undefined;
};

/** Formats requests to one node as HTTP/1.1 text. */
export type RequestWriter = {
  one(request: ServiceRequest): string;
  /** Many claims in one call. */
  batch(claims: readonly ServiceRequest[]): string;
};

/** Returns what formats requests to one node. */
export function requestWriter({
  host,
  claimApiKey,
  adminApiKey,
  prefer,
}: RequestContext): RequestWriter {
  const bearer = (key: string | undefined) =>
    key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  const start = ` HTTP/1.1\r\nHost: ${host}\r\n`;
  const asClaimer = start + bearer(claimApiKey ?? adminApiKey);
  const asPreferred = asClaimer + (prefer === undefined ? '' : `Prefer: ${prefer}\r\n`);
  const asAdmin = start + bearer(adminApiKey);

  const one = (request: ServiceRequest): string => {
    switch (request.f) {
      case 'claim':
        return `POST /api/coupons/claim${asPreferred}${withBody(
          request,
          `{"user_id":${JSON.stringify(request.user)},"coupon_name":${JSON.stringify(request.coupon)}}`,
        )}`;
      case 'find_claim':
        return `GET ${pathOf(request.coupon)}/claims/${encodeURIComponent(request.user ?? '')}${asClaimer}\r\n`;
      case 'read':
        return `GET ${pathOf(request.coupon)}${start}${acceptedAge(request)}\r\n`;
      case 'read_ticket':
        return `GET /api/tickets/${encodeURIComponent(request.ticketId ?? '')}${asClaimer}\r\n`;
      case 'add_stock':
        return `POST ${pathOf(request.coupon)}/stock${asAdmin}${withBody(request, `{"add":${request.units}}`)}`;
      case 'list_claims':
        return `GET ${pathOf(request.coupon)}/claims?${listQuery(request)}${asAdmin}\r\n`;
      case 'confirm':
      case 'release':
      case 'redeem':
        return `POST ${pathOf(request.coupon)}/claims/${encodeURIComponent(request.user ?? '')}/${request.f}${request.asOperator ? asAdmin : asClaimer}${withBody(request, JSON.stringify({ claim_id: request.claimId }))}`;
      case 'create':
        return `POST /api/coupons${asAdmin}${withBody(request, createBody(request))}`;
    }
  };
  return {
    one,
    batch: (claims) => `POST /api/claims/batch${asPreferred}${withBody({}, batchBody(claims))}`,
  };
}

function batchBody(claims: readonly ServiceRequest[]): string {
  const entries = claims.map(({ coupon, user, key }) => {
    return { coupon_name: coupon, user_id: user, idempotency_key: key };
  });
  return JSON.stringify({ claims: entries });
}

function pathOf(coupon: string): string {
  return `/api/coupons/${encodeURIComponent(coupon)}`;
}

function acceptedAge({ maxAgeS }: ServiceRequest): string {
  return maxAgeS === undefined ? '' : `Cache-Control: max-age=${maxAgeS}\r\n`;
}

/** The claims of all states, in pages as large as the service allows. */
function listQuery({ cursor }: ServiceRequest): string {
  const states = claimStates.map((state) => `state=${state}`).join('&');
  const page = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  return `limit=1000&${states}${page}`;
}

function createBody(request: ServiceRequest): string {
  const { coupon: name, units: amount, holdSeconds: hold_seconds, saga } = request;
  const { opensAt: opens_at, closesAt: closes_at } = request;
  return JSON.stringify({ name, amount, opens_at, closes_at, hold_seconds, saga });
}

function withBody({ key: given }: { key?: string }, body: string): string {
  const key = given === undefined ? '' : `Idempotency-Key: ${given}\r\n`;
  const length = Buffer.byteLength(body);
  return `Content-Type: application/json\r\n${key}Content-Length: ${length}\r\n\r\n${body}`;
}
