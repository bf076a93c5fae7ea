// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Writes a random password of PostgreSQL, Patroni, Redis or RabbitMQ into the given folder, with the URL that contains it, and
 * for all but PostgreSQL with what the server reads. Keeps an existing password. It is safe to run again after an
 * interruption. Only the owner and the owner's group can read what the server needs, and only the owner the rest.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [server, folder] = process.argv.slice(2);

// A rename after the write, so that a file under its final name is always complete.
function write(name, text, mode) {
  const draft = join(folder, `${name}.new`);
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode, flush: true });
  renameSync(draft, join(folder, name));
}

/** The password in a file, which is created if it is not there. */
function passwordIn(name, mode) {
  const path = join(folder, name);
  if (!existsSync(path)) write(name, randomBytes(32).toString('hex'), mode);
  return readFileSync(path, 'utf8');
}

const password = passwordIn('password', server === 'postgres' ? 0o440 : 0o400);
if (server === 'postgres') {
  write('database-url', `postgres://firstcome:${password}@postgres:5432/firstcome`, 0o400);
} else if (server === 'patroni') {
  const passwords = {
    SUPERUSER: passwordIn('superuser-password', 0o400),
    REPLICATION: passwordIn('replication-password', 0o400),
    firstcome: password,
  };
  const lines = Object.entries(passwords).map(
    ([role, its]) => `export PATRONI_${role}_PASSWORD=${its}\n`,
  );
  write('patroni.env', lines.join(''), 0o440);
  const [user, servers] = [`firstcome:${password}`, 'patroni-1,patroni-2,patroni-3'];
  write('database-url', `postgres://${user}@database:5432/firstcome`, 0o400);
  const attributes = 'target_session_attrs=read-write';
  write('servers-url', `postgres://${user}@${servers}/firstcome?${attributes}`, 0o400);
} else if (server === 'rabbitmq') {
  write('rabbitmq.conf', `default_user = firstcome\ndefault_pass = ${password}\n`, 0o440);
  write('amqp-url', `amqp://firstcome:${password}@rabbitmq:5672`, 0o400);
} else {
  write('redis.conf', `requirepass ${password}\n`, 0o440);
  write('redis-url', `redis://:${password}@redis:6379`, 0o400);
}
