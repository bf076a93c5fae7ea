// SPDX-License-Identifier: GPL-3.0-or-later
import { SpanKind, type Tracer } from '@opentelemetry/api';
import {
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_QUERY_SUMMARY,
  ATTR_DB_RESPONSE_STATUS_CODE,
  ATTR_DB_SYSTEM_NAME,
  DB_SYSTEM_NAME_VALUE_POSTGRESQL,
} from '@opentelemetry/semantic-conventions';
import type { TraceStatement } from '../../core/tracing.ts';
import { contextOf, currentSpan, errorType, markFailed } from './spans.ts';

/**
 * A span for each statement that runs for a request, for a batch or for its resolution. Statements that no request
 * caused, such as those of the stock check, have none. A span holds the name of its statement, never a value.
 */
export function statementSpans(tracer: Tracer): TraceStatement {
  return async (statement, run) => {
    const parent = currentSpan.getStore();
    // A span that has ended is only the one in which a timer was started.
    if (!parent?.isRecording()) return run();
    const name = statement.name.replace(/^firstcome /, '');
    const attributes = {
      [ATTR_DB_SYSTEM_NAME]: DB_SYSTEM_NAME_VALUE_POSTGRESQL,
      [ATTR_DB_OPERATION_NAME]: name,
      [ATTR_DB_QUERY_SUMMARY]: name,
    };
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, contextOf(parent));
    try {
      return await run();
    } catch (error) {
      markFailed(span, errorType(error));
      const sqlState = sqlStateOf(error);
      if (sqlState !== undefined) span.setAttribute(ATTR_DB_RESPONSE_STATUS_CODE, sqlState);
      throw error;
    } finally {
      span.end();
    }
  };
}

/** The SQLSTATE that the server sent; undefined when the connection was lost, as those errors have codes of Node. */
function sqlStateOf(error: unknown): string | undefined {
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
