/** The page at `/`: aliases and deployments at a glance. Nothing is loaded from elsewhere; text is set, never markup. */

const STYLE = `
:root { color-scheme: light dark; --muted: #6b7280; --line: #8884; --bad: #d92d20; --good: #18794e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
header { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--muted); font-weight: 500; } td.number { text-align: right; } td.time { white-space: nowrap; color: var(--muted); }
#states span { display: inline-block; margin-right: 1.2rem; } #states b { font-size: 1.3rem; }
.dead { color: var(--bad); } .live { color: var(--good); } .muted { color: var(--muted); }
#problem { color: var(--bad); min-height: 1.5em; }`;

const SCRIPT = `
const cell = (text, kind) => { const td = document.createElement('td'); td.textContent = text ?? '–'; if (kind) td.className = kind; return td; };
const row = (...cells) => { const tr = document.createElement('tr'); tr.append(...cells); return tr; };
const time = (at) => (at ? at.slice(0, 19).replace('T', ' ') : '');
const get = async (path) => { const answer = await fetch(path); const body = await answer.json(); if (!answer.ok) throw new Error(body.error ? body.error.message + '. ' + body.error.action : path + ' answers ' + answer.status); return body; };
const number = (value) => (value == null ? '' : value.toLocaleString('en'));
async function refresh() {
  try {
    const [counts, aliases, deployments, refusals] = await Promise.all([
      get('/api/v1/counts'), get('/api/v1/aliases'), get('/api/v1/deployments?limit=50'), get('/api/v1/refusals')]);
    document.getElementById('states').replaceChildren(...Object.entries(counts).filter(([, n]) => n > 0).map(([state, n]) => {
      const span = document.createElement('span'); span.className = state; const b = document.createElement('b');
      b.textContent = number(n); span.append(b, ' ' + state); return span; }));
    document.getElementById('aliases').replaceChildren(...aliases.map((a) => row(cell(a.customer), cell(a.database), cell(time(a.since), 'time'), cell(a.rollback, 'muted'))));
    document.getElementById('deployments').replaceChildren(...deployments.map((d) => row(cell(d.id), cell(d.state, d.state),
      cell(number(d.rows), 'number'), cell(d.seconds == null ? '' : d.seconds.toFixed(1), 'number'), cell(time(d.changedAt), 'time'),
      cell(d.error ? d.error.message + '. ' + d.error.action : d.reason))));
    document.getElementById('refusals').replaceChildren(...refusals.map((r) => row(cell(r.error.message, 'dead'))));
    document.getElementById('problem').textContent = '';
  } catch (error) { document.getElementById('problem').textContent = 'Not up to date: ' + error.message; }
}
const again = () => refresh().finally(() => window.setTimeout(again, 2000)); again();`;

const BODY = `
<header><h1>Graphshift</h1><nav><a href="/queues">Bull Board</a><a href="/api/v1/deployments">API</a></nav></header>
<p id="problem" role="status"></p>
<div id="states"></div>
<h2>Aliases</h2>
<table><thead><tr><th>Customer<th>Database<th>Since (UTC)<th>Rollback to</thead><tbody id="aliases"></tbody></table>
<h2>Deployments, the latest change first</h2>
<table><thead><tr><th>Deployment<th>State<th>Rows<th>Seconds<th>Changed (UTC)<th>Why</thead><tbody id="deployments"></tbody></table>
<table><tbody id="refusals"></tbody></table>`;

/** @param nonce lets this page's own style and script through the content security policy */
export function renderPage(nonce: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Graphshift</title><style nonce="${nonce}">${STYLE}</style><body>${BODY}
<script nonce="${nonce}">${SCRIPT}</script></body></html>`;
}
