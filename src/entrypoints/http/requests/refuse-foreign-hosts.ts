// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../../../core/errors.ts';
import { isHealthPath } from './health-paths.ts';
import { authorityIn, type HostRuleOptions, hostRule } from './hosts.ts';
import { rememberLast } from './remember-last.ts';
import type { RequestCheck } from './request-check.ts';

/**
 * Refuses requests that name a host which the service does not answer for: the sign of DNS rebinding, with which a
 * foreign page could use the browser of a visitor against this service. Undefined where every host may be named.
 */
export function refuseForeignHosts(options: HostRuleOptions): RequestCheck | undefined {
  const rule = hostRule(options);
  if (rule === undefined) return undefined;
  const isAllowed = rememberLast(rule.isAllowed);
  return (request) => {
    const { host } = request.headers;
    const target = authorityIn(request.url);
    if (
      (host === undefined || isAllowed(host)) &&
      (target === undefined || rule.isAllowed(target))
    ) {
      return undefined;
    }
    // Load balancers check health under names of their own, and a page learns little from these responses.
    if (!options.loopbackOnly && isHealthPath(request.routeOptions.url)) return undefined;
    return new AppError('host_not_allowed', { detail: rule.refusal });
  };
}
