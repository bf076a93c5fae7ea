// SPDX-License-Identifier: GPL-3.0-or-later
import { Link } from './routing/link.tsx';
import { useSession } from './session/session.tsx';

const entries = [
  ['', 'Sales'],
  ['claims', 'Claims of a user'],
  ['operations', 'Operations'],
] as const;

/** The head of each view: where to go, and who is logged in. */
export function PageHeader({ view }: { view: string }) {
  const { role, open_access: isOpen, logOut } = useSession();
  return (
    <header class="page-header">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <nav aria-label="Console">
        <strong class="brand">firstcome</strong>
        {entries.map(([path, label]) => (
          <Link key={path} view={path} aria-current={path === view ? 'page' : undefined}>
            {label}
          </Link>
        ))}
      </nav>
      <div class="who">
        {isOpen ? (
          <span class="badge warning">
            No keys are set: anybody who reaches this address is an operator
          </span>
        ) : (
          <>
            <span class="badge">{role}</span>
            <button type="button" class="quiet" onClick={logOut}>
              Log out
            </button>
          </>
        )}
      </div>
    </header>
  );
}
