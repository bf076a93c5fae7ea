// SPDX-License-Identifier: GPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Config, loadConfig, settings } from '../../src/config.ts';
import {
  type ComposeProject,
  composeText,
  readCompose,
  servicesWith,
  variablesIn,
} from '../support/compose-files.ts';
import { envOf, lastStage } from '../support/dockerfile.ts';
import { readTidyFiles } from '../support/tidy-files.ts';

const root = join(import.meta.dirname, '../..');
const base = ['compose.yaml'];
const secure = [...base, 'compose.secure.yaml'];
const keys = { ADMIN_API_KEY: 'a'.repeat(64), CLAIM_API_KEY: 'c'.repeat(64) };
const plain = readCompose(base);
const withKeys = readCompose(secure, keys);
const nodes = ['service', 'service-2', 'service-3'];
const both: [string, ComposeProject][] = [
  ['compose.yaml', plain],
  ['compose.yaml and compose.secure.yaml', withKeys],
];

const image = lastStage(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const imageEnv = envOf(image);

// The linter's package contains the schema of the compose specification.
const linter = dirname(createRequire(import.meta.url).resolve('dclint/package.json'));
const schema = JSON.parse(readFileSync(join(linter, 'schemas/compose.schema.json'), 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const isCompose = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });
const errorsIn = (project: unknown) => {
  isCompose(project);
  return (isCompose.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-compose-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const writePassword = () =>
  execFileSync(process.execPath, [join(root, 'deploy/compose/write-password.mjs'), folder]);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

/** Loads the configuration of a node, with `folder` as the volume `password`. */
function configOf(project: ComposeProject, node: string): Config {
  writePassword();
  const environment = Object.entries(project.services[node]?.environment ?? {}).map(
    ([name, value]): [string, string] => [name, value.replace('/run/firstcome/', `${folder}/`)],
  );
  return loadConfig({ ...imageEnv, ...Object.fromEntries(environment) });
}

describe.each(both)('%s', (_files, project) => {
  const services = Object.entries(project.services);

  it('conforms to the compose specification', () => {
    expect(errorsIn(project)).toEqual([]);
    const wrong = { ...project, services: { ...project.services, more: { privilegd: true } } };
    expect(errorsIn(wrong).join()).toContain('/services/more');
  });

  it('publishes ports on 127.0.0.1 only, and none of the database', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
    expect(project.services.postgres?.ports).toBeUndefined();
    expect(project.services.service?.ports).toEqual(['127.0.0.1:8080:8080']);
  });

  it('removes privileges from each container', () => {
    for (const [name, { read_only, cap_drop, security_opt }] of services) {
      const copiesSecrets = project === withKeys && name === 'prometheus';
      expect({ name, read_only, cap_drop, security_opt }).toEqual({
        ...{ name, read_only: !copiesSecrets, cap_drop: ['ALL'] },
        security_opt: ['no-new-privileges:true'],
      });
    }
  });

  it('pins every image, and builds one', () => {
    for (const [name, service] of services) {
      if (service.image !== 'firstcome') {
        expect([name, service.image]).toEqual([name, expect.stringMatching(/:v?\d+\.\d+/)]);
      }
    }
    expect(services.filter(([, { build }]) => build !== undefined).map(([name]) => name)).toEqual([
      'service',
    ]);
  });

  it('depends only on services that run and that can reach the required condition', () => {
    for (const [name, { depends_on = {}, profiles = [] }] of services) {
      const running = servicesWith(project, profiles);
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const service = project.services[other];
        expect([name, running]).toEqual([name, expect.arrayContaining([other])]);
        if (condition === 'service_healthy') {
          const ofImage = service?.image === 'firstcome' && 'HEALTHCHECK';
          const hasCheck = image.instructions.some(({ keyword }) => keyword === ofImage);
          expect([other, hasCheck || service?.healthcheck !== undefined]).toEqual([other, true]);
        }
      }
    }
  });

  it('mounts only files of the repository and declared volumes', () => {
    const tree = readTidyFiles(root).map(({ path }) => `./${path}`);
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes);
    expect(mounts.length).toBeGreaterThan(0);
    for (const mount of mounts) {
      const [source = '', , mode] = mount.split(':');
      const isFile = source.startsWith('./');
      if (isFile) expect(mode).toBe('ro');
      const known = isFile
        ? tree.some((path) => path === source || path.startsWith(`${source}/`))
        : source in (project.volumes ?? {});
      expect([source, known]).toEqual([source, true]);
    }
  });

  it('gives every node the same settings, all known to the service', () => {
    const variables = settings.flatMap(({ variable, secret }) =>
      secret ? [variable, `${variable}_FILE`] : [variable],
    );
    const { service } = project.services;
    for (const node of nodes) {
      expect(project.services[node]?.environment).toEqual(service?.environment);
    }
    const given = Object.keys(service?.environment ?? {});
    expect(given.filter((name) => !variables.includes(name))).toEqual([]);
  });

  it('gives a node more time to stop than its shutdown needs', () => {
    const { delayMs, timeoutMs } = configOf(project, 'service').shutdown;
    for (const node of nodes) {
      const grace = project.services[node]?.stop_grace_period ?? '10s';
      expect(Number.parseInt(grace, 10) * 1000).toBeGreaterThan(delayMs + timeoutMs + 1000);
    }
  });
});

describe('compose.yaml', () => {
  it('needs no variable, and uses only PORT', () => {
    expect(variablesIn(composeText('compose.yaml'))).toEqual(['PORT']);
  });

  it('passes the settings for traces to every node', () => {
    const given = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20key',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
    };
    const withTraces = readCompose(['compose.yaml'], given);
    for (const node of nodes) {
      expect(withTraces.services[node]?.environment).toMatchObject(given);
      expect(Object.keys(plain.services[node]?.environment ?? {}).join()).not.toContain('OTEL_');
    }
  });

  it('passes the limit on client addresses to the balancer, where it is set', () => {
    const limit = { CLIENT_REQUESTS_PER_10S_MAX: '100' };
    const limited = readCompose(base, limit);
    expect(limited.services.balancer?.environment).toEqual(limit);
    expect(plain.services.balancer?.environment).toEqual({});
    const haproxy = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
    expect(haproxy).toContain(`defined(${Object.keys(limit)})`);
  });

  it('runs the service and its database, and with profiles a cluster and observability', () => {
    const usual = ['service', 'password', 'postgres'];
    expect(servicesWith(plain)).toEqual(usual);
    const added = (profile: string) =>
      servicesWith(plain, [profile]).filter((name) => !usual.includes(name));
    expect(added('cluster')).toEqual(['service-2', 'service-3', 'balancer']);
    expect(added('observability')).toEqual(['prometheus', 'grafana']);
  });

  it('warns about anonymous administration and the missing claim key only', () => {
    const config = configOf(plain, 'service');
    expect(config.auth.allowAnonymousAdmin).toBe(true);
    expect(config.warnings).toEqual([
      expect.stringContaining('ALLOW_ANONYMOUS_ADMIN is true'),
      expect.stringContaining('CLAIM_API_KEY is not set'),
    ]);
  });

  it('creates one password, and uses it for the URL and the database', () => {
    const config = configOf(plain, 'service');
    const url = new URL(config.database.url?.reveal() ?? '');
    const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE } =
      plain.services.postgres?.environment ?? {};
    expect(read('password')).toMatch(/^[0-9a-f]{64}$/);
    expect(POSTGRES_PASSWORD_FILE).toBe('/run/firstcome/password');
    expect([url.username, url.password, url.hostname, url.pathname]).toEqual([
      ...[POSTGRES_USER, read('password'), 'postgres'],
      `/${POSTGRES_DB}`,
    ]);

    const before = [read('password'), read('database-url')];
    writePassword();
    expect([read('password'), read('database-url')]).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(['database-url', 'password']);
    expect(statSync(join(folder, 'password')).mode & 0o777).toBe(0o440);
    expect(statSync(join(folder, 'database-url')).mode & 0o777).toBe(0o400);
  });

  it('recovers from an interrupted write of the password', () => {
    writeFileSync(join(folder, 'password.new'), 'ab');
    writePassword();
    expect(read('password')).toHaveLength(64);
    expect(read('database-url')).toContain(`:${read('password')}@`);
    rmSync(join(folder, 'database-url'));
    const password = read('password');
    writePassword();
    expect(read('database-url')).toContain(`:${password}@`);
  });

  it('runs the nodes that the balancer knows, on the right port', () => {
    const haproxy = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
    const known = [...haproxy.matchAll(/presetenv NODE_\d (\S+)/g)].map(([, address]) => address);
    const { port } = configOf(plain, 'service').http;
    expect(known).toEqual(nodes.map((node) => `${node}:${port}`));
    expect(plain.services.balancer?.depends_on).toEqual(
      Object.fromEntries(nodes.map((node) => [node, { condition: 'service_healthy' }])),
    );
    const hardStopSeconds = Number(/hard-stop-after (\d+)s/.exec(haproxy)?.[1]);
    const grace = Number.parseInt(plain.services.balancer?.stop_grace_period ?? '', 10);
    expect(grace).toBeGreaterThan(hardStopSeconds);
  });
});

describe('compose.secure.yaml', () => {
  it.each(['ADMIN_API_KEY', 'CLAIM_API_KEY'])('fails without %s', (missing) => {
    expect(() => readCompose(secure, { ...keys, [missing]: '' })).toThrow(missing);
  });

  it('sets both keys on every node, and allows no anonymous administration', () => {
    for (const node of nodes) {
      const { auth, warnings } = configOf(withKeys, node);
      expect(auth.adminApiKey?.reveal()).toBe(keys.ADMIN_API_KEY);
      expect(auth.claimApiKey?.reveal()).toBe(keys.CLAIM_API_KEY);
      expect(auth.allowAnonymousAdmin).toBe(false);
      expect(warnings).toEqual([]);
    }
  });

  it('passes next keys and a viewer key to every node, and no such key by default', () => {
    const optional = {
      ...{ ADMIN_API_KEY_NEXT: 'b'.repeat(64), CLAIM_API_KEY_NEXT: 'd'.repeat(64) },
      VIEWER_API_KEY: 'v'.repeat(64),
    };
    const withAll = readCompose(secure, { ...keys, ...optional });
    for (const node of nodes) {
      const keysOf = (project: ComposeProject) => {
        const { adminApiKeyNext, claimApiKeyNext, viewerApiKey } = configOf(project, node).auth;
        return [adminApiKeyNext, claimApiKeyNext, viewerApiKey].map((key) => key?.reveal());
      };
      expect(keysOf(withAll)).toEqual(Object.values(optional));
      expect(keysOf(withKeys)).toEqual([undefined, undefined, undefined]);
    }
  });

  it('configures Prometheus as without keys, but with the admin key', () => {
    const of = (name: string) =>
      parse(readFileSync(join(root, 'deploy/prometheus', name), 'utf8')) as {
        scrape_configs: { authorization?: { credentials_file: string } }[];
      };
    const expected = of('compose.yml');
    const [scrape] = expected.scrape_configs;
    if (scrape) scrape.authorization = { credentials_file: '/run/secrets/admin-api-key' };
    expect(of('compose-secure.yml')).toEqual(expected);

    const { command, secrets } = withKeys.services.prometheus ?? {};
    const usual = plain.services.prometheus?.command ?? [];
    expect(command).toEqual([
      '--config.file=/etc/prometheus/compose-secure.yml',
      ...usual.slice(1),
    ]);
    expect(secrets).toEqual(['admin-api-key']);
    expect(withKeys.secrets).toEqual({ 'admin-api-key': { environment: 'ADMIN_API_KEY' } });
  });
});
