// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settings } from '../../src/config.ts';
import { waitSecondsMax } from '../../src/entrypoints/http/requests/prefer.ts';
import {
  type ComposeProject,
  composeText,
  readCompose,
  servicesWith,
  variablesIn,
} from '../support/compose-files.ts';
import { configOfNode, useComposeVolumes } from '../support/compose-volumes.ts';
import { lastStage } from '../support/dockerfile.ts';
import { readTidyFiles } from '../support/tidy-files.ts';

const root = join(import.meta.dirname, '../..');
const base = ['compose.yaml'];
const secure = [...base, 'compose.secure.yaml'];
const keys = { ADMIN_API_KEY: 'a'.repeat(64), CLAIM_API_KEY: 'c'.repeat(64) };
const plain = readCompose(base);
const redisUrlFile = '/run/redis/redis-url';
const withRedis = readCompose(base, { REDIS_URL_FILE: redisUrlFile });
const withKeys = readCompose(secure, keys);
const nodes = ['service', 'service-2', 'service-3'];
const both: [string, ComposeProject][] = [
  ['compose.yaml', plain],
  ['compose.yaml and compose.secure.yaml', withKeys],
];

const image = lastStage(readFileSync(join(root, 'Dockerfile'), 'utf8'));

// The linter's package contains the schema of the compose specification.
const linter = dirname(createRequire(import.meta.url).resolve('dclint/package.json'));
const schema = JSON.parse(readFileSync(join(linter, 'schemas/compose.schema.json'), 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const isCompose = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });
const errorsIn = (project: unknown) => {
  isCompose(project);
  return (isCompose.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};

useComposeVolumes();

describe.each(both)('%s', (_files, project) => {
  const services = Object.entries(project.services);

  it('conforms to the compose specification', () => {
    expect(errorsIn(project)).toEqual([]);
    const wrong = { ...project, services: { ...project.services, more: { privilegd: true } } };
    expect(errorsIn(wrong).join()).toContain('/services/more');
  });

  it('publishes ports on 127.0.0.1 only, and none of the database and of Redis', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
    expect(project.services.postgres?.ports).toBeUndefined();
    for (const name of ['redis', 'rabbitmq', 'patroni-1', 'etcd', 'database']) {
      expect([name, project.services[name]?.ports]).toEqual([name, undefined]);
    }
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

  it('pins every image, and builds two', () => {
    const built = services.filter(([, { build }]) => build !== undefined);
    expect(built.map(([name, { image, build }]) => [name, image, build])).toEqual([
      ['service', 'firstcome', '.'],
      ['etcd', 'firstcome-patroni', 'deploy/patroni'],
    ]);
    for (const [name, service] of services) {
      if (!built.some(([, { image }]) => image === service.image)) {
        expect([name, service.image]).toEqual([name, expect.stringMatching(/:v?\d+\.\d+/)]);
      }
    }
  });

  it('depends only on services that run and that can reach the required condition', () => {
    for (const [name, { depends_on = {}, profiles = [] }] of services) {
      const running = servicesWith(project, profiles);
      for (const [other, { condition, required = true }] of Object.entries(depends_on)) {
        const service = project.services[other];
        const needed = required ? running : Object.keys(project.services);
        expect([name, needed]).toEqual([name, expect.arrayContaining([other])]);
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
    const { delayMs, timeoutMs } = configOfNode(project, 'service').shutdown;
    for (const node of nodes) {
      const grace = project.services[node]?.stop_grace_period ?? '10s';
      expect(Number.parseInt(grace, 10) * 1000).toBeGreaterThan(delayMs + timeoutMs + 1000);
    }
  });
});

describe('compose.yaml', () => {
  it('needs no variable, and uses four', () => {
    expect(variablesIn(composeText('compose.yaml'))).toEqual([
      ...['DATABASE_URL_FILE', 'REDIS_URL_FILE', 'AMQP_URL_FILE', 'PORT'],
    ]);
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

  it('has a balancer that waits longer for a response than a node takes for any claim', () => {
    const haproxy = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
    const [, seconds] = /^ *timeout server (\d+)s$/m.exec(haproxy) ?? [];
    const { statementTimeoutMs } = configOfNode(plain, 'service').database;
    expect(Number(seconds)).toBeGreaterThan(waitSecondsMax + statementTimeoutMs / 1_000);
  });

  it('runs the service and its database, and with profiles Redis, RabbitMQ, Patroni, a cluster and observability', () => {
    const usual = ['service', 'password', 'postgres'];
    expect(servicesWith(plain)).toEqual(usual);
    const added = (profile: string) =>
      servicesWith(plain, [profile])
        .filter((name) => !usual.includes(name))
        .sort();
    const redis = ['redis', 'redis-password'];
    expect(added('redis')).toEqual(redis);
    expect(added('queue')).toEqual(['rabbitmq', 'rabbitmq-password']);
    expect(added('ha')).toEqual([
      ...['database', 'etcd', 'patroni-1', 'patroni-2', 'patroni-3', 'patroni-password'],
    ]);
    expect(added('cluster')).toEqual(['balancer', ...redis, 'service-2', 'service-3']);
    expect(added('observability')).toEqual(['grafana', 'prometheus']);
  });

  it('lets the nodes use its Redis where REDIS_URL_FILE names the file that its profiles write', () => {
    for (const node of nodes) {
      expect(configOfNode(plain, node).redis.url).toBeUndefined();
      expect(configOfNode(withRedis, node).redis.url?.reveal()).toMatch(/@redis:6379$/);
      expect(plain.services[node]?.depends_on).toMatchObject({
        'redis-password': { condition: 'service_completed_successfully', required: false },
      });
    }
  });

  it('lets the nodes use its RabbitMQ where AMQP_URL_FILE names the file that its profile writes', () => {
    const given = { AMQP_URL_FILE: '/run/rabbitmq/amqp-url', CLAIM_MODE: 'queued' };
    const withQueue = readCompose(base, given);
    for (const node of nodes) {
      expect(configOfNode(plain, node).queue.url).toBeUndefined();
      const { url, claimMode } = configOfNode(withQueue, node).queue;
      expect([url?.reveal(), claimMode]).toEqual([
        expect.stringMatching(/@rabbitmq:5672$/),
        'queued',
      ]);
      expect(plain.services[node]?.depends_on).toMatchObject({
        'rabbitmq-password': { condition: 'service_completed_successfully', required: false },
      });
    }
  });

  it('warns about anonymous administration and the missing claim key only', () => {
    const config = configOfNode(plain, 'service');
    expect(config.auth.allowAnonymousAdmin).toBe(true);
    expect(config.warnings).toEqual([
      expect.stringContaining('ALLOW_ANONYMOUS_ADMIN is true'),
      expect.stringContaining('CLAIM_API_KEY is not set'),
    ]);
  });

  it('runs the nodes that the balancer knows, on the right port', () => {
    const haproxy = readFileSync(join(root, 'deploy/haproxy/haproxy.cfg'), 'utf8');
    const known = [...haproxy.matchAll(/presetenv NODE_\d (\S+)/g)].map(([, address]) => address);
    const { port } = configOfNode(plain, 'service').http;
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
      const { auth, warnings } = configOfNode(withKeys, node);
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
        const { adminApiKeyNext, claimApiKeyNext, viewerApiKey } = configOfNode(project, node).auth;
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
