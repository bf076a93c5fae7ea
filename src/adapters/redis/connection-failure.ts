// SPDX-License-Identifier: GPL-3.0-or-later
import { messageOf } from '../../core/error-message.ts';

/**
 * Why a connection failed, for the log. The error of a server that does not expect TLS, or requires it, says nothing of TLS.
 * `isNew`: the server has not answered on this connection yet.
 */
export function reasonOfFailure(error: unknown, tls: boolean, isNew: boolean): string {
  const message = messageOf(error);
  const { code } = error as { code?: unknown };
  if (tls && (code === 'ETIMEDOUT' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')) {
    return `${message}: no TLS handshake; perhaps the server does not use TLS`;
  }
  if (!tls && isNew && code === 'ECONNRESET') return `${message}: perhaps the server requires TLS`;
  return message;
}
