// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { DatabaseFault, toDatabaseFault } from './pg-error.ts';

function serverError(code: string, constraint?: string): pg.DatabaseError {
  const error = new pg.DatabaseError('said the server', 1, 'error');
  return Object.assign(error, { code, ...(constraint !== undefined && { constraint }) });
}

describe('an error of the server after which nothing is stored', () => {
  it.each([
    ['22021', 'bad_value', 'a NUL in a text'],
    ['22003', 'bad_value', 'a number out of range'],
    ['23505', 'bad_value', 'a unique constraint'],
    ['23514', 'bad_value', 'a check constraint'],
    ['25006', 'not_sent', 'a server that takes no writes'],
    ['26000', 'broken', 'a prepared statement that is gone'],
    ['40001', 'conflict', 'a serialization failure'],
    ['40P01', 'conflict', 'a deadlock'],
    ['42703', 'broken', 'a column that is not there'],
    ['42883', 'not_sent', 'a function that is not there, as in another database'],
    ['42P01', 'not_sent', 'a table that is not there'],
    ['55P03', 'busy', 'a lock timeout'],
    ['57014', 'busy', 'a statement timeout'],
  ])('%s is %s: %s', (code, reason) => {
    expect(toDatabaseFault(serverError(code))).toMatchObject({ reason, effect: 'none' });
  });
});

describe('an error that tells nothing about the commit', () => {
  it.each([
    ['57P01', 'the server stops'],
    ['57P02', 'the server crashed'],
    ['57P03', 'the server starts'],
    ['57P05', 'the session was idle for too long'],
    ['08006', 'the connection failed'],
    ['53100', 'the disk is full'],
    ['53200', 'out of memory'],
    ['53300', 'too many connections'],
    ['58030', 'an input or output error'],
    ['XX000', 'an internal error'],
    ['40003', 'the server itself does not know'],
    ['P0001', 'nothing that we raise'],
  ])('%s is unknown: %s', (code) => {
    expect(toDatabaseFault(serverError(code))).toMatchObject({ reason: 'lost', effect: 'unknown' });
  });

  it.each([
    ['a reset socket', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['an error of the driver', new Error('Connection terminated unexpectedly')],
    [
      'an error that only looks like one of the server',
      Object.assign(new Error(), { code: '40001' }),
    ],
    ['an error of the server without a code', new pg.DatabaseError('?', 1, 'error')],
    ['no Error at all', 'a text'],
  ])('%s is unknown', (_, error) => {
    const fault = toDatabaseFault(error);
    expect(fault).toMatchObject({ reason: 'lost', effect: 'unknown' });
    expect(fault.cause).toBe(error);
  });
});

describe('an error of another copy of the driver', () => {
  class DatabaseError extends Error {
    code = '55P03';
    length = 1;
    severity: string | undefined = 'ERROR';
  }

  it('is known by its form', () => {
    expect(toDatabaseFault(new DatabaseError())).toMatchObject({ reason: 'busy', effect: 'none' });
  });

  it('is unknown when it was not sent by a server', () => {
    const error = Object.assign(new DatabaseError(), { severity: undefined });
    expect(toDatabaseFault(error)).toMatchObject({ reason: 'lost', effect: 'unknown' });
  });
});

describe('a fault of the database', () => {
  it('keeps the name of the constraint that refused, and the code', () => {
    expect(toDatabaseFault(serverError('23514', 'coupons_window_order'))).toMatchObject({
      ...{ constraint: 'coupons_window_order', code: '23514' },
    });
  });

  it('is logged with the words, the code and the stack of its cause, each once', () => {
    const cause = serverError('57P01');
    const { err } = pino.stdSerializers;
    const { message, stack, code } = err(toDatabaseFault(cause));
    expect(message).toBe('the answer to the statement was lost: said the server');
    expect(code).toBe('57P01');
    expect(stack.split(cause.stack ?? '')).toHaveLength(2);
    expect(err(toDatabaseFault('a text')).message).toBe(
      'the answer to the statement was lost: a text',
    );
  });

  it('is not read a second time', () => {
    const fault = new DatabaseFault('busy', new Error('first'));
    expect(toDatabaseFault(fault)).toBe(fault);
  });
});
