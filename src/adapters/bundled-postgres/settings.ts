// SPDX-License-Identifier: GPL-3.0-or-later

/** What the settings depend on. */
export type SettingsOptions = {
  port: number;
  /** Name that the processes of this cluster carry in their titles. */
  clusterName: string;
  /** Major version of the server, since not every setting exists in all. */
  major: number;
  /** What this process may use at most: of the machine, or of the container that it is in. */
  memoryBytes: number;
  /** Further settings; they win over ours, except over those that durability rests on. */
  extra: Record<string, string>;
};

/** The `-c` arguments of the server. The command line wins over any configuration file in the data folder. */
export function serverArguments(options: SettingsOptions): string[] {
  const settings: Record<string, string> = {
    ...placeSettings(options),
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
 * The index of the users of a coupon with five million claims is 300 MB, and each claim goes to another place in it.
 * What does not fit has to come through the kernel each time. The memory is taken as it is used.
 */
function buffersMb(memoryBytes: number): number {
  const share = Math.floor(memoryBytes / 2 ** 20 / 16);
  return Math.max(128, Math.min(1024, share));
}

function placeSettings(options: SettingsOptions): Record<string, string> {
  return {
    // Never reachable from another machine: the server has no TLS.
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    // A socket path has a limit of about 100 bytes, which a long DATA_DIR would exceed.
    unix_socket_directories: '',
    cluster_name: options.clusterName,
  };
}

const workSettings: Record<string, string> = {
  // The pool of the service, its commands and a person with psql; each connection costs memory.
  max_connections: '50',
  // A sale writes much in little time: fewer checkpoints write fewer full pages. Recovery stays within seconds.
  max_wal_size: '2GB',
  checkpoint_timeout: '10min',
  // The only compression that is built in costs more time than the log that it saves: see docs/performance.md.
  wal_compression: 'off',
  // The row of a hot coupon leaves a dead version with each batch; they are cheap to remove early.
  autovacuum_naptime: '10s',
  // Every statement of the service is shorter than compiling or sharing it out would take, and parallel workers need
  // more /dev/shm than a container has.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  // A statement whose client was killed ends, and does not hold its locks until it is done.
  client_connection_check_interval: '1s',
  // The same on every machine, whatever its own zone.
  timezone: 'UTC',
};

const logSettings: Record<string, string> = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  // The lines are read by a program.
  lc_messages: 'C',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  // Whoever sent a statement logs its failure, and the text may hold data of users.
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};

/** An answer given must survive the loss of power, so nothing may turn these off. */
const durabilitySettings: Record<string, string> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
};
