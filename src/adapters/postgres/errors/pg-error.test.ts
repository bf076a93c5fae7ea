// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { brokeConnection, DatabaseFault, toDatabaseFault } from './pg-error.ts';

function serverError(code: string, members: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('a message of the server', 1, 'error'), {
    code,
    ...members,
  });
}

describe('toDatabaseFault: an error after which nothing is stored', () => {
  it.each([
    ['22021', 'refused', 'a NUL in a text'],
    ['22003', 'refused', 'a number out of range'],
    ['23505', 'refused', 'a unique constraint'],
    ['23514', 'refused', 'a check constraint'],
    ['2F005', 'refused', 'a function that returns nothing'],
    ['44000', 'refused', 'a view with check option'],
    ['54001', 'refused', 'a recursion without end'],
    ['55000', 'refused', 'an object in the wrong state'],
    ['P0001', 'refused', 'an exception of a trigger'],
    ['MY001', 'refused', 'a code that PostgreSQL does not have'],
    ['25006', 'not_sent', 'a server that takes no writes'],
    ['26000', 'broken', 'a prepared statement that is gone'],
    ['40001', 'conflict', 'a serialization failure'],
    ['40P01', 'conflict', 'a deadlock'],
    ['42703', 'broken', 'a column that is not there'],
    ['42883', 'not_sent', 'a function that is not there, as in another database'],
    ['42P01', 'not_sent', 'a table that is not there'],
    ['55P03', 'busy', 'a lock timeout'],
    ['57014', 'busy', 'a statement timeout'],
  ])('takes %s as %s: %s', (code, reason) => {
    expect(toDatabaseFault(serverError(code))).toMatchObject({ reason, effect: 'none' });
  });
});

describe('toDatabaseFault: an error that does not show whether the commit happened', () => {
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
    ['40003', 'the server does not know either'],
    ['55006', 'an object in use'],
    ['0A000', 'a plan whose columns have changed'],
  ])('takes %s as lost: %s', (code) => {
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
    ['a value that is no Error', 'a text'],
  ])('takes %s as lost', (_, error) => {
    const fault = toDatabaseFault(error);
    expect(fault).toMatchObject({ reason: 'lost', effect: 'unknown' });
    expect(fault.cause).toBe(error);
  });
});

describe('brokeConnection', () => {
  it.each([
    ['a reset socket', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['no answer in time', new Error('the database did not answer in time')],
    ['an error of the server without a code', new pg.DatabaseError('?', 1, 'error')],
    ['a server that stops', serverError('57P01')],
    ['a crash of the server', serverError('57P02')],
    ['a protocol error', serverError('08P01')],
  ])('a connection broke after %s', (_, error) => {
    expect(brokeConnection(toDatabaseFault(error))).toBe(true);
  });

  it.each([
    ['a full disk', serverError('53100')],
    ['an input or output error', serverError('58030')],
    ['an internal error', serverError('XX000')],
    ['a server that takes no writes', serverError('25006')],
    ['a statement timeout', serverError('57014')],
  ])('no connection broke after %s', (_, error) => {
    expect(brokeConnection(toDatabaseFault(error))).toBe(false);
  });
});

describe('toDatabaseFault: a refusal by a constraint', () => {
  it.each([
    ['coupons_name_length', 'name'],
    ['coupons_amount_at_least_one', 'amount'],
    ['coupons_window_order', 'closes_at'],
    ['claims_user_id_length', 'user_id'],
  ])('a refusal by %s asks the caller to correct the field %s', (constraint, field) => {
    expect(toDatabaseFault(serverError('23514', { constraint }))).toMatchObject({
      ...{ reason: 'invalid', effect: 'none', field: { field }, refusal: undefined },
    });
  });

  it.each([
    ['23505', 'coupons_primary_key', 'sequence'],
    ['23505', 'claims_one_per_position', 'leftovers'],
    ['23505', 'stock_ledger_primary_key', 'leftovers'],
    ['23514', 'coupons_never_oversold', 'own'],
    ['23514', 'hosts_own_check', 'foreign'],
    ['23514', 'constructor', 'foreign'],
    ['23502', undefined, 'foreign'],
    ['P0001', undefined, 'foreign'],
    ['22003', undefined, 'value'],
  ])('a refusal with %s by %s goes to an operator, under the rule %s', (code, constraint, rule) => {
    const fault = toDatabaseFault(serverError(code, { constraint }));
    expect(fault).toMatchObject({ reason: 'refused', field: undefined, refusal: { rule } });
  });

  it('a refusal because of a void mark needs no operator', () => {
    const fault = toDatabaseFault(
      serverError('23505', { constraint: 'stock_ledger_one_per_batch' }),
    );
    expect(fault).toMatchObject({ reason: 'void', effect: 'none', refusal: undefined });
  });

  it('a ticket that another session has stored is a conflict; a trigger that names its key is not', () => {
    const constraint = 'tickets_primary_key';
    const reasonFor = (code: string) => toDatabaseFault(serverError(code, { constraint })).reason;
    expect(reasonFor('23505')).toBe('conflict');
    expect(reasonFor('23514')).toBe('refused');
  });

  it.each([
    ['ada@example.org', undefined],
    // The author of an exception may put any text in the place of a name.
    ['ada', 'exec_stmt_raise'],
  ])('keeps values that the server quotes out of every text and member: %s', (secret, routine) => {
    const quoted = { detail: secret, hint: secret, where: secret, internalQuery: secret };
    const names = { constraint: secret, table: secret, column: secret, schema: secret };
    const error = serverError('23505', { ...quoted, ...names, message: secret, routine });
    const fault = toDatabaseFault(error);
    const { err } = pino.stdSerializers;
    const { stack, ...logged } = err(fault);
    const texts = JSON.stringify({ ...fault, logged, cause: (fault.cause as Error).message });
    expect(texts).toContain('23505');
    expect(`${texts} ${stack.split('\n', 1)}`).not.toContain(secret);
  });
});

describe('toDatabaseFault: an error in a function', () => {
  const inFunction = (name: string) => ({
    where: `PL/pgSQL function ${name} line 3 at PERFORM\nSQL statement "insert"`,
  });

  it.each([
    ['42P01', 'check_user()', 'refused'],
    ['42P01', 'shop.check_user(text,integer)', 'refused'],
    ['42P01', 'claim_batch(uuid,text,text[],uuid[],text[],boolean)', 'not_sent'],
    ['42P01', 'firstcome.add_stock(text,integer)', 'not_sent'],
    ['42703', 'firstcome.add_stock(text,integer)', 'broken'],
    ['25006', 'copy_to_archive()', 'refused'],
    ['25006', 'firstcome.require_primary()', 'not_sent'],
  ])('takes %s in %s as %s', (code, name, reason) => {
    expect(toDatabaseFault(serverError(code, inFunction(name)))).toMatchObject({ reason });
  });

  it('an error in a function of another program is not blamed on a value of this service', () => {
    const refusal = { rule: 'foreign', sqlState: '22P02', function: 'check_user() line 3' };
    expect(toDatabaseFault(serverError('22P02', inFunction('check_user()')))).toMatchObject({
      refusal,
    });
  });
});

describe('toDatabaseFault: an error of another copy of the driver', () => {
  class DatabaseError extends Error {
    code = '55P03';
    length = 1;
    severity: string | undefined = 'ERROR';
  }

  it('an error of another copy of the driver is recognised by its members', () => {
    expect(toDatabaseFault(new DatabaseError())).toMatchObject({ reason: 'busy', effect: 'none' });
  });

  it('an error that no server sent counts as lost', () => {
    const error = Object.assign(new DatabaseError(), { severity: undefined });
    expect(toDatabaseFault(error)).toMatchObject({ reason: 'lost', effect: 'unknown' });
  });
});

describe('DatabaseFault', () => {
  it('a fault keeps the name of the constraint and the code', () => {
    const constraint = 'coupons_window_order';
    expect(toDatabaseFault(serverError('23514', { constraint }))).toMatchObject({
      ...{ constraint, code: '23514' },
    });
  });

  it('a fault is logged with the message, the code and the stack of its cause, each once', () => {
    const cause = serverError('57P01');
    const { err } = pino.stdSerializers;
    const { message, stack, code } = err(toDatabaseFault(cause));
    expect(message).toBe('the answer to the statement was lost: a message of the server');
    expect(code).toBe('57P01');
    expect(stack.split(cause.stack ?? '')).toHaveLength(2);
    expect(err(toDatabaseFault('a text')).message).toBe(
      'the answer to the statement was lost: a text',
    );
  });

  it('toDatabaseFault returns a fault unchanged', () => {
    const fault = new DatabaseFault('busy', new Error('first'));
    expect(toDatabaseFault(fault)).toBe(fault);
  });
});
