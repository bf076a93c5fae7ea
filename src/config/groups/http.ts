// SPDX-License-Identifier: GPL-3.0-or-later
import { isHost, isHostOfUrl, toHostname } from '../formats.ts';
import { list, text, wholeNumber } from '../kinds.ts';
import { isOrigin, toOrigin, whyNoOrigin } from '../origins.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of the HTTP server. */
export const httpGroup = {
  heading: 'HTTP',
  introduction: 'Where the service listens, what it accepts and how long it waits for a client.',
  settings: {
    http: {
      host: text({
        variable: 'HOST',
        default: '127.0.0.1',
        isValid: isHost,
        allowed: 'a host name or an IP address, without scheme or port',
        help: 'Address to listen on. One that is not loopback needs ADMIN_API_KEY.',
      }),
      port: wholeNumber({
        variable: 'PORT',
        default: 8080,
        min: 0,
        max: 65_535,
        help: 'Port to listen on; 0 takes a free one.',
      }),
      /** In the form of `URL.hostname`: lower case, IPv6 in brackets, no port. */
      allowedHosts: list({
        variable: 'ALLOWED_HOSTS',
        isValid: isHostOfUrl,
        convert: toHostname,
        allowed: 'a host name or an IP address in full, without scheme or port',
        help:
          'Host names, separated by commas, that requests may name besides loopback names. If HOST is not loopback, they ' +
          'may also name IP addresses and names without a dot, and any host if ADMIN_API_KEY is set.',
      }),
      /** In the form in which browsers and web views send them: lower case, no default port. */
      corsOrigins: list({
        variable: 'CORS_ORIGINS',
        isValid: isOrigin,
        convert: toOrigin,
        allowed: 'an origin in full, such as https://shop.example or capacitor://localhost',
        explain: whyNoOrigin,
        help:
          'Origins, separated by commas, whose pages may call the service: those of other sites, of app shells, and its ' +
          'own where a proxy in front changes the Host.',
      }),
      headersTimeoutMs: wholeNumber({
        variable: 'HTTP_HEADERS_TIMEOUT_MS',
        default: 5_000,
        min: 100,
        max: 600_000,
        unit: 'milliseconds',
        help: 'How long a client may take to send the headers of a request, from its first byte on.',
      }),
      /** Never below `headersTimeoutMs`. */
      requestTimeoutMs: wholeNumber({
        variable: 'HTTP_REQUEST_TIMEOUT_MS',
        default: 10_000,
        min: 100,
        max: 600_000,
        unit: 'milliseconds',
        help: 'How long a client may take to send a whole request; not below the headers timeout.',
      }),
      keepAliveTimeoutMs: wholeNumber({
        variable: 'HTTP_KEEP_ALIVE_TIMEOUT_MS',
        default: 72_000,
        min: 1,
        max: 3_600_000,
        unit: 'milliseconds',
        help: 'How long a connection may wait for a request; keep it above that of the proxy in front.',
      }),
      connectionsMax: wholeNumber({
        variable: 'HTTP_CONNECTIONS_MAX',
        default: 10_000,
        min: 1,
        max: 1_000_000,
        help: 'Connections open at once. At nine tenths idle ones are closed; beyond the limit only health checks are served.',
      }),
      headerBytesMax: wholeNumber({
        variable: 'HTTP_HEADER_BYTES_MAX',
        default: 16_384,
        min: 4_096,
        max: 1_048_576,
        unit: 'bytes',
        help: 'Size of the request line and headers together.',
      }),
      backlog: wholeNumber({
        variable: 'HTTP_BACKLOG',
        default: 4_096,
        min: 1,
        max: 65_535,
        help: 'Connections that may wait to be accepted; the system may allow fewer.',
      }),
    },
  },
} satisfies SettingGroup;
