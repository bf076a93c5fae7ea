// SPDX-License-Identifier: GPL-3.0-or-later
import { messageOf } from '../../core/error-message.ts';

/**
 * Why a connection or a command failed, and what to do, for the log. The error of a server that does not expect TLS, or
 * requires it, says nothing of TLS. `isNew`: the server has not answered on this connection yet.
 */
export function reasonOfFailure(error: unknown, tls: boolean, isNew: boolean): string {
  const message = messageOf(error);
  const code = String((error as { code?: unknown }).code ?? '');
  const advice = adviceOn(code, message, tls, isNew);
  return advice === undefined ? message : `${message}: ${advice}`;
}

const certificateCode =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

/** By the first word of what a server answers. */
const adviceByAnswer: Record<string, string> = {
  WRONGPASS: 'check the user and the password in REDIS_URL',
  NOAUTH: 'the server requires a password; add it to REDIS_URL',
  NOPERM: 'allow the user of REDIS_URL the keys and channels that begin with firstcome:',
  OOM: 'raise maxmemory of the server, or set its maxmemory-policy to allkeys-lru',
  READONLY:
    'the address in REDIS_URL is that of a replica; name the primary, or use redis+sentinel://',
  MISCONF: 'make room on the disk of the server, or switch its persistence off',
};

function adviceOn(code: string, message: string, tls: boolean, isNew: boolean): string | undefined {
  const [answer = ''] = message.split(' ', 1);
  if (Object.hasOwn(adviceByAnswer, answer)) return adviceByAnswer[answer];
  if (certificateCode.test(code)) {
    return 'name the file of the authority of its certificate in NODE_EXTRA_CA_CERTS, and in REDIS_URL the host of the certificate';
  }
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') {
    return 'check that Redis runs, and the host and the port in REDIS_URL';
  }
  if (tls && (code === 'ETIMEDOUT' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')) {
    return 'no TLS handshake; perhaps the server does not use TLS';
  }
  if (/^Socket timeout|has not answered within/.test(message)) {
    return 'check that Redis is not frozen, does not swap and is not too far away';
  }
  if (!tls && isNew && code === 'ECONNRESET') return 'perhaps the server requires TLS';
  return undefined;
}
