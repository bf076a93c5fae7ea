// SPDX-License-Identifier: GPL-3.0-or-later
/** The objects of deploy/kubernetes: that they are valid, fit each other, and agree with the settings of the service. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type Config, loadConfig, settings } from '../../src/config.ts';
import { envOf, lastOf, lastStage } from '../support/dockerfile.ts';
import {
  type KubernetesObject,
  kubernetesFolder,
  kubernetesObjects,
  objectOf,
  readKubernetesFile,
  schemaErrors,
} from '../support/kubernetes-files.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');
const image = lastStage(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const kustomization = readKubernetesFile('kustomization.yaml') as {
  resources: string[];
  configMapGenerator: { name: string; envs: string[] }[];
  images: { name: string; newTag: string }[];
};
const deployment = objectOf('Deployment');
const job = objectOf('Job');
const pods: [string, PodSpec | undefined][] = [
  ['of the nodes', deployment.spec?.template.spec],
  ['of the migration', job.spec?.template.spec],
];
const node = deployment.spec?.template.spec?.containers[0];
// What reading the signal, closing the database and the kubelet itself take.
const slackMs = 5_000;

const settingsFile = readFileSync(join(kubernetesFolder, 'settings.env'), 'utf8');
const given = settingsFile
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line): [string, string] => {
    const [name = '', ...value] = line.split('=');
    return [name, value.join('=')];
  });

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await removeTemporaryFolder(folder);
});

const usable: Record<string, string> = {
  'database-url': 'postgres://firstcome:secret@db:5432/firstcome',
  'redis-url': 'rediss://:secret@cache:6379',
  'admin-api-key': 'a'.repeat(64),
  'claim-api-key': 'c'.repeat(64),
};

/** The settings that the file has as comments. */
const optional = settingsFile
  .split('\n')
  .flatMap((line) => [...line.matchAll(/^# ([A-Z_]+)=(.+)$/g)])
  .map(([, name = '', value = '']): [string, string] => [name, value]);

/** The configuration of a node with these values in the Secret, and further settings. */
async function configWith(
  secret: Record<string, string>,
  further: readonly [string, string][] = [],
): Promise<Config> {
  const folder = await createTemporaryFolder('kubernetes');
  folders.push(folder);
  const mount = node?.volumeMounts?.find(({ name }) => name === 'secret')?.mountPath ?? '';
  mkdirSync(join(folder, mount), { recursive: true });
  for (const [name, value] of Object.entries(secret)) {
    writeFileSync(join(folder, mount, name), value, { mode: 0o400 });
  }
  const env = [...given, ...further].map(([name, value]) => [
    name,
    value.startsWith('/') ? join(folder, value) : value,
  ]);
  return loadConfig({ ...envOf(image), ...Object.fromEntries(env) });
}

describe('the schemas of Kubernetes', () => {
  it('allow each object', async () => {
    expect(kubernetesObjects().length).toBeGreaterThan(5);
    expect(await schemaErrors(kubernetesObjects())).toBe('');
  });

  it('allow neither an unknown field, nor another type, nor a missing part', async () => {
    const template = deployment.spec?.template;
    const { selector: _, ...withoutSelector } = deployment.spec ?? {};
    const wrong = [
      { ...deployment, spec: { ...deployment.spec, replica: 3 } },
      { ...deployment, spec: { ...deployment.spec, replicas: '3' } },
      { ...deployment, spec: withoutSelector },
      {
        ...deployment,
        spec: { ...deployment.spec, template: { ...template, spec: { containers: [{}] } } },
      },
      { ...deployment, apiVersion: 'apps/v2' },
    ];
    const errors = await schemaErrors(wrong as unknown as KubernetesObject[]);
    expect(errors).toMatch(/'"?replica"?' does not exist/);
    expect(errors.match(/error TS/g)).toHaveLength(wrong.length);
  });
});

describe('the kustomization', () => {
  it('lists every file but the example of the Secret', () => {
    const files = readdirSync(kubernetesFolder).filter((name) => name.endsWith('.yaml'));
    expect(
      [...kustomization.resources, 'kustomization.yaml', 'secret.example.yaml'].sort(),
    ).toEqual(files.sort());
    expect(kustomization.configMapGenerator).toMatchObject([{ envs: ['settings.env'] }]);
  });

  it('sets the image of every container to this release', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const images = pods.flatMap(([, pod]) => pod?.containers.map((container) => container.image));
    expect(new Set(images)).toEqual(new Set(kustomization.images.map(({ name }) => name)));
    expect(kustomization.images).toMatchObject([{ newTag: version }]);
  });

  it('is built by kubectl, where that is installed', async (context) => {
    let built: string;
    try {
      built = execFileSync('kubectl', ['kustomize', kubernetesFolder], { encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return context.skip();
      throw error;
    }
    const objects = parseAllDocuments(built).map((one) => one.toJS() as KubernetesObject);
    expect(objects.map(({ kind }) => kind).sort()).toEqual(
      ['ConfigMap', ...kubernetesObjects().map(({ kind }) => kind)]
        .filter((kind) => kind !== 'Secret')
        .sort(),
    );
    expect(await schemaErrors(objects)).toBe('');
  });
});

describe('the settings', () => {
  it('are all known to the service', () => {
    const variables = settings.flatMap(({ variable, secret }) =>
      secret ? [variable, `${variable}_FILE`] : [variable],
    );
    expect(given.map(([name]) => name).filter((name) => !variables.includes(name))).toEqual([]);
    const map = kustomization.configMapGenerator[0]?.name;
    for (const [, pod] of pods) {
      expect(pod?.containers[0]?.envFrom).toEqual([{ configMapRef: { name: map } }]);
    }
  });

  it('start a node without a warning, with the keys that the Secret has', async () => {
    const config = await configWith(usable);
    expect(config.warnings).toEqual([]);
    expect(config.auth.adminApiKey?.reveal()).toBe(usable['admin-api-key']);
    expect(config.auth.claimApiKey?.reveal()).toBe(usable['claim-api-key']);
    expect(config.redis.url?.reveal()).toBe(usable['redis-url']);
    expect(Object.keys(usable)).toEqual(Object.keys(objectOf('Secret').stringData ?? {}));
  });

  it('queue claims with the lines that are comments, and may reach the queue', async () => {
    expect(optional.map(([name]) => name)).toEqual(['AMQP_URL_FILE', 'CLAIM_MODE']);
    const amqpUrl = 'amqps://firstcome:secret@queue:5671/claims';
    const { queue, warnings } = await configWith({ ...usable, 'amqp-url': amqpUrl }, optional);
    expect([queue.url?.reveal(), queue.claimMode, warnings]).toEqual([amqpUrl, 'queued', []]);
    const ports = objectOf('NetworkPolicy').spec?.egress?.flatMap((rule) => rule.ports ?? []);
    expect(ports?.map(({ port }) => port)).toEqual(expect.arrayContaining([5671, 5672]));
    expect((await configWith(usable)).queue.url).toBeUndefined();
  });

  it.each(Object.keys(usable))('refuse the %s of the example', async (name) => {
    const { stringData = {} } = objectOf('Secret');
    await expect(configWith({ ...usable, [name]: stringData[name] ?? '' })).rejects.toThrow(
      name.replaceAll('-', '_').toUpperCase(),
    );
  });

  it('leave a pod more time to stop than it needs, and proxies enough to notice', async () => {
    const { delayMs, timeoutMs } = (await configWith(usable)).shutdown;
    const graceMs = (deployment.spec?.template.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
    expect(graceMs).toBeGreaterThan(delayMs + timeoutMs + slackMs);
    const { periodSeconds = 10, failureThreshold = 3 } = node?.readinessProbe ?? {};
    expect(delayMs).toBeGreaterThan(periodSeconds * failureThreshold * 1000);
  });

  it('leave connections of a PostgreSQL with its defaults, also during a rolling update', async () => {
    const { database, webhooks } = await configWith(usable);
    const each = database.claimConnections + database.queryConnections + webhooks.connections;
    const { replicas = 0, strategy } = deployment.spec ?? {};
    const nodes = replicas + Number(strategy?.rollingUpdate?.maxSurge);
    // max_connections is 100, and 3 of them are for superusers.
    expect(nodes * each).toBeLessThan(90);
  });
});

describe.each(pods)('a pod %s', (_, pod) => {
  it('runs as the user of the image, without privileges and with nothing to write to', () => {
    expect(lastOf(image, 'USER')).toBe('node');
    // The identity of the user `node` in the images of Node.
    expect(pod?.securityContext).toEqual({
      ...{ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod?.containers.map(({ securityContext }) => securityContext)).toEqual([
      {
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
        capabilities: { drop: ['ALL'] },
      },
    ]);
    expect(pod?.automountServiceAccountToken).toBe(false);
  });

  it('gets no variables for other services, which the service could refuse as settings', () => {
    expect(pod?.enableServiceLinks).toBe(false);
  });

  it('reads the Secret of the example, and only it and its group may', () => {
    const volume = pod?.volumes?.find(({ name }) => name === 'secret');
    expect(volume?.secret).toEqual({
      secretName: objectOf('Secret').metadata?.name,
      defaultMode: 0o440,
    });
  });

  it('asks for a share of a machine, and has a limit of memory', () => {
    const { requests = {}, limits = {} } = pod?.containers[0]?.resources ?? {};
    expect(Object.keys(requests).sort()).toEqual(['cpu', 'memory']);
    expect(Object.keys(limits)).toEqual(['memory']);
  });
});

describe('the Deployment', () => {
  it('never has fewer nodes during an update, and spreads them', () => {
    expect(deployment.spec?.strategy?.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    const spread = deployment.spec?.template.spec?.topologySpreadConstraints ?? [];
    expect(spread.map(({ topologyKey }) => topologyKey)).toEqual([
      ...['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
    ]);
  });

  it('probes routes that exist, on the port of the image', async () => {
    const { paths } = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'));
    const probes = [node?.startupProbe, node?.livenessProbe, node?.readinessProbe];
    expect(probes.map((probe) => probe?.httpGet?.path)).toEqual(['/livez', '/livez', '/readyz']);
    expect(probes.filter((probe) => !((probe?.httpGet?.path ?? '') in paths))).toEqual([]);
    const ports = node?.ports ?? [];
    expect(new Set(probes.map((probe) => probe?.httpGet?.port))).toEqual(
      new Set(ports.map(({ name }) => name)),
    );
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([
      (await configWith(usable)).http.port,
    ]);
    expect(lastOf(image, 'EXPOSE')).toBe(String(ports[0]?.containerPort));
  });

  it('lets a start wait longer than the service waits for its database', async () => {
    const { periodSeconds = 10, failureThreshold = 3 } = node?.startupProbe ?? {};
    const { waitMs } = (await configWith(usable)).database;
    expect(periodSeconds * failureThreshold * 1000).toBeGreaterThan(2 * waitMs);
  });
});

describe('the selectors', () => {
  const labels = deployment.spec?.template.metadata?.labels;
  const jobLabels = job.spec?.template.metadata?.labels;

  it('select the nodes, and not the migration', () => {
    expect(deployment.spec?.selector.matchLabels).toEqual(labels);
    expect(objectOf('Service').spec?.selector).toEqual(labels);
    expect(objectOf('PodDisruptionBudget').spec?.selector?.matchLabels).toEqual(labels);
    for (const { labelSelector } of deployment.spec?.template.spec?.topologySpreadConstraints ??
      []) {
      expect(labelSelector?.matchLabels).toEqual(labels);
    }
    expect(jobLabels).not.toMatchObject(labels ?? {});
  });

  it('of the network policy select both', () => {
    const selected = objectOf('NetworkPolicy').spec?.podSelector.matchLabels ?? {};
    expect(labels).toMatchObject(selected);
    expect(jobLabels).toMatchObject(selected);
  });

  it('lead the Service to the port of the nodes', () => {
    expect(objectOf('Service').spec?.ports).toEqual([
      { name: 'http', port: 80, targetPort: 'http' },
    ]);
    expect(node?.ports?.map(({ name }) => name)).toEqual(['http']);
  });
});

describe('what stops nodes or migrates', () => {
  it('drains one node at a time, also while none is ready', () => {
    expect(objectOf('PodDisruptionBudget').spec).toMatchObject({
      ...{ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    });
  });

  it('runs the command migrate, and removes itself', () => {
    expect(job.spec?.template.spec?.containers[0]?.args).toEqual(['migrate']);
    expect(job.spec?.template.spec?.restartPolicy).toBe('Never');
    expect(job.spec?.ttlSecondsAfterFinished).toBeGreaterThan(0);
  });
});
