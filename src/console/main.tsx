// SPDX-License-Identifier: GPL-3.0-or-later
import { render } from 'preact';
import './styles/base.css';
import { App } from './app.tsx';

const page = document.getElementById('page');
if (page !== null) render(<App />, page);
