// SPDX-License-Identifier: GPL-3.0-or-later
/** The profile ha of compose.yaml: the same servers under Patroni that the tests of failovers run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { patroniEnvironment, patroniFile } from '../patroni/member.ts';
import { patroniPackages } from '../patroni/programs.ts';
import { readCompose } from '../support/compose-files.ts';
import { configOfNode, useComposeVolumes } from '../support/compose-volumes.ts';
import { lastStage } from '../support/dockerfile.ts';

const root = join(import.meta.dirname, '../..');
const plain = readCompose(['compose.yaml']);
const members = ['patroni-1', 'patroni-2', 'patroni-3'];
const image = lastStage(readFileSync(join(root, 'deploy/patroni/Dockerfile'), 'utf8'));
const haproxy = readFileSync(join(root, 'deploy/haproxy/postgres.cfg'), 'utf8');

useComposeVolumes();

const environmentOf = (name: string) => plain.services[name]?.environment ?? {};

it('builds an image with the packages that the tests of failovers run', () => {
  expect(image.from).toMatch(/^debian:12\.\d+-slim$/);
  const install = image.instructions.find(({ rest }) => rest.includes('apt-get install'));
  const named = [...(install?.rest ?? '').matchAll(/'([\w-]+)=[\d.]+[-.]\*'/g)];
  expect(named.map(([, name]) => name)).toEqual([...patroniPackages]);
  expect(image.instructions.find(({ keyword }) => keyword === 'USER')?.rest).toBe('postgres');
});

it('sets what the tests set for each server, and reads the passwords from a file', () => {
  const inTests = Object.keys(
    patroniEnvironment({
      ...{ name: '', host: '', port: 0, restPort: 0, data: '', pgpass: '', binDir: '', etcd: '' },
    }),
  );
  for (const name of members) {
    expect(Object.keys(environmentOf(name)).sort()).toEqual(
      inTests.filter((variable) => !variable.endsWith('_PASSWORD')).sort(),
    );
    expect(environmentOf(name)).toMatchObject({
      PATRONI_NAME: name,
      PATRONI_RESTAPI_CONNECT_ADDRESS: `${name}:8008`,
      PATRONI_POSTGRESQL_CONNECT_ADDRESS: `${name}:5432`,
    });
    expect(plain.services[name]?.command?.join(' ')).toBe(
      'sh -c . /run/patroni/patroni.env && exec patroni /etc/patroni.yml',
    );
    expect(plain.services[name]?.volumes).toContain(`${name}:/var/lib/patroni`);
  }
});

it('keeps all data in folders that belong to the user of the image', () => {
  const folders = image.instructions.find(({ rest }) => rest.startsWith('install -d -o postgres'));
  const mounted = [...members, 'etcd'].flatMap((name) => plain.services[name]?.volumes ?? []);
  const targets = mounted
    .filter((mount) => !mount.endsWith(':ro'))
    .map((mount) => mount.split(':')[1]);
  expect(targets.length).toBe(4);
  for (const target of targets) expect(folders?.rest.split(' ')).toContain(target);
  expect(environmentOf('patroni-1').PATRONI_POSTGRESQL_DATA_DIR).toMatch(/^\/var\/lib\/patroni\//);
});

it('replicates synchronously, and accepts passwords only', () => {
  const { bootstrap, postgresql } = parse(readFileSync(patroniFile, 'utf8'));
  expect(bootstrap.dcs).toMatchObject({ synchronous_mode: true, synchronous_mode_strict: true });
  expect(postgresql.pg_hba.every((line: string) => line.endsWith(' scram-sha-256'))).toBe(true);
});

it('has a HAProxy that knows the servers and asks their Patroni', () => {
  const variables = environmentOf('database');
  const known = [...haproxy.matchAll(/server db\d "\$\{(\w+)\}" port "\$\{(\w+)\}"/g)];
  expect(known.map(([, server = '', port = '']) => [variables[server], variables[port]])).toEqual(
    members.map((name) => [`${name}:5432`, '8008']),
  );
  expect(haproxy).toContain('.if defined(DB_NAMES_MOVE)');
  expect(variables).toHaveProperty('DB_NAMES_MOVE');
  expect(Object.keys(plain.services.database?.depends_on ?? {})).toEqual(members);
});

it('is used by the nodes through HAProxy or directly, where DATABASE_URL_FILE says so', () => {
  for (const [file, hosts] of [
    ['database-url', 'database:5432'],
    ['servers-url', 'patroni-1,patroni-2,patroni-3'],
  ]) {
    const project = readCompose(['compose.yaml'], { DATABASE_URL_FILE: `/run/patroni/${file}` });
    for (const node of ['service', 'service-2', 'service-3']) {
      const url = configOfNode(project, node).database.url?.reveal();
      expect(url).toContain(`@${hosts}/firstcome`);
      expect(project.services[node]?.depends_on?.database).toEqual({
        ...{ condition: 'service_healthy', required: false },
      });
    }
  }
});
