// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs the compose files of the repository in a container engine, as a separate project, on free ports. */
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

/** Returns in one line why there is no engine that runs compose files. Undefined when there is one. */
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

/** The facts of a container that the tests use. */
export type Container = {
  Config: { User: string };
  HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[] };
  NetworkSettings: { Ports: Record<string, unknown[] | null> };
  State: { Health?: { Status: string } };
};

/** One run of the compose files, with its own volumes. */
export class ComposeRun {
  private readonly folder: string;
  private readonly files: string[];
  private readonly env: Record<string, string>;
  private readonly profiles: string[];
  private readonly project = `firstcome-test-${randomBytes(4).toString('hex')}`;

  private constructor(
    folder: string,
    { files, env, profiles }: { files: string[]; env: Record<string, string>; profiles: string[] },
  ) {
    this.folder = folder;
    this.profiles = profiles;
    this.files = [...files.map((file) => join(root, file)), join(folder, 'ports.yaml')];
    this.env = env;
  }

  /** Prepares a run of these files; only what `published` names has a port on this machine, one that is free. */
  static async of(
    files: string[],
    published: Record<string, number>,
    env: Record<string, string> = {},
    profiles = ['cluster', 'observability'],
  ): Promise<ComposeRun> {
    const folder = await mkdtemp(join(tmpdir(), 'firstcome-compose-'));
    const ports = Object.entries(published).map(
      ([service, port]) => `  ${service}:\n    ports: !override ['127.0.0.1::${port}']\n`,
    );
    await writeFile(join(folder, 'ports.yaml'), `services:\n${ports.join('')}`);
    // A new user has no `.env`, even if a developer has one here.
    await writeFile(join(folder, 'empty.env'), '');
    return new ComposeRun(folder, { files, env, profiles });
  }

  /** Runs `docker compose` with these arguments and returns its standard output. Rejects with all its output. */
  async compose(...words: string[]): Promise<string> {
    const { stdout } = await run(
      'docker',
      [
        ...['compose', '--project-name', this.project, '--project-directory', root],
        ...['--env-file', join(this.folder, 'empty.env')],
        ...this.profiles.flatMap((profile) => ['--profile', profile]),
        ...this.files.flatMap((file) => ['--file', file]),
        ...words,
      ],
      { timeout: composeMsMax, maxBuffer: 2 ** 26, env: { ...process.env, ...this.env } },
    );
    return stdout;
  }

  /** Builds the images of the profiles. */
  async build(): Promise<void> {
    await this.compose('build');
  }

  /** Starts these services and what they need, and waits until all are healthy. */
  async up(...services: string[]): Promise<void> {
    try {
      await this.compose('up', '--no-build', '--detach', '--wait', ...services);
    } catch (error) {
      const logs = await this.compose('logs', '--tail', '20').catch(() => '');
      throw new Error(`${(error as Error).message}\n${logs}`);
    }
  }

  /** The URL of a published port of a service. */
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
