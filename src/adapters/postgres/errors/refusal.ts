// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import type { RefusalRule } from '../../../core/refusal-rules.ts';
import { ownFunctions } from './constraints.ts';

/**
 * The facts about a refused statement that may be logged: names of the schema, and never a value. The server's message,
 * detail and hint may quote a caller's values, so they stay in the server's log.
 */
export type Refusal = {
  rule: RefusalRule;
  sqlState: string;
  constraint?: string;
  schema?: string;
  table?: string;
  column?: string;
  /** The function that failed, with its line, such as `check_user() line 3`. */
  function?: string;
};

// The routine of a `raise` statement. The author of another program may put any text into these names.
const raised = 'exec_stmt_raise';
const identifier = /^[\p{L}_][\p{L}\p{N}_$]{0,62}$/u;
const innermostFunction = /^PL\/pgSQL function (([\w."$]+)(?:\([^()]*\))? line \d+)/m;
const valueClass = '22';

/** Reads the refusal from the server's error. `known` is the rule of our constraint, if it is ours. */
export function readRefusal(error: pg.DatabaseError, known: RefusalRule | undefined): Refusal {
  const { code = '', constraint, schema, table, column, where = '', routine } = error;
  const isValue = code.startsWith(valueClass) && !isInForeignFunction(error);
  const rule = known ?? (isValue ? 'value' : 'foreign');
  const isTrusted = routine !== raised || isInOwnFunction(error);
  const names = isTrusted ? { constraint, schema, table, column } : {};
  return {
    rule,
    sqlState: code,
    ...Object.fromEntries(
      Object.entries(names).filter(([, name]) => name !== undefined && identifier.test(name)),
    ),
    ...functionIn(where),
  };
}

/** Whether the error happened in a function that is not ours, such as a trigger of another program. */
export function isInForeignFunction(error: pg.DatabaseError): boolean {
  return nameOfFunction(error) !== undefined && !isInOwnFunction(error);
}

function isInOwnFunction(error: pg.DatabaseError): boolean {
  return ownFunctions.has(nameOfFunction(error) ?? '');
}

/** The innermost function in which the error happened, without its schema. */
function nameOfFunction({ where = '' }: pg.DatabaseError): string | undefined {
  return innermostFunction.exec(where)?.[2]?.replace(/^.*\./, '');
}

function functionIn(where: string): { function?: string } {
  const found = innermostFunction.exec(where)?.[1];
  return found === undefined ? {} : { function: found };
}
