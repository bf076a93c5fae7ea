// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Writes a random password, and the database URL with it, into the given folder. Keeps an existing password. It is safe
 * to run again after an interruption. Only the owner and the owner's group can read the password, and only the owner
 * the URL.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];

// A rename after the write, so that a file under its final name is always complete.
function write(name, text, mode) {
  const draft = join(folder, `${name}.new`);
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode, flush: true });
  renameSync(draft, join(folder, name));
}

const passwordFile = join(folder, 'password');
if (!existsSync(passwordFile)) write('password', randomBytes(32).toString('hex'), 0o440);
const password = readFileSync(passwordFile, 'utf8');
write('database-url', `postgres://firstcome:${password}@postgres:5432/firstcome`, 0o400);
