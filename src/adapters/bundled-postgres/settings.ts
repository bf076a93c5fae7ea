// SPDX-License-Identifier: GPL-3.0-or-later

/** What the settings depend on. */
export type SettingsOptions = {
  port: number;
  /** Shown in the titles of the processes of this cluster. */
  clusterName: string;
  /** Major version of the server: some settings exist only in later ones. */
  major: number;
  /** The memory of the machine or the container. */
  memoryBytes: number;
  /** Further settings; they override all but the durability settings. */
  extra: Record<string, string>;
};

/** The `-c` arguments of the server, which override any configuration file in the data folder. */
export function serverArguments(options: SettingsOptions): string[] {
  const settings: Record<string, string> = {
    ...addressSettings(options),
    shared_buffers: `${buffersMb(options.memoryBytes)}MB`,
    ...workSettings,
    // io_uring is faster on some kernels, but many containers forbid it.
    ...(options.major >= 18 ? { io_method: 'worker' } : {}),
    ...logSettings,
    ...options.extra,
    ...durabilitySettings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * A coupon with five million claims has an index of 300 MB on its users, and each claim reads another page of it. Pages
 * that do not fit come from the kernel each time. The server takes the memory only as it uses it.
 */
function buffersMb(memoryBytes: number): number {
  const share = Math.floor(memoryBytes / 2 ** 20 / 16);
  return Math.max(128, Math.min(1024, share));
}

function addressSettings(options: SettingsOptions): Record<string, string> {
  return {
    // Only this machine can reach the server, which has no TLS.
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    // The path of a socket is limited to about 100 bytes, which a long DATA_DIR exceeds.
    unix_socket_directories: '',
    cluster_name: options.clusterName,
  };
}

const workSettings: Record<string, string> = {
  // For the pools of the service, its commands and psql; each connection costs memory.
  max_connections: '50',
  // A sale writes a lot in a short time: fewer checkpoints write fewer full pages. Recovery still takes seconds.
  max_wal_size: '2GB',
  checkpoint_timeout: '10min',
  // The only built-in compression costs more time than the smaller log saves: see docs/performance.md.
  wal_compression: 'off',
  // Each batch leaves a dead version of its coupon's row; early removal is cheap.
  autovacuum_naptime: '10s',
  // The statements of the service are too short for compilation or parallel workers, and parallel workers need more
  // /dev/shm than a container has.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  // The statement of a killed client ends and releases its locks.
  client_connection_check_interval: '1s',
  // The same on every machine.
  timezone: 'UTC',
};

const logSettings: Record<string, string> = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  // A program reads the lines.
  lc_messages: 'C',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  // The client logs the failure of its statement, and the text may contain data of users.
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};

/** An acknowledged claim must survive a power failure, so these settings cannot be overridden. */
const durabilitySettings: Record<string, string> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
};
