// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs the compose files of the repository in a container engine, as a project of its own, on free ports. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

// Images are pulled and built, on a machine that may have none of their layers.
const composeMsMax = 15 * 60_000;

/** Why there is no engine here that runs compose files: one line. Undefined when there is one. */
export async function missingEngine(): Promise<string | undefined> {
  try {
    await run('docker', ['compose', 'version']);
    await run('docker', ['version']);
    return undefined;
  } catch (error) {
    const [reason = ''] = (error as Error).message.trim().split('\n').slice(-1);
    return `there is no engine that answers "docker compose": ${reason}`;
  }
}

/** What the engine tells of a container, as far as the tests ask. */
export type Container = {
  Config: { User: string };
  HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[] };
  State: { Health?: { Status: string } };
};

/** One run of the compose files, with volumes of its own. */
export class ComposeRun {
  private readonly folder: string;
  private readonly files: string[];
  private readonly env: Record<string, string>;
  private readonly project = `firstcome-test-${randomBytes(4).toString('hex')}`;

  private constructor(folder: string, files: string[], env: Record<string, string>) {
    this.folder = folder;
    this.files = [...files.map((file) => join(root, file)), join(folder, 'ports.yaml')];
    this.env = env;
  }

  /** Prepares a run of these files; only what `published` names has a port on this machine, one that is free. */
  static async of(
    files: string[],
    published: Record<string, number>,
    env: Record<string, string> = {},
  ): Promise<ComposeRun> {
    const folder = await mkdtemp(join(tmpdir(), 'firstcome-compose-'));
    const ports = Object.entries(published).map(
      ([service, port]) => `  ${service}:\n    ports: !override ['127.0.0.1::${port}']\n`,
    );
    await writeFile(join(folder, 'ports.yaml'), `services:\n${ports.join('')}`);
    // A file of settings that a developer keeps here is none of a newcomer's.
    await writeFile(join(folder, 'empty.env'), '');
    return new ComposeRun(folder, files, env);
  }

  /** What `docker compose` with these words writes to its standard output. Rejects with all it says. */
  async compose(...words: string[]): Promise<string> {
    const { stdout } = await run(
      'docker',
      [
        ...['compose', '--project-name', this.project, '--project-directory', root],
        ...['--env-file', join(this.folder, 'empty.env')],
        ...['--profile', 'cluster', '--profile', 'observability'],
        ...this.files.flatMap((file) => ['--file', file]),
        ...words,
      ],
      { timeout: composeMsMax, maxBuffer: 2 ** 26, env: { ...process.env, ...this.env } },
    );
    return stdout;
  }

  /** Builds what is to be built, starts these services and what they need, and waits until all are healthy. */
  async up(...services: string[]): Promise<void> {
    try {
      await this.compose('up', '--build', '--detach', '--wait', ...services);
    } catch (error) {
      const logs = await this.compose('logs', '--tail', '20').catch(() => '');
      throw new Error(`${(error as Error).message}\n${logs}`);
    }
  }

  /** Where a published port of a service is reached. */
  async url(service: string, port: number): Promise<string> {
    return `http://${(await this.compose('port', service, String(port))).trim()}`;
  }

  async inspect(service: string): Promise<Container> {
    const id = (await this.compose('ps', '--quiet', service)).trim();
    const { stdout } = await run('docker', ['inspect', id]);
    return (JSON.parse(stdout) as [Container])[0];
  }

  /** Ends and removes the run with its volumes. */
  async remove(): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans');
    await rm(this.folder, { recursive: true });
  }
}
