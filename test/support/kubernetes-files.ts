// SPDX-License-Identifier: GPL-3.0-or-later
/** The files of deploy/kubernetes, and their check against the Kubernetes schemas as TypeScript types. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { ConfigMap, Secret, Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { parse } from 'yaml';
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));

/** The folder with the kustomization. */
export const kubernetesFolder = join(root, 'deploy/kubernetes');

/** The kinds of objects that are deployed. */
export type Kinds = {
  ConfigMap: ConfigMap;
  Deployment: Deployment;
  Job: Job;
  NetworkPolicy: NetworkPolicy;
  PodDisruptionBudget: PodDisruptionBudget;
  Secret: Secret;
  Service: Service;
};

const groups: Record<keyof Kinds, string> = {
  ConfigMap: 'core/v1',
  Deployment: 'apps/v1',
  Job: 'batch/v1',
  NetworkPolicy: 'networking/v1',
  PodDisruptionBudget: 'policy/v1',
  Secret: 'core/v1',
  Service: 'core/v1',
};

/** An object of any kind. */
export type KubernetesObject = { kind: keyof Kinds; metadata: { name: string } };

/** Reads YAML as kubectl does: by YAML 1.1, in which 0440 is octal. */
export const parseYaml = (text: string): unknown => parse(text, { version: '1.1' });

/** The parsed content of a file of the folder. */
export const readKubernetesFile = (name: string): unknown =>
  parseYaml(readFileSync(join(kubernetesFolder, name), 'utf8'));

/** The objects of all files but the kustomization. */
export function kubernetesObjects(): KubernetesObject[] {
  return readdirSync(kubernetesFolder)
    .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .map((name) => readKubernetesFile(name) as KubernetesObject);
}

/** The only object of this kind. */
export function objectOf<Kind extends keyof Kinds>(kind: Kind): Kinds[Kind] {
  const [object, ...others] = kubernetesObjects().filter((one) => one.kind === kind);
  if (object === undefined || others.length > 0) throw new Error(`not exactly one ${kind}`);
  return object as unknown as Kinds[Kind];
}

/** What the compiler says of objects that differ from the schema of their kind: unknown fields too. Empty: nothing. */
export async function schemaErrors(objects: readonly KubernetesObject[]): Promise<string> {
  const folder = await createTemporaryFolder('kubernetes');
  try {
    const lines = objects.map(
      (object, index) =>
        `export const object${index}: import('kubernetes-types/${groups[object.kind]}.js').${object.kind} & { apiVersion: string; kind: string } = ${JSON.stringify(object, undefined, 1)};`,
    );
    await writeFile(join(folder, 'objects.ts'), lines.join('\n'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: true, types: [] };
    const project = { compilerOptions, files: ['objects.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project));
    await run(process.execPath, [join(typescript, 'bin/tsc'), '-p', folder]);
    return '';
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error);
  } finally {
    await removeTemporaryFolder(folder);
  }
}
