// A small program behind the front. Listens on the unix socket SOCKET, or on PORT of the loopback address (3080 unless given).
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';

const startedAt = new Date();
let requests = 0;

const escape = (text) =>
  text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);

const page = (request) => {
  const facts = {
    Program: `Node.js ${process.version}`,
    'User id of this process': String(process.getuid?.() ?? 'unknown'),
    'Answers since': startedAt.toISOString(),
    'Requests so far': String(requests),
    'Host that you asked for': request.headers.host ?? '',
    'Your address, as the front tells it': request.headers['x-forwarded-for'] ?? 'not told',
    'Scheme, as the front tells it': request.headers['x-forwarded-proto'] ?? 'not told',
  };
  const rows = Object.entries(facts).map(
    ([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>proxy.localhost · WCP360</title>
<style>
:root { color-scheme: light dark; --ink: light-dark(#1c2230, #e6e9f2); --soft: light-dark(#5a6478, #9aa4ba); --paper: light-dark(#f6f7fb, #10141f);
  --card: light-dark(#ffffff, #1a2030); --line: light-dark(#dfe3ee, #2b3347); --accent: light-dark(#2f5bea, #8aa6ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.05rem/1.6 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: clamp(2rem, 8vh, 6rem) 1.5rem; }
.mark { margin: 0 0 .5rem; color: var(--accent); font-size: .85rem; font-weight: 600; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 0 0 1rem; font-size: clamp(2rem, 6vw, 3rem); line-height: 1.15; letter-spacing: -.02em; text-wrap: balance; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem; }
.lead { color: var(--soft); font-size: 1.2rem; }
code { font: .92em/1.6 ui-monospace, monospace; }
table { width: 100%; border: 1px solid var(--line); border-radius: .75rem; border-spacing: 0; background: var(--card); }
th, td { padding: .65rem 1.1rem; text-align: left; vertical-align: top; }
tr + tr > * { border-top: 1px solid var(--line); }
th { width: 45%; color: var(--soft); font-weight: 500; }
td { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
li + li { margin-top: .35rem; }
</style>
</head>
<body>
<main>
<p class="mark">WCP360 quick start</p>
<h1>A program of your own, behind the front</h1>
<p class="lead">This answer comes from <code>server.js</code>, a few lines of Node.js. The front passes requests on to it, WebSockets too, because the tenant’s package allows this address.</p>
<table>${rows.join('')}</table>
<h2>What to try next</h2>
<ol>
<li>Stop the program and watch the Domain: <code>wcpctl get domain proxy -n quickstart -w</code></li>
<li>Point <code>spec.proxy.url</code> to port 9999 and read the reason: the package does not allow it.</li>
<li>Use <code>spec.proxy.socket</code> instead: a unix socket in the site’s own directory needs nobody’s leave.</li>
</ol>
</main>
</body>
</html>
`;
};

const server = createServer((request, response) => {
  requests += 1;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page(request));
});

const { SOCKET: socket, PORT: port = '3080' } = process.env;
if (socket === undefined) {
  server.listen(Number(port), '127.0.0.1');
} else {
  rmSync(socket, { force: true });
  // The directory carries the front's group; the socket must let that group in.
  server.listen(socket, () => chmodSync(socket, 0o660));
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => server.close(() => process.exit(0)).closeAllConnections());
