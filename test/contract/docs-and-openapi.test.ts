// SPDX-License-Identifier: GPL-3.0-or-later

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, inject, it } from 'vitest';
import { eventTypes } from '../../src/core/events/ports.ts';
import type { Answer, Call } from '../support/contract-client.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests read a document of any shape.
type Json = any;

describe('GET /docs', () => {
  const service = useService();
  const outside = /^(?:[a-z][a-z\d+.-]*:)?\/\//i;

  /** Every link in the page, resolved as a browser does. */
  function linksIn(html: string, base: string): URL[] {
    const found = [...html.matchAll(/\b(?:src|href|action|data)\s*=\s*["']([^"']+)["']/g)];
    return found.map(([, link = '']) => new URL(link, base));
  }

  it.each(['/docs', '/docs/'])(
    '%s and everything that it loads comes from this host',
    async (page) => {
      const { client } = service;
      const html = await client.get(page);
      expect(html.status).toBe(200);
      expect(html.headers['content-type']).toMatch(/^text\/html/);
      const links = linksIn(html.text, client.url + page);
      expect(links.length).toBeGreaterThan(4);
      for (const link of links) {
        expect(link.origin).toBe(client.url);
        const answer = await client.get(link.pathname);
        expect(answer.status, link.href).toBe(200);
        expect(answer.headers['x-content-type-options']).toBe('nosniff');
        if (!link.pathname.endsWith('.css')) continue;
        const loaded = [...answer.text.matchAll(/url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)/g)];
        for (const [, url, imported] of loaded) expect(url ?? imported).not.toMatch(outside);
      }
    },
  );

  it('/docs has no inline script, which its policy forbids', async () => {
    const { text } = await service.client.get('/docs');
    for (const [, inside] of text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)) {
      expect(inside?.trim()).toBe('');
    }
    expect(text).not.toMatch(/\son\w+\s*=/i);
  });

  it('the policy of /docs lets the browser load nothing from other hosts', async () => {
    const policy = String((await service.client.get('/docs')).headers['content-security-policy']);
    const directives = new Map(
      policy.split(';').map((directive) => {
        const [name = '', ...sources] = directive.trim().split(/\s+/);
        return [name, sources];
      }),
    );
    expect(directives.get('default-src')).toEqual(["'none'"]);
    expect(directives.get('script-src')).toEqual(["'self'"]);
    expect(directives.get('frame-ancestors')).toEqual(["'none'"]);
    for (const source of [...directives.values()].flat()) {
      expect(["'none'", "'self'", "'unsafe-inline'", 'data:']).toContain(source);
    }
  });

  it('/docs shows the same description as /openapi.json', async () => {
    const { client } = service;
    const script = await client.get('/docs/static/swagger-initializer.js');
    expect(script.text).toContain("resolveUrl('./json')");
    expect(script.text).toMatch(/validatorUrl: ?null/);
    expect((await client.get('/docs/json')).json).toEqual((await client.get('/openapi.json')).json);
  });
});

describe('GET /openapi.json', () => {
  const service = useService();
  const read = async (): Promise<Json> => (await service.client.get('/openapi.json')).json;
  const operations = (document: Json) =>
    Object.entries<Json>(document.paths).flatMap(([path, item]) =>
      Object.entries<Json>(item).map(([method, operation]) => ({ path, method, operation })),
    );

  it('/openapi.json describes each call with its own operationId', async () => {
    const found = operations(await read()).map(({ path, method, operation }) => [
      `${method.toUpperCase()} ${path}`,
      operation.operationId,
    ]);
    expect(Object.fromEntries(found)).toEqual({
      'POST /api/coupons': 'createCoupon',
      'GET /api/coupons': 'listCoupons',
      'POST /api/coupons/claim': 'claimCoupon',
      'POST /api/claims/batch': 'claimBatch',
      'GET /api/claims/{claim_id}/timeline': 'readTimeline',
      'GET /api/coupons/{name}/overview': 'readOverview',
      'GET /api/coupons/{name}/outcomes': 'streamOutcomes',
      'GET /api/coupons/{name}/outcomes/history': 'readOutcomeHistory',
      'POST /api/coupons/{name}/check': 'checkCoupon',
      'POST /console/session': 'createConsoleSession',
      'GET /console/session': 'readConsoleSession',
      'DELETE /console/session': 'deleteConsoleSession',
      ...(inject('amqpUrl') !== undefined && {
        'GET /api/tickets/{ticket_id}': 'readTicket',
        'GET /api/tickets/{ticket_id}/events': 'streamTicket',
        'GET /api/dead-letters': 'listDeadLetters',
        'GET /api/dead-letters/{id}': 'readDeadLetter',
        'POST /api/dead-letters/redrive': 'redriveDeadLetters',
        'POST /api/dead-letters/discard': 'discardDeadLetters',
      }),
      'GET /api/coupons/{name}': 'readCoupon',
      'GET /api/coupons/{name}/events': 'streamStock',
      'PATCH /api/coupons/{name}': 'changeCoupon',
      'POST /api/coupons/{name}/stock': 'addStock',
      'GET /api/coupons/{name}/claims': 'listClaims',
      'GET /api/coupons/{name}/claims/{user_id}': 'findClaim',
      'POST /api/coupons/{name}/claims/{user_id}/confirm': 'confirmClaim',
      'POST /api/coupons/{name}/claims/{user_id}/release': 'releaseClaim',
      'POST /api/coupons/{name}/claims/{user_id}/redeem': 'redeemClaim',
      'GET /api/claims': 'listUserClaims',
      'GET /api/operator-log': 'listOperatorLog',
      'GET /api/lost-history': 'readLostHistory',
      'POST /api/lost-history/accept': 'acceptHistory',
      'POST /api/webhooks': 'createWebhook',
      'GET /api/webhooks': 'listWebhooks',
      'GET /api/webhooks/{id}': 'readWebhook',
      'DELETE /api/webhooks/{id}': 'deleteWebhook',
      'POST /api/webhooks/{id}/enable': 'enableWebhook',
      'POST /api/webhooks/{id}/rotate-secret': 'rotateWebhookSecret',
      'GET /api/webhooks/{id}/deliveries': 'listWebhookDeliveries',
      'POST /api/webhooks/{id}/redeliver': 'redeliverEvents',
      'POST /api/webhooks/{id}/test': 'testWebhook',
      'GET /api/sagas': 'listSagas',
      'GET /api/sagas/{id}': 'readSaga',
      'POST /api/sagas/{id}/retry': 'retrySaga',
      'POST /api/sagas/{id}/resolve': 'resolveSaga',
      'GET /health': 'readHealth',
      'GET /api/health': 'readApiHealth',
      'GET /readyz': 'readReadiness',
      'GET /livez': 'readLiveness',
      'GET /metrics': 'readMetrics',
    });
    const ids = found.map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('/openapi.json is a valid OpenAPI 3.1 document', async () => {
    const document = await read();
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'firstcome', version: expect.any(String) });
    // A licence has an identifier or a URL, never both.
    expect(document.info.license).not.toHaveProperty('url');
    const tags = document.tags.map((tag: Json) => tag.name);
    for (const { path, method, operation } of operations(document)) {
      expect(path).toMatch(/^\//);
      expect(['get', 'post', 'patch', 'delete']).toContain(method);
      for (const tag of operation.tags) expect(tags).toContain(tag);
      const parameters: Json[] = operation.parameters ?? [];
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      for (const parameter of parameters) {
        expect(['path', 'query', 'header']).toContain(parameter.in);
        expect(parameter.schema).toBeTypeOf('object');
        if (parameter.in === 'path') expect(parameter.required).toBe(true);
      }
      const hasBody = method !== 'get' && method !== 'delete';
      expect(operation.requestBody !== undefined).toBe(hasBody);
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        expect(status).toMatch(/^(?:[1-5]\d\d|default)$/);
        expect(response.description).toMatch(/\S/);
        expect(response.content === undefined).toBe(status === '204');
        for (const content of Object.values<Json>(response.content ?? {})) {
          expect(content.schema).toBeTypeOf('object');
        }
      }
      for (const requirement of operation.security ?? document.security ?? []) {
        for (const scheme of Object.keys(requirement)) {
          expect(document.components.securitySchemes).toHaveProperty(scheme);
        }
      }
    }
  });

  it('/openapi.json describes each type of event with its body', async () => {
    const document = await read();
    expect(Object.keys(document.webhooks)).toEqual([...eventTypes]);
    for (const [type, { post }] of Object.entries<Json>(document.webhooks)) {
      const { properties } = post.requestBody.content['application/json'].schema;
      expect(properties.type).toEqual({ type: 'string', const: type });
      const data = properties.data.$ref ? resolve(document, properties.data.$ref) : properties.data;
      expect(Object.keys(data.properties)).toContain('coupon_name');
      expect('claim_id' in data.properties).toBe(type.startsWith('claim.'));
      const names = post.parameters.map(({ name }: Json) => name);
      expect(names).toEqual(['webhook-id', 'webhook-timestamp', 'webhook-signature']);
    }
  });

  it('/openapi.json requires a body exactly where a call without one is refused', async () => {
    const refused: [string, boolean][] = [];
    const required: [string, boolean][] = [];
    for (const { path, method, operation } of operations(await read())) {
      if (operation.requestBody === undefined) continue;
      const sent = { method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'none') };
      // Where the body is accepted, there is no coupon of this name, or no webhook or saga of this id.
      const { code } = (await service.client.call(sent)).json;
      const isMissing = /^(?:coupon|webhook|saga)_not_found$/.test(code);
      refused.push([operation.operationId, !isMissing]);
      required.push([operation.operationId, operation.requestBody.required]);
    }
    expect(required).toEqual(refused);
    expect(new Set(Object.values(Object.fromEntries(refused)))).toEqual(new Set([true, false]));
  });

  it('/openapi.json requires no key for health checks only', async () => {
    const document = await read();
    const open = Object.entries<Json>(document.paths).filter(
      ([, { get }]) => get?.security?.length === 0,
    );
    expect(open.map(([path]) => path).sort()).toEqual([
      ...['/api/health', '/health', '/livez', '/readyz'],
    ]);
  });

  it('/openapi.json has no broken references and no keywords of OpenAPI 3.0', async () => {
    const document = await read();
    const visit = (value: Json): void => {
      if (typeof value !== 'object' || value === null) return;
      if (typeof value.$ref === 'string') expect(resolve(document, value.$ref)).toBeDefined();
      expect(value).not.toHaveProperty('nullable');
      expect(value.exclusiveMinimum).not.toBeTypeOf('boolean');
      Object.values(value).forEach(visit);
    };
    visit(document);
  });

  it('/openapi.json allows unknown members in claims only, and no empty change', async () => {
    const document = await read();
    const bodies = Object.values<Json>(document.paths)
      .flatMap((methods) => Object.values<Json>(methods))
      .filter(({ requestBody }) => requestBody !== undefined)
      .map(({ operationId, requestBody }) => [
        operationId,
        requestBody.content['application/json'].schema,
      ]);
    expect(bodies.length).toBeGreaterThan(3);
    for (const [operation, { additionalProperties }] of bodies) {
      const isOfClaims = operation === 'claimCoupon' || operation === 'claimBatch';
      const expected = isOfClaims ? undefined : false;
      expect([operation, additionalProperties]).toEqual([operation, expected]);
    }
    expect(Object.fromEntries(bodies).changeCoupon.minProperties).toBe(1);
  });

  it('/openapi.json describes every response with all of its members', async () => {
    const { client } = service;
    const document = await read();
    const coupon = await service.createCoupon({
      opens_at: null,
      closes_at: '2999-01-01T00:00:00Z',
    });
    await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    const full = await service.createCoupon({ amount: 1 });
    await service.mustClaim(full);
    const later = await service.createCoupon({ opens_at: '2999-01-01T00:00:00Z' });
    const claim = (user_id: string, coupon_name: string, key?: string): Call => ({
      ...{ method: 'POST', path: '/api/coupons/claim', body: { user_id, coupon_name } },
      ...(key !== undefined && { headers: { 'Idempotency-Key': key } }),
    });
    const webhook = { url: 'https://shop.example/', events: ['claim.confirmed'] };
    const rows: [string, number, Call][] = [
      ['/api/coupons', 201, post('/api/coupons', { name: newName(), amount: 1 })],
      ['/api/coupons', 400, post('/api/coupons', {})],
      ['/api/coupons', 409, post('/api/coupons', { name: coupon, amount: 1 })],
      ['/api/coupons', 413, post('/api/coupons', 'x'.repeat(20_000))],
      ['/api/coupons', 200, get('/api/coupons?limit=1')],
      ['/api/coupons', 400, get('/api/coupons?limit=0')],
      ['/api/coupons/claim', 200, claim('bob', coupon)],
      ['/api/coupons/claim', 200, claim('ada', coupon, 'k')],
      ['/api/coupons/claim', 400, claim('bob', full)],
      ['/api/coupons/claim', 404, claim('bob', newName())],
      ['/api/coupons/claim', 409, claim('ada', coupon)],
      ['/api/coupons/claim', 409, claim('bob', later)],
      [
        '/api/coupons/claim',
        403,
        { ...claim('eve', coupon), headers: { Origin: 'https://evil.example' } },
      ],
      [
        '/api/claims/batch',
        200,
        post('/api/claims/batch', {
          claims: [
            { user_id: 'cyd', coupon_name: coupon },
            { user_id: 'ada', coupon_name: coupon, idempotency_key: 'k' },
            { user_id: 'ada', coupon_name: coupon },
            { user_id: 'bob', coupon_name: full },
            { user_id: 'bob' },
          ],
        }),
      ],
      ['/api/coupons/{name}', 200, get(pathOf(coupon))],
      ['/api/coupons/{name}', 404, get(pathOf(newName()))],
      ['/api/coupons/{name}', 414, get(`/api/coupons/${'x'.repeat(5000)}`)],
      ['/api/coupons/{name}', 200, patch(pathOf(coupon), { paused: false })],
      ['/api/coupons/{name}', 400, patch(pathOf(coupon), {})],
      ['/api/coupons/{name}', 400, patch(pathOf(coupon), { pause: true })],
      ['/api/coupons/{name}/stock', 200, post(pathOf(coupon, 'stock'), { add: 1 })],
      ['/api/coupons/{name}/claims', 200, get(pathOf(coupon, 'claims'))],
      ['/api/coupons/{name}/claims/{user_id}', 200, get(pathOf(coupon, 'claims', 'ada'))],
      ['/api/coupons/{name}/claims/{user_id}', 404, get(pathOf(coupon, 'claims', 'eve'))],
      ['/api/webhooks', 201, post('/api/webhooks', webhook)],
      ['/api/webhooks', 400, post('/api/webhooks', { ...webhook, events: [] })],
      ['/api/webhooks', 200, get('/api/webhooks')],
      ['/api/webhooks/{id}', 404, get('/api/webhooks/none')],
      ['/health', 200, get('/health')],
      ['/api/health', 200, get('/api/health')],
      ['/readyz', 200, get('/readyz')],
      ['/livez', 200, get('/livez')],
    ];
    for (const [path, status, call] of rows) {
      const answer = await client.call(call);
      expect(answer.status, answer.text).toBe(status);
      expectAsDescribed(document, document.paths[path][call.method.toLowerCase()], answer);
    }
    for (const type of ['text/csv', 'application/x-ndjson']) {
      const { content } = document.paths['/api/coupons/{name}/claims'].get.responses[200];
      expect(content).toHaveProperty([type]);
    }
  });
});

const get = (path: string): Call => ({ method: 'GET', path });
const post = (path: string, body: unknown): Call => ({ method: 'POST', path, body });
const patch = (path: string, body: unknown): Call => ({ method: 'PATCH', path, body });

function resolve(document: Json, reference: string): Json {
  expect(reference).toMatch(/^#\//);
  const keys = reference.slice(2).split('/');
  return keys.reduce((value, key) => value?.[key], document);
}

// Those that mean something in a call, and not to HTTP alone.
const headersOfCalls = new Set([
  ...['age', 'allow', 'idempotency-replayed', 'link', 'location', 'preference-applied'],
  ...['retry-after', 'www-authenticate'],
]);

/** Expects the media type, the headers and the body that the operation describes for the status of the answer. */
function expectAsDescribed(document: Json, operation: Json, answer: Answer): void {
  const response = operation.responses[answer.status] ?? operation.responses.default;
  const type = String(answer.headers['content-type']).split(';')[0] ?? '';
  expect(response?.content, `${operation.operationId} ${answer.status}`).toHaveProperty([type]);
  const described = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
  const returned = Object.keys(answer.headers).filter((name) => headersOfCalls.has(name));
  expect(described, `${operation.operationId} ${answer.status}`).toEqual(
    expect.arrayContaining(returned),
  );
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  formats.default(ajv);
  ajv.addVocabulary(['components', 'example']);
  const { components } = closed(document);
  const schema = closed(response.content[type].schema);
  const validate = ajv.compile({ ...schema, components });
  expect(validate(answer.json), JSON.stringify(validate.errors)).toBe(true);
}

/** The schemas with every undescribed member forbidden. */
function closed(value: Json): Json {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, closed(inner)]),
  );
  return value.type === 'object' && value.properties !== undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}
