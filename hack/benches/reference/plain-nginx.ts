import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '#hack/benches/instance.ts';
import { freePort } from '#test/lab/free-port.ts';

/** What is served, by paths below the instance's directory. */
export interface PlainSite {
  readonly hostnames: readonly string[];
  /** Document root of what is no PHP. */
  readonly files: string;
  /** Document root of what is. */
  readonly scripts: string;
  /** Of the PHP master. */
  readonly socket: string;
}

export interface PlainNginx {
  readonly url: string;
  /** The master's, below the instance's directory. */
  readonly pidFile: string;
  stop(): void;
}

const inside = '/srv/wcp360';

/** The same nginx binary with one server block that does just this, in the instance's mount namespace. */
export async function startPlainNginx(instance: Instance, site: PlainSite): Promise<PlainNginx> {
  const port = await freePort();
  await mkdir(join(instance.directory, 'plain-nginx'), { recursive: true });
  await writeFile(join(instance.directory, 'plain-nginx/nginx.conf'), configurationOf(site, port));
  const enter = ['--target', String(instance.supervisorPid), '--mount', '--'];
  const nginx = ['/usr/sbin/nginx', '-c', `${inside}/plain-nginx/nginx.conf`, '-p', `${inside}/plain-nginx/`];
  execFileSync('/usr/bin/nsenter', [...enter, ...nginx]);
  return {
    url: `http://127.0.0.1:${port}`,
    pidFile: 'plain-nginx/nginx.pid',
    stop: () => void execFileSync('/usr/bin/nsenter', [...enter, ...nginx, '-s', 'stop']),
  };
}

function configurationOf(site: PlainSite, port: number): string {
  return `user www-data;
worker_processes auto;
pid ${inside}/plain-nginx/nginx.pid;
error_log ${inside}/plain-nginx/error.log;
pcre_jit on;
events { worker_connections 8000; }
http {
  include /etc/nginx/mime.types;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000;
  server {
    listen 127.0.0.1:${port};
    server_name ${site.hostnames.join(' ')};
    access_log ${inside}/plain-nginx/access.log;
    location / { root ${inside}/${site.files}; }
    location ~ \\.php$ {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME ${inside}/${site.scripts}$fastcgi_script_name;
      fastcgi_pass unix:${inside}/${site.socket};
    }
  }
}
`;
}
