// SPDX-License-Identifier: GPL-3.0-or-later
/** The client of the service's API, for every runtime with `fetch`: `import { FirstcomeClient } from 'firstcome/client'`. */
export type * from './client/api-types.ts';
export { FirstcomeError } from './client/errors.ts';
export { FirstcomeClient, type ManyClaim } from './client/firstcome-client.ts';
export type { NoArguments, Operations, StockEvent } from './client/operation-types.ts';
export type { CallOptions, ClientOptions, KeyedOptions } from './client/options.ts';
export type * from './client/results.ts';
// By name: the description of the API has a result of the same name, that of a claim among many.
export type { ClaimResult } from './client/results.ts';
