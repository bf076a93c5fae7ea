// SPDX-License-Identifier: GPL-3.0-or-later
/** The part of `docs/configuration.md` that says how `DATABASE_URL` is read. */
import { libpqVariableNames } from '../src/config/database-url.ts';
import { inLines } from '../src/core/lines.ts';

const names = libpqVariableNames.map((name) => `\`${name}\``).join(', ');

/** The section as lines. */
export const databaseUrlSection: readonly string[] = [
  "## The database's URL",
  '',
  '`DATABASE_URL` is read as libpq, and so `psql`, reads it:',
  '`postgresql://user:password@host:port/database?parameter=value`. What is special in a part is percent-encoded. A',
  'parameter that is not in this table is refused at the start, with the name that was probably meant.',
  '',
  '| Parameter | Meaning |',
  '|---|---|',
  '| `host`, `port`, `user`, `password`, `dbname` | The same as in front of the `?`, and counts where both are given. A `host` that begins with `/` is the folder of a Unix socket. |',
  '| `sslmode` | Whether the connection is encrypted, and what is verified; see below. |',
  '| `sslrootcert` | File with the authorities whose signature is trusted, or `system`. |',
  '| `sslcert`, `sslkey` | Files with the certificate of the client and its key. |',
  '| `application_name` | Name of the sessions, instead of `firstcome`. |',
  '| `options` | Settings of the sessions, such as `-c geqo=off`. What the service relies on is set behind them. |',
  '| `target_session_attrs` | `any`, `read-write` or `primary`. A start makes sure of a server that takes writes anyway. |',
  '',
  '| `sslmode` | Encrypted | Verified of the certificate |',
  '|---|---|---|',
  '| not given, or `disable` | no | |',
  '| `require` | yes | nothing; with `sslrootcert`, who has signed it |',
  '| `verify-ca` | yes | who has signed it; needs `sslrootcert` |',
  '| `verify-full` | yes | who has signed it, and that it is for this host |',
  '',
  '- Without `sslmode` nothing is encrypted, where libpq would try to. `prefer` and `allow` are refused: they give up',
  '  encryption unnoticed. Over a Unix socket nothing is encrypted.',
  '- `verify-full` without `sslrootcert`, or with `sslrootcert=system`, trusts the authorities that Node trusts: those it',
  '  comes with, and those in the file of `NODE_EXTRA_CA_CERTS`. `NODE_OPTIONS=--use-openssl-ca` takes those of the system.',
  '- The files are read for each new connection, so a renewed certificate needs no restart.',
  '- In the query a `+` is a space; `%2B` is a plus.',
  '- The URL names one server, without a pooler such as PgBouncer in front of it.',
  '',
  inLines(
    `What the URL leaves out comes from the variables of libpq, where they are set: ${names}.`,
    120,
  ),
  'No other of them is read, and no password or service file. They have no effect on the bundled PostgreSQL.',
  '',
];
