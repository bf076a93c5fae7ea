// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { StartError } from '../../../core/errors.ts';
import { NoPrimaryError, noAnswer } from '../connections/primary-finder.ts';
import { DatabaseNotReady, isNotReady, startFailure } from './start-failure.ts';

const coded = (code: string, message = 'a reason') => Object.assign(new Error(message), { code });
const noPrimary = (...reasons: Error[]) =>
  new NoPrimaryError(
    reasons.map((reason, index) => ({ server: { host: `db${index}`, port: 5432 }, reason })),
  );
const noPassword = 'the server asks for a password, and DATABASE_URL has none';
const url = 'postgres://ada:sesame@db.example/sale';

describe('isNotReady', () => {
  it.each([
    ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EAI_AGAIN', 'ENOTFOUND'],
    ...['57P01', '57P02', '57P03', '53300', '25006'],
  ])('lets a start wait after %s', (code) => {
    expect(isNotReady(coded(code))).toBe(true);
    expect(isNotReady(new StartError('of the work', { cause: coded(code) }))).toBe(true);
    expect(isNotReady(new AggregateError([coded(code), coded('ECONNREFUSED')]))).toBe(true);
  });

  it.each([
    ...['28P01', '28000', '3D000', '42501', '08P01', '0A000', 'EACCES'],
    ...['SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('lets a start fail at once after %s', (code) => {
    expect(isNotReady(coded(code))).toBe(false);
    expect(isNotReady(new AggregateError([coded(code), coded('ECONNREFUSED')]))).toBe(false);
  });

  it('lets a start wait while one of several servers may become the primary', () => {
    const [refused, wrong] = [coded('ECONNREFUSED'), coded('28P01')];
    expect(isNotReady(noPrimary(refused, wrong))).toBe(true);
    expect(isNotReady(noPrimary(wrong, wrong))).toBe(false);
    expect(isNotReady(noPrimary(noAnswer('late')))).toBe(true);
  });

  it('lets a start wait for a missing socket, and for no other missing file', () => {
    const missing = (syscall: string) => Object.assign(coded('ENOENT'), { syscall });
    expect(isNotReady(missing('connect'))).toBe(true);
    expect(isNotReady(new StartError('certificates', { cause: missing('open') }))).toBe(false);
  });

  it('lets a start fail at once after a refusal of its own, or a value that is no error', () => {
    expect(isNotReady(new StartError('the database is PostgreSQL 14'))).toBe(false);
    expect(isNotReady(new Error('The server does not support SSL connections'))).toBe(false);
    expect(isNotReady('ECONNREFUSED')).toBe(false);
  });
});

describe('startFailure', () => {
  const linesOf = (error: unknown, waitedMs = 0) =>
    startFailure(url, error, waitedMs).message.split('\n');

  it('says what is wrong, how long the start has waited, and what to do', () => {
    expect(linesOf(coded('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:5432'), 30_000)).toEqual([
      'cannot use the database at db.example/sale:',
      'connect ECONNREFUSED 10.0.0.1:5432',
      'Waited 30 s for it (DATABASE_WAIT_MS).',
      'Check that it runs and that DATABASE_URL names its host, port, user,',
      'password and database.',
    ]);
    expect(linesOf(coded('28P01', 'not you'), 30_000)[0]).toBe(
      'cannot use the database at db.example/sale: not you',
    );
    expect(linesOf(coded('28P01'), 30_000).join()).not.toContain('Waited');
    expect(linesOf(coded('ECONNREFUSED')).join()).not.toContain('Waited');
  });

  it.each([
    [new DatabaseNotReady('it is a standby', 'Use another one.'), 'Use another one.'],
    [coded('53300'), /raise max_connections/],
    [coded('08P01', 'unsupported startup parameter: options'), /connection pooler/],
    [coded('28000', 'no pg_hba.conf entry for host "a", no encryption'), /add sslmode/],
    [new Error('The server does not support SSL connections'), /sslmode=disable/],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), /sslrootcert/],
    [coded('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), /sslrootcert/],
    [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /sslrootcert/],
    [coded('28P01'), /The server runs\. Check the user and the password/],
    [new Error(noPassword), /The server runs\. Add the password/],
    [coded('28000'), /The server runs\. Check the user .* pg_hba\.conf/],
    [coded('3D000'), /The server runs\. Check the name of the database/],
    [coded('42501'), /The server runs\. Give the role .* this privilege/],
    [coded('ECONNREFUSED'), / Check that it runs/],
    [coded('ENOTFOUND', 'getaddrinfo ENOTFOUND dp'), /The name has no address: check the host/],
    [coded('EAI_AGAIN'), /the DNS of this machine/],
    [coded('ENETUNREACH'), /no route to the host: check its network/],
    [new AggregateError([coded('EHOSTUNREACH'), coded('ENETUNREACH')]), /check its network/],
    [noPrimary(coded('25006'), coded('ECONNREFUSED')), /^(?!.*network).*one of these servers is a/],
    [noPrimary(coded('25006'), coded('ENOTFOUND')), /check the host .* one of these servers is a/],
    [noPrimary(coded('ECONNREFUSED'), coded('ETIMEDOUT')), /^(?!.*network).* the primary runs/],
    [noPrimary(coded('ENETUNREACH'), coded('ENETUNREACH')), /check its network(?!.*network)/],
    [noPrimary(coded('ECONNREFUSED'), coded('28P01')), /Check the user and the password/],
  ])('gives advice that fits %s', (error, advice) => {
    const lines = linesOf(error);
    expect(lines.join(' ')).toMatch(advice);
    expect(lines.filter((line) => `firstcome: ${line}`.length > 80)).toEqual([]);
  });

  it('returns the StartError of the work unchanged', () => {
    const refusal = new StartError('the database is PostgreSQL 14');
    expect(startFailure(url, refusal, 30_000)).toBe(refusal);
  });
});
