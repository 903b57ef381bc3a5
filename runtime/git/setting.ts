import type { Workspace } from '#runtime/host/workspace.ts';
import type { Remote } from './remote.ts';

/** What a repository asks for before it is read. Values of a Secret: never in argv, environment or messages. */
export interface GitCredentials {
  readonly privateKey?: string | undefined;
  readonly knownHosts?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the authority behind an HTTPS server. */
  readonly authority?: string | undefined;
}

/** Whose signatures count. */
export interface GitSigners {
  /** Lines as ssh-keygen(1) takes them under ALLOWED SIGNERS. */
  readonly allowedSigners?: string | undefined;
  /** Armoured public keys. */
  readonly openPgpKeys: readonly string[];
}

/** Where Git, ssh and GnuPG of one look find all that they may know; made in a directory that goes afterwards. */
export interface GitSetting {
  readonly directory: string;
  readonly remote: Remote;
  /** To connect to instead of what the name resolves to. */
  readonly address: string | undefined;
  readonly credentials: GitCredentials;
  readonly signers: GitSigners | undefined;
}

/** The whole environment of Git and of what it starts. */
export function environmentOf({ directory, remote }: GitSetting): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: `${directory}/home`,
    GNUPGHOME: `${directory}/gnupg`,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: `${directory}/gitconfig`,
    GIT_ATTR_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: remote.scheme,
    GIT_TERMINAL_PROMPT: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_SSH: '/usr/bin/ssh',
    GIT_SSH_VARIANT: 'ssh',
    // ssh refuses to run as a user without an account, and finds its settings by the account, not by HOME.
    LD_PRELOAD: 'libnss_wrapper.so',
    NSS_WRAPPER_PASSWD: `${directory}/passwd`,
    NSS_WRAPPER_GROUP: `${directory}/group`,
  };
}

/** Puts everything into place that Git reads by name. */
export async function placeSetting(workspace: Workspace, setting: GitSetting): Promise<void> {
  const { directory } = setting;
  const { uid, gid } = workspace.user;
  const files: Readonly<Record<string, string>> = {
    gitconfig: renderGitConfig(setting),
    'home/.ssh/config': renderSshConfig(setting),
    passwd: `wcp360:x:${uid}:${gid}::${directory}/home:/usr/sbin/nologin\n`,
    group: `wcp360:x:${gid}:\n`,
    ...credentialFiles(setting.credentials),
    ...signerFiles(setting.signers),
  };
  for (const [name, content] of Object.entries(files)) await workspace.placeFile(`${directory}/${name}`, content);
}

function credentialFiles({ privateKey, knownHosts, authority }: GitCredentials): Readonly<Record<string, string>> {
  return {
    'known-hosts': withNewline(knownHosts ?? ''),
    ...(privateKey !== undefined && { identity: withNewline(privateKey) }),
    ...(authority !== undefined && { 'authority.pem': authority }),
  };
}

function signerFiles(signers: GitSigners | undefined): Readonly<Record<string, string>> {
  if (signers === undefined) return {};
  return {
    'allowed-signers': withNewline(signers.allowedSigners ?? ''),
    'keys.asc': signers.openPgpKeys.map(withNewline).join(''),
    'gnupg/gpg.conf': 'no-autostart\nno-auto-key-retrieve\n',
  };
}

/** A key without its last line end is none to ssh. */
function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function renderGitConfig({ directory, remote, address, credentials, signers }: GitSetting): string {
  const { username = 'git', password } = credentials;
  const login = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
  const settings: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
    core: { hooksPath: '/dev/null', symlinks: 'false', fsmonitor: 'false', attributesFile: '/dev/null' },
    protocol: { allow: 'never' },
    [`protocol "${remote.scheme}"`]: { allow: 'always' },
    // What a server may say is decided by us: no other place, no side channel for objects.
    http: {
      followRedirects: 'false',
      sslCAInfo: credentials.authority === undefined ? undefined : `${directory}/authority.pem`,
      extraHeader: remote.scheme === 'https' && password !== undefined ? `Authorization: Basic ${login}` : undefined,
      curloptResolve: address === undefined ? undefined : `${remote.host}:${remote.port}:${inBrackets(address)}`,
      lowSpeedLimit: '1000',
      lowSpeedTime: '30',
    },
    fetch: { unpackLimit: '1', recurseSubmodules: 'false' },
    transfer: { bundleURI: 'false' },
    submodule: { recurse: 'false' },
    gc: { auto: '0' },
    maintenance: { auto: 'false' },
    pack: { threads: '1' },
    // A repository of the machine itself belongs to whoever made it.
    safe: { directory: remote.scheme === 'file' ? remote.url.slice('file://'.length) : undefined },
    'gpg "ssh"': { allowedSignersFile: signers === undefined ? undefined : `${directory}/allowed-signers` },
  };
  return Object.entries(settings)
    .flatMap(([section, values]) => [`[${section}]`, ...Object.entries(values).flatMap(gitConfigLine)])
    .map((line) => `${line}\n`)
    .join('');
}

function gitConfigLine([name, value]: readonly [string, string | undefined]): readonly string[] {
  return value === undefined ? [] : [`\t${name} = "${value.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`];
}

/** Every setting of ssh_config(5) that could ask, run or reach something else; the first value counts, so the machine's own file changes none of these. */
function renderSshConfig({ directory, remote, address, credentials }: GitSetting): string {
  const alias = remote.port === 22 ? remote.host : `[${remote.host}]:${remote.port}`;
  const settings: Readonly<Record<string, string | undefined>> = {
    HostName: address,
    HostKeyAlias: alias,
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: `${directory}/known-hosts`,
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    CheckHostIP: 'no',
    IdentityFile: credentials.privateKey === undefined ? 'none' : `${directory}/identity`,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    BatchMode: 'yes',
    ProxyCommand: 'none',
    PermitLocalCommand: 'no',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ConnectTimeout: '15',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '2',
  };
  const lines = Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name} ${value}`],
  );
  return ['Host *', ...lines, ''].join('\n');
}

function inBrackets(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
