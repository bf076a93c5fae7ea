// SPDX-License-Identifier: GPL-3.0-or-later
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { type AccessRule, accessWith } from './access.ts';
import type { ApiKeys } from './api-keys.ts';
import { enforceAccess } from './enforce-access.ts';
import type { HttpApp } from './http-app.ts';

const keys = {
  ...{ claimApiKey: 'the-claim-key', claimApiKeyNext: 'the-next-claim-key' },
  ...{ adminApiKey: 'the-admin-key', adminApiKeyNext: 'the-next-admin-key' },
  viewerApiKey: 'the-viewer-key',
};

function appWith(current: () => ApiKeys): HttpApp {
  const app = Fastify() as unknown as HttpApp;
  enforceAccess(app, accessWith({ keys: current }));
  return app;
}

it('a route without an access rule fails the start', () => {
  const app = appWith(() => keys);
  expect(() => app.get('/open', {}, () => 'served')).toThrow('/open declares no access rule');
  expect(() => app.get('/docs', { schema: { hide: true } }, () => 'page')).not.toThrow();
});

const claimers = ['claim', 'claim-next', 'admin', 'admin-next'];

it.each<[AccessRule, string[]]>([
  ['public', ['anonymous', ...claimers, 'viewer']],
  ['claim', claimers],
  ['confirm-claim', claimers],
  ['release-claim', claimers],
  ['redeem-claim', claimers],
  ['claim-or-view', [...claimers, 'viewer']],
  ['view', ['admin', 'admin-next', 'viewer']],
  ['admin', ['admin', 'admin-next']],
])('a route with the access rule %s serves the callers %j', async (access, allowed) => {
  const app = appWith(() => keys);
  app.get('/route', { config: { access } }, (request) => request.caller);
  const sent = Object.values(keys).map((key) => ({ authorization: `Bearer ${key}` }));
  const callers = ['anonymous', ...claimers, 'viewer'];
  const served: string[] = [];
  for (const [index, headers] of [{}, ...sent].entries()) {
    for (const method of ['GET', 'HEAD'] as const) {
      const { statusCode, body } = await app.inject({ method, url: '/route', headers });
      const caller = callers[index] ?? '';
      if (statusCode === 200) served.push(caller);
      if (method === 'GET' && statusCode === 200 && access !== 'public') expect(body).toBe(caller);
    }
  }
  expect(served).toEqual(allowed.flatMap((key) => [key, key]));
  await app.close();
});

it('only the admin key administers, and a caller without a key where no key is set', async () => {
  const { adminApiKey, adminApiKeyNext, ...claimKeys } = keys;
  const administering = async (current: ApiKeys) => {
    const app = Fastify() as unknown as HttpApp;
    const access = accessWith({ keys: () => current });
    enforceAccess(app, access);
    app.get('/route', { config: { access: 'release-claim' } }, (request) =>
      access.mayAdminister(request) ? 'operator' : 'no operator',
    );
    const sent = [undefined, ...Object.values(keys)];
    const bodies: string[] = [];
    for (const key of sent) {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      bodies.push((await app.inject({ url: '/route', headers })).body);
    }
    await app.close();
    return sent.filter((_, index) => bodies[index] === 'operator');
  };
  expect(await administering(keys)).toEqual([adminApiKey, adminApiKeyNext]);
  expect(await administering({ adminApiKey })).toEqual([adminApiKey]);
  expect(await administering(claimKeys)).toEqual([]);
  // No key is known, so each caller is one without a key.
  expect(await administering({})).toEqual([undefined, ...Object.values(keys)]);
});

it('every caller is anonymous where no key is set', async () => {
  const app = appWith(() => ({}));
  app.get('/route', { config: { access: 'admin' } }, (request) => request.caller);
  const headers = { authorization: `Bearer ${keys.adminApiKey}` };
  expect((await app.inject({ url: '/route', headers })).body).toBe('anonymous');
  await app.close();
});

it('a replaced key is refused from the next request on, and a next key is accepted', async () => {
  let current: ApiKeys = { adminApiKey: 'old' };
  const app = appWith(() => current);
  app.get('/route', { config: { access: 'admin' } }, (request) => request.caller);
  const bodyFor = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    const { statusCode, body } = await app.inject({ url: '/route', headers });
    return statusCode === 200 ? body : 'refused';
  };
  expect([await bodyFor('old'), await bodyFor('new')]).toEqual(['admin', 'refused']);
  current = { adminApiKey: 'old', adminApiKeyNext: 'new' };
  expect([await bodyFor('old'), await bodyFor('new')]).toEqual(['admin', 'admin-next']);
  current = { adminApiKey: 'new', adminApiKeyNext: 'new' };
  expect([await bodyFor('old'), await bodyFor('new')]).toEqual(['refused', 'admin']);
  await app.close();
});

it('a refusal of a valid key names the keys that may do the call', async () => {
  const app = appWith(() => keys);
  app.setErrorHandler((error: { detail?: string }, _request, reply) => reply.send(error.detail));
  app.get('/route', { config: { access: 'admin' } }, () => 'served');
  const headers = { authorization: `Bearer ${keys.claimApiKey}` };
  expect((await app.inject({ url: '/route', headers })).body).toContain('send the admin key');
  await app.close();
});
