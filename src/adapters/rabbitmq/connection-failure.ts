// SPDX-License-Identifier: GPL-3.0-or-later
import { messageOf } from '../../core/error-message.ts';

/** Why a connection to RabbitMQ could not be opened, and what to do, for the log. Repeats neither user nor password. */
export function reasonOfFailure(error: unknown, tls: boolean): string {
  const message = messageOf(error);
  const code = String((error as { code?: unknown }).code ?? '');
  const advice = adviceOn(code, message, tls);
  return advice === undefined ? message : `${message}: ${advice}`;
}

const certificateCode =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

function adviceOn(code: string, message: string, tls: boolean): string | undefined {
  if (/ACCESS_REFUSED|ACCESS-REFUSED/.test(message)) {
    return 'check the user and the password in AMQP_URL; the user guest may only connect from the machine of the server';
  }
  // The library hides what the server has said.
  if (/vhost|NOT_ALLOWED|NOT-ALLOWED|Expected ConnectionOpenOk/.test(message)) {
    return 'check the virtual host in AMQP_URL, and the permissions of its user there';
  }
  if (certificateCode.test(code)) {
    return 'name the file of the authority of its certificate in NODE_EXTRA_CA_CERTS, and in AMQP_URL the host of the certificate';
  }
  if (tls && /WRONG_VERSION_NUMBER|wrong version number/.test(code + message)) {
    return 'perhaps the port does not use TLS: then AMQP_URL begins with amqp://';
  }
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || /ETIMEDOUT/.test(code + message)) {
    return 'check that RabbitMQ runs, and the host and the port in AMQP_URL';
  }
  if (!tls && /closed abruptly|Invalid frame|ECONNRESET|Unexpected close/i.test(code + message)) {
    return 'perhaps the port requires TLS (then AMQP_URL begins with amqps://) or is not that of RabbitMQ';
  }
  return undefined;
}
