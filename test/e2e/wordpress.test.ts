import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import t from 'tap';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { openBrowser } from '#test/lab/browser.ts';
import { startInstance } from '#test/lab/instance.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';

// An application as people have it: Debian's WordPress, brought onto a Domain as examples/wordpress says, and used as in a browser.

t.setTimeout(400_000);

const example = join(import.meta.dirname, '../../examples/wordpress');
const instance = await startInstance({ https: true });
const files = await mkdtemp(join(await memoryDirectory(), 'wcp360-wordpress-'));
t.teardown(async () => {
  await instance.stop();
  await rm(files, { recursive: true, force: true });
});

async function wcpctl(...argv: readonly string[]): Promise<string> {
  const ended = await instance.wcpctl([...argv, '-n', 'wordpress'], { cwd: files });
  if (ended.exitCode !== 0) throw new Error(`wcpctl ${argv.join(' ')}: ${ended.stderr}`);
  return ended.stdout;
}

await wcpctl('apply', '-f', example);
await wcpctl('wait', 'databaseuser/blog', '--for=condition=Ready', '--timeout=120s');
await cp('/usr/share/wordpress', join(files, 'wordpress'), { recursive: true, dereference: true });
await cp(join(example, 'wp-config.php'), join(files, 'wordpress/wp-config.php'));
await wcpctl('cp', 'wordpress', 'blog:.');
// What failed while there were no files is tried again ever more seldom.
await wcpctl('annotate', 'domain/blog', `${ANNOTATIONS.requestedAt}=${new Date().toISOString()}`);
await wcpctl('wait', 'domain/blog', '--for=condition=Ready', '--timeout=120s');

const ca = await readFile(join(instance.directory, 'acme-roots.pem'));
const site = { hostname: 'blog.localhost', port: instance.ports.https, ca };
const editor = openBrowser(site);
const visitor = openBrowser(site);
const account = { name: 'jane', password: 'correct horse battery staple' };

await t.test('the installer of WordPress finds its database, and a front page is there', async (t) => {
  const first = await editor.get('/');
  t.match(first, { status: 302, headers: { location: /\/wp-admin\/install\.php$/ } });
  t.match(await editor.get('/wp-admin/install.php'), { status: 200, text: /Welcome/ });
  const answers = new URLSearchParams({
    weblog_title: 'The tea shop',
    user_name: account.name,
    admin_password: account.password,
    admin_password2: account.password,
    admin_email: 'jane@shop.example',
    Submit: 'Install WordPress',
  });
  t.match(await editor.post('/wp-admin/install.php?step=2', answers), { status: 200, text: /Success!/ });
  t.match(await visitor.get('/'), { status: 200, text: /The tea shop/ });
  t.equal((await visitor.get('/wp-admin/')).status, 302, 'strangers have to log in');
});

await t.test('who has the password logs in, and nobody else', async (t) => {
  const logIn = async (password: string) => {
    await editor.get('/wp-login.php');
    const answers = new URLSearchParams({ log: account.name, pwd: password, testcookie: '1', 'wp-submit': 'Log In' });
    return await editor.post('/wp-login.php', answers);
  };
  t.match(await logIn('wrong'), { status: 200, text: /incorrect/ });
  t.match(await logIn(account.password), { status: 302, headers: { location: /\/wp-admin\/$/ } });
  t.match(await editor.get('/wp-admin/'), { status: 200, text: /Howdy/ });
});

await t.test('a post with an uploaded picture is seen by visitors', async (t) => {
  const nonce = (await editor.get('/wp-admin/admin-ajax.php?action=rest-nonce')).text;
  const picture = pngOf(400, 300);
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(picture)], { type: 'image/png' }), 'tea.png');
  const uploaded = await editor.post('/?rest_route=/wp/v2/media', form, { 'x-wp-nonce': nonce });
  t.equal(uploaded.status, 201, uploaded.text);
  const { id, source_url: url, media_details: details } = JSON.parse(uploaded.text) as Media;
  const post = { title: 'Fresh tea', status: 'publish', content: `<img src="${url}" class="wp-image-${id}">` };
  const published = await editor.post('/?rest_route=/wp/v2/posts', JSON.stringify(post), {
    'x-wp-nonce': nonce,
    'content-type': 'application/json',
  });
  t.equal(published.status, 201, published.text);
  const { link } = JSON.parse(published.text) as { readonly link: string };
  t.match(await visitor.get('/'), { status: 200, text: /Fresh tea/ });
  t.match(await visitor.get(pathOf(link)), { status: 200, text: new RegExp(`src="${url}"`) });
  const shown = await visitor.get(pathOf(url));
  t.match(shown, { status: 200, headers: { 'content-type': 'image/png' } });
  t.same(shown.bytes, picture);
  const small = await visitor.get(pathOf(details.sizes.thumbnail.source_url));
  t.match(small, { status: 200, headers: { 'content-type': 'image/png' } }, 'PHP made a small one of it');
});

await t.test('links that are no files lead to their posts', async (t) => {
  const settings = '/wp-admin/options-permalink.php';
  const [, nonce = ''] = /name="_wpnonce" value="([0-9a-f]+)"/.exec((await editor.get(settings)).text) ?? [];
  const structure = { selection: 'custom', permalink_structure: '/%postname%/', category_base: '', tag_base: '' };
  t.equal((await editor.post(settings, new URLSearchParams({ ...structure, _wpnonce: nonce }))).status, 302);
  t.match(await visitor.get('/fresh-tea/'), { status: 200, text: /Fresh tea/ });
  t.equal((await visitor.get('/stale-tea/')).status, 404);
});

interface Media {
  readonly id: number;
  readonly source_url: string;
  readonly media_details: { readonly sizes: { readonly thumbnail: { readonly source_url: string } } };
}

/** On this site over HTTPS, where all links of it lead. */
function pathOf(link: string): string {
  const { origin, pathname, search } = new URL(link);
  if (origin !== `https://${site.hostname}:${site.port}`) throw new Error(`${link} leads elsewhere`);
  return `${pathname}${search}`;
}

/** A picture of so many red dots. PNG specification, §11. */
function pngOf(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(3 * width, Buffer.from([200, 30, 30]))]);
  const rows = Buffer.concat(Array.from({ length: height }, () => line));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
