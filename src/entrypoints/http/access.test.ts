// SPDX-License-Identifier: GPL-3.0-or-later
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { type AccessRule, accessWith, enforceAccess } from './access.ts';
import type { HttpApp } from './route.ts';

const keys = { adminApiKey: 'the-admin-key', claimApiKey: 'the-claim-key' };

function appWithKeys(): HttpApp {
  const app = Fastify() as unknown as HttpApp;
  enforceAccess(
    app,
    accessWith(() => keys),
  );
  return app;
}

it('a route without an access rule fails the start', () => {
  const app = appWithKeys();
  expect(() => app.get('/open', {}, () => 'served')).toThrow('/open declares no access rule');
  expect(() => app.get('/docs', { schema: { hide: true } }, () => 'page')).not.toThrow();
});

it.each<[AccessRule, string[]]>([
  ['public', ['none', 'claim', 'admin']],
  ['claim', ['claim', 'admin']],
  ['view', ['admin']],
  ['admin', ['admin']],
])('a route with the access rule %s serves callers with the keys %j', async (access, allowed) => {
  const app = appWithKeys();
  app.get('/route', { config: { access } }, () => 'served');
  const headers = {
    none: {},
    claim: { authorization: `Bearer ${keys.claimApiKey}` },
    admin: { authorization: `Bearer ${keys.adminApiKey}` },
  };
  const served: string[] = [];
  for (const [key, sent] of Object.entries(headers)) {
    for (const method of ['GET', 'HEAD'] as const) {
      const { statusCode } = await app.inject({ method, url: '/route', headers: sent });
      if (statusCode === 200) served.push(key);
    }
  }
  expect(served).toEqual(allowed.flatMap((key) => [key, key]));
  await app.close();
});
