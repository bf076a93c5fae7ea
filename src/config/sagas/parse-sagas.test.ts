// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { env, type Loose, valid } from '../../../test/support/sagas-file.ts';
import { parseSagas, type Sagas } from './parse-sagas.ts';
import { findSecret } from './participant-secret.ts';

function parsed(content: unknown): Sagas {
  const result = parseSagas(JSON.stringify(content), (place) => findSecret(place, env));
  if ('mistakes' in result) throw new Error(result.mistakes.join('\n'));
  return result.sagas;
}

describe('the sagas of a file', () => {
  it('have the paths of their kinds, and the defaults where the file says nothing', () => {
    const shared = { timeoutMs: 3_000, attemptsMax: 5, undoAttemptsMax: 30, backoffMs: 200 };
    const { definitions, participants } = parsed(valid());
    expect(definitions.get('checkout')?.steps).toEqual([
      {
        ...{ ...shared, name: 'authorize', kind: 'payment', participant: 'payment' },
        ...{ runPath: '/authorize', undoPath: '/void' },
        data: { currency: 'EUR', amount_cents: 1_999 },
      },
      {
        ...{ ...shared, name: 'points', kind: 'loyalty', participant: 'loyalty' },
        ...{ runPath: '/grant', undoPath: '/revoke', data: {} },
      },
      {
        ...{ name: 'capture', kind: 'payment', participant: 'payment', data: {} },
        ...{ runPath: '/capture', undoPath: '/refund' },
        ...{ timeoutMs: 100, attemptsMax: 1, undoAttemptsMax: 1_000, backoffMs: 60_000 },
      },
      {
        ...{ ...shared, name: 'code', kind: 'http', participant: 'loyalty' },
        ...{ runPath: '/codes', undoPath: null, data: {} },
      },
    ]);
    expect([...participants.values()].map(({ name, url }) => [name, url])).toEqual([
      ['payment', 'http://127.0.0.1:9101'],
      ['loyalty', 'https://loyalty.example/api'],
    ]);
  });

  it('sign with the bytes of a secret, or with its Base64 behind whsec_', () => {
    const { participants } = parsed(valid());
    const keyOf = (name: string) =>
      Buffer.from(participants.get(name)?.secret.reveal().slice('whsec_'.length) ?? '', 'base64');
    expect(`${keyOf('payment')}`).toBe('p'.repeat(24));
    expect(`${keyOf('loyalty')}`).toBe('l'.repeat(32));
    expect(JSON.stringify([...participants])).toContain('[hidden]');
  });

  it('have a version that changes with each step, and not with the order of members or the participants', () => {
    const versionOf = (change: (content: Loose, steps: Loose) => unknown = () => undefined) => {
      const content = valid();
      change(content, content.sagas.checkout.steps);
      return parsed(content).definitions.get('checkout')?.version;
    };
    const version = versionOf();
    expect(version).toMatch(/^[\da-f]{16}$/);
    const same = [
      (_: Loose, steps: Loose) => {
        const { data, ...others } = steps[0];
        steps[0] = { data: { amount_cents: 1_999, currency: 'EUR' }, ...others };
      },
      (_: Loose, steps: Loose) => Object.assign(steps[0], { attempts: 5 }),
      ({ participants }: Loose) => Object.assign(participants.payment, { url: 'http://other' }),
      ({ sagas }: Loose) => Object.assign(sagas, { other: { steps: [sagas.checkout.steps[0]] } }),
    ];
    expect(same.map(versionOf)).toEqual(same.map(() => version));
    const others = [
      (_: Loose, steps: Loose) => Object.assign(steps[0].data, { amount_cents: 2_000 }),
      (_: Loose, steps: Loose) => Object.assign(steps[0], { attempts: 6 }),
      (_: Loose, steps: Loose) => steps.pop(),
      (_: Loose, steps: Loose) => steps.unshift(...steps.splice(1, 1)),
    ];
    expect(new Set([version, ...others.map(versionOf)]).size).toBe(5);
  });

  it('are read from a file that begins with a byte order mark', () => {
    const text = `\uFEFF${JSON.stringify(valid())}`;
    const result = parseSagas(text, (place) => findSecret(place, env));
    expect(result).toMatchObject({ sagas: parsed(valid()) });
  });
});

describe('the published schema', () => {
  it('is one that editors can read without the service, and accepts a valid file', () => {
    const path = new URL('../../../docs/sagas.schema.json', import.meta.url);
    const ajv = new Ajv({ strictTypes: false, validateFormats: false });
    const validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')));
    expect(validate(valid())).toBe(true);
    expect(validate({ ...valid(), more: 1 })).toBe(false);
  });
});
