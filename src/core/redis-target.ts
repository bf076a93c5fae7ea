// SPDX-License-Identifier: GPL-3.0-or-later

/** Where Redis is: one server, or the master that Sentinels name. */
export type RedisTarget = {
  /** The server, or the Sentinels. */
  hosts: readonly RedisHost[];
  /** The name of the master in the configuration of the Sentinels; undefined: a server without them. */
  masterName?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
  /** The number of the database, 0 by default. */
  database: number;
  /** Servers and Sentinels are reached with TLS. */
  tls: boolean;
};

/** A host name or an IP address without brackets, and a port. */
export type RedisHost = { host: string; port: number };
