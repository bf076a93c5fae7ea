// SPDX-License-Identifier: GPL-3.0-or-later
/** The section of `docs/configuration.md` about `DATABASE_URL`. */
import { libpqVariableNames } from '../src/config/database-url.ts';
import { inLines } from '../src/core/lines.ts';

const names = libpqVariableNames.map((name) => `\`${name}\``).join(', ');

/** The section as lines. */
export const databaseUrlSection: readonly string[] = [
  "## The database's URL",
  '',
  'The service reads `DATABASE_URL` as libpq and `psql` do: `postgresql://user:password@host:port/database?parameter=value`.',
  'Special characters in a component are percent-encoded. The service does not start with a parameter that is not in this',
  'table, and suggests the most similar name.',
  '',
  '| Parameter | Meaning |',
  '|---|---|',
  '| `host`, `port`, `user`, `password`, `dbname` | The same as before the `?`, and takes precedence. A `host` that starts with `/` is the folder of a Unix socket. |',
  '| `sslmode` | Whether the connection is encrypted, and what is verified; see below. |',
  '| `sslrootcert` | File with the trusted certificate authorities, or `system`. |',
  '| `sslcert`, `sslkey` | Files with the certificate of the client and its key. |',
  '| `application_name` | Name of the sessions, instead of `firstcome`. |',
  '| `options` | Settings of the sessions, such as `-c geqo=off`. The settings that the service needs override them. |',
  '| `target_session_attrs` | `any`, `read-write` or `primary`. The service starts only on a server that accepts writes anyway. |',
  '',
  '| `sslmode` | Encrypted | Verified |',
  '|---|---|---|',
  '| not given, or `disable` | no | |',
  '| `require` | yes | nothing; with `sslrootcert`, the signature of the certificate |',
  '| `verify-ca` | yes | the signature of the certificate; needs `sslrootcert` |',
  '| `verify-full` | yes | the signature of the certificate, and that it is for this host |',
  '',
  '- Without `sslmode` nothing is encrypted, where libpq would try to. The service refuses `prefer` and `allow`, which fall',
  '  back to an unencrypted connection unnoticed. Connections over a Unix socket are never encrypted.',
  '- `verify-full` without `sslrootcert`, or with `sslrootcert=system`, trusts the authorities that Node trusts: the built-in',
  '  ones and those in the file of `NODE_EXTRA_CA_CERTS`. With `NODE_OPTIONS=--use-openssl-ca` it trusts those of the system.',
  '- The service reads the files for each new connection, so a renewed certificate needs no restart.',
  '- In the query a `+` is a space; `%2B` is a plus.',
  '- The URL must name one server, without a pooler such as PgBouncer in front of it.',
  '',
  inLines(
    `For missing components of the URL the service uses these variables of libpq, where they are set: ${names}.`,
    120,
  ),
  'It reads no other variables of libpq and no password or service file. The bundled PostgreSQL ignores these variables.',
  '',
];
