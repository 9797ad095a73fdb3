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
#states > * { display: inline-block; margin-right: 1.2rem; } #states b { font-size: 1.3rem; }
.dead { color: var(--bad); } .live { color: var(--good); } .muted { color: var(--muted); }
#states a { text-underline-offset: .2em; } #states a.dead { color: var(--bad); } td.number, th.number { text-align: right; } td:last-child { overflow-wrap: anywhere; }
#problem { position: sticky; top: 0; color: #fff; background: var(--bad); padding: .4rem .8rem; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff7a70; --good: #4cc38a; --muted: #9ca3af; } #problem { color: #000; } }`;

const SCRIPT = `
const cell = (text, kind) => { const td = document.createElement('td'); td.textContent = text ?? '–'; if (kind) td.className = kind; return td; };
const link = (text, href) => { const a = document.createElement('a'); a.textContent = text; a.href = href; const td = document.createElement('td'); td.append(a); return td; };
const byId = (id) => document.getElementById(id);
const fill = (id, rows) => { byId(id).replaceChildren(...rows); byId(id + '-section').hidden = rows.length === 0; };
const rowsOf = (d) => (d.rows == null ? '' : number(d.rows) + (d.rowsTotal != null && d.rowsTotal !== d.rows ? ' of ' + number(d.rowsTotal) : '') + (d.chunksTotal && d.chunks !== d.chunksTotal ? ', ' + d.chunks + ' of ' + d.chunksTotal + ' chunks' : ''));
const row = (...cells) => { const tr = document.createElement('tr'); tr.append(...cells); return tr; };
const time = (at) => (at ? at.slice(0, 19).replace('T', ' ') : '');
const get = async (path) => { const answer = await fetch(path); const body = await answer.json(); if (!answer.ok) throw new Error(body.error ? body.error.message + '. ' + body.error.action : path + ' answers ' + answer.status); return body; };
const standing = (a) => [a.pin && 'pinned: ' + a.pin.reason, a.holds.length > 0 && 'held: ' + a.holds.map((hold) => hold.timestamp).join(', ')].filter(Boolean).join('; ');
const number = (value) => (value == null ? '' : value.toLocaleString('en'));
const health = ({ status, score, reasons }) => { const b = document.createElement('b'); b.className = status === 'HEALTHY' ? 'live' : status === 'DEGRADED' ? '' : 'dead';
  b.textContent = status; byId('health').replaceChildren(b, ' score ' + score); fill('reasons', reasons.map((r) => row(cell(r.level, r.level === 'DEGRADED' ? '' : 'dead'), cell(r.message)))); };
const does = (i) => (i.condition === 'alive' ? (i.paused ? 'takes nothing: ' + i.paused : i.state) : i.condition + ', no beat for ' + Math.round(i.silentSeconds) + ' s');
async function refresh() {
  try {
    const [resilience, status] = await Promise.all([get('/resilience/status'), get('/api/v1/status')]);
    health(resilience.health);
    byId('work').textContent = number(status.workers) + (status.workers === 1 ? ' load' : ' loads') + ' at once, ' + number(status.tasks_completed) + ' completed, ' + number(status.tasks_failed) + ' failed, success ' + status.success_rate.toFixed(1) + ' %';
    fill('instances', resilience.instances.map((i) => row(cell(i.id), cell(i.kind), cell(does(i), i.condition === 'alive' ? '' : 'dead'), cell([...i.deployments, ...i.chunks].join(', ')), cell(number(Math.round(i.memoryBytes / 1048576)), 'number'))));
    const [counts, aliases, deployments, refusals] = await Promise.all([
      get('/api/v1/counts'), get('/api/v1/aliases'), get('/api/v1/deployments?limit=50'), get('/api/v1/refusals')]);
    byId('states').replaceChildren(...Object.entries(counts).filter(([, n]) => n > 0).map(([state, n]) => {
      const span = document.createElement(state === 'dead' ? 'a' : 'span'); span.className = state; const b = document.createElement('b');
      if (state === 'dead') span.href = '/queues/queue/dead-letter?status=failed';
      b.textContent = number(n); span.append(b, ' ' + state); return span; }));
    byId('empty').hidden = deployments.length > 0;
    fill('aliases', aliases.map((a) => row(cell(a.customer), cell(a.database), cell(time(a.since), 'time'), cell(a.rollback, 'muted'), cell(standing(a)))));
    fill('deployments', deployments.map((d) => row(link(d.id, '/api/v1/deployments/' + encodeURIComponent(d.id)), cell(d.state, d.state),
      cell(rowsOf(d), 'number'), cell(d.seconds == null ? '' : d.seconds.toFixed(1), 'number'), cell(time(d.changedAt), 'time'),
      cell(d.error ? d.error.message + '. ' + d.error.action : d.reason ?? ''))));
    fill('refusals', refusals.map((r) => row(cell(r.error.message, 'dead'), cell(r.error.action))));
    byId('problem').hidden = true;
  } catch (error) { byId('problem').textContent = 'Not up to date: ' + error.message; byId('problem').hidden = false; }
}
const again = () => refresh().finally(() => window.setTimeout(again, 2000)); again();`;

const BODY = `
<header><h1>Graphshift</h1><nav><a href="/queues">Bull Board</a><a href="/api/v1/deployments">API</a></nav></header>
<p id="problem" role="status" hidden></p>
<p><span id="health"></span> <span id="work" class="muted"></span></p>
<div id="states"></div>
<section id="reasons-section" hidden><table><tbody id="reasons"></tbody></table></section>
<p id="empty" class="muted" hidden>No snapshot has been found yet: drop one at &lt;root&gt;/&lt;customer&gt;/&lt;unix seconds&gt;/.</p>
<section id="refusals-section" hidden><h2>Refused below the roots</h2>
<table><tbody id="refusals"></tbody></table></section>
<section id="aliases-section" hidden><h2>Aliases</h2>
<table><thead><tr><th>Customer<th>Database<th>Since (UTC)<th>Rollback to<th>Pin and holds</thead><tbody id="aliases"></tbody></table></section>
<section id="instances-section" hidden><h2>Processes</h2>
<table><thead><tr><th>Instance<th>Kind<th>State<th>Holds<th class="number">MB</thead><tbody id="instances"></tbody></table></section>
<section id="deployments-section" hidden><h2>The 50 deployments that changed last</h2>
<table><thead><tr><th>Deployment<th>State<th class="number">Rows<th class="number">Seconds<th>Changed (UTC)<th>Why</thead>
<tbody id="deployments"></tbody></table></section>`;

/** @param nonce lets this page's own style and script through the content security policy */
export function renderPage(nonce: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Graphshift</title><style nonce="${nonce}">${STYLE}</style><body>${BODY}
<script nonce="${nonce}">${SCRIPT}</script></body></html>`;
}
