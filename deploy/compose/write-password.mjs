// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Writes a random password, and the URL that holds it, into the folder that is named, unless they are there. Whoever
 * ends it halfway may run it again. Both files may be read by their owner's group, and by nobody else.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];

// Under its final name a file is always a whole one.
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
