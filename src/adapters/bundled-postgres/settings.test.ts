// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { serverArguments } from './settings.ts';

function settingsOf(options: {
  major?: number;
  memoryBytes?: number;
  extra?: Record<string, string>;
}) {
  const words = serverArguments({
    ...{ port: 21_000, clusterName: 'firstcome-1', major: 18, memoryBytes: 2 ** 33, extra: {} },
    ...options,
  });
  const pairs = words.filter((word) => word !== '-c').map((word) => word.split('='));
  return Object.fromEntries(pairs);
}

describe('the settings of the bundled server', () => {
  it('refuses further settings that make the server less durable', () => {
    const extra = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
    expect(settingsOf({ extra })).toMatchObject({
      ...{ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
    });
  });

  it('lets further settings override the other defaults', () => {
    expect(settingsOf({ extra: { max_connections: '7' } })).toMatchObject({ max_connections: '7' });
  });

  it.each([
    ['128MB', 512],
    ['256MB', 4_096],
    ['1024MB', 131_072],
  ])('gives shared buffers %s on a machine with %i MB', (shared_buffers, memoryMb) => {
    expect(settingsOf({ memoryBytes: memoryMb * 2 ** 20 })).toMatchObject({ shared_buffers });
  });

  it('makes the server listen on the loopback address only, without a socket file', () => {
    expect(settingsOf({})).toMatchObject({
      ...{ listen_addresses: '127.0.0.1', unix_socket_directories: '', port: '21000' },
    });
  });

  it('sets io_method only on a server that knows it', () => {
    expect(settingsOf({ major: 17 })).not.toHaveProperty('io_method');
    expect(settingsOf({ major: 18 })).toHaveProperty('io_method', 'worker');
  });
});
