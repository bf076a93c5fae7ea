// SPDX-License-Identifier: GPL-3.0-or-later
import { LoginFields } from './login-fields.tsx';

/** The page of those who are not logged in. */
export function LoginForm({ onLogin }: { onLogin: () => void }) {
  return (
    <main class="alone">
      <h1>firstcome console</h1>
      <LoginFields onLogin={onLogin} />
    </main>
  );
}
