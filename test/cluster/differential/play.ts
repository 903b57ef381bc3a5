import { setTimeout as delay } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import { isRecord } from '#runtime/base/json.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import type { LabAnswer, LabApi, LabWatch } from '#test/lab/lab-api.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { tellingAllFull } from './full-quotas.ts';
import { collectionPath, isOwnName, keyOf, type ComparedKind } from './kinds.ts';
import { normaliser, type Normaliser } from './normalise.ts';
import { untilQuiet, untilServed } from './quiet.ts';
import { isDry, isWatch, type StreamRequest } from './request.ts';

/** What a server said to one request, comparable with what another one said. */
export interface Said {
  readonly status: number;
  readonly contentType: string;
  readonly warnings: readonly string[];
  readonly body: unknown;
}

/** The name of the object that closes every watch of a kind. */
function lastNameOf({ namespaced, apiVersion }: ComparedKind, namespace: string): string {
  return namespaced ? `zz-last-${apiVersion.replaceAll('/', '-')}` : `${namespace}-zz-last`;
}

/** Some wait for a finalizer that only the stream removes. */
const collectionMs = 3_000;

/** Sends a stream to a server, one request after the other in a namespace of its own, and tells the answers; those of watches are their events up to the stream's end. */
export async function play(api: LabApi, stream: readonly StreamRequest[], namespace: string): Promise<readonly Said[]> {
  const player = new Player(api, namespace);
  await player.open();
  const said: (Said | OpenWatch)[] = [];
  for (const request of stream) said.push(await player.ask(request));
  return await player.end(said);
}

interface OpenWatch {
  readonly watch: LabWatch;
  readonly kind: ComparedKind;
  readonly path: string;
}

/** What a server told of one object. */
interface Seen {
  readonly object: Record<string, unknown>;
  readonly versions: readonly string[];
}

class Player {
  readonly #api: LabApi;
  readonly #namespace: string;
  readonly #normalise: Normaliser = normaliser();
  readonly #normaliseDry: Normaliser = normaliser(true);
  readonly #seen = new Map<string, Seen>();
  readonly #list = { version: '1', next: 'none' };

  constructor(api: LabApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  async open(): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#namespace } };
    await this.#api.request('POST', '/api/v1/namespaces', { body });
    const own = `/api/v1/namespaces/${this.#namespace}`;
    for (const path of [`${own}/serviceaccounts/default`, `${own}/configmaps/kube-root-ca.crt`]) {
      await until(async () => (await this.#api.request('GET', path)).status === 200, path);
    }
    this.#list.version = (await this.#api.request('GET', `${own}/configmaps`)).body.metadata.resourceVersion;
  }

  async ask(request: StreamRequest): Promise<Said | OpenWatch> {
    const path = this.#pathOf(request);
    if (isWatch(request))
      return { watch: await this.#api.watch(path, this.#optionsOf(request)), kind: request.kind, path };
    await this.#untilFresh(request);
    const said = await this.#api.request(request.method, path, this.#optionsOf(request));
    const answer = await tellingAllFull(this.#api, this.#placeOf(request), said);
    this.#note(request, answer);
    if (request.kind.isControlled) await this.#untilQuiet(request);
    else await this.#settled(request, answer);
    return this.#saidOf(request, answer);
  }

  /** Makes the last object of every kind that is watched, reads the watches up to it, and closes them. */
  async end(said: readonly (Said | OpenWatch)[]): Promise<readonly Said[]> {
    const open = said.filter((each): each is OpenWatch => 'watch' in each);
    for (const kind of new Set(open.map((each) => each.kind))) {
      const body = this.#filled({
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: { name: lastNameOf(kind, this.#namespace), labels: { a: '1' } },
        ...kind.example,
      });
      const answer = await this.#api.request('POST', collectionPath(kind, this.#namespace), { body });
      if (answer.status !== 201) throw new Error(`the last ${kind.kind} could not be made: ${answer.text}`);
    }
    const ended: Said[] = [];
    for (const each of said) ended.push('watch' in each ? await this.#endOf(each) : each);
    return ended;
  }

  async #endOf({ watch, kind, path }: OpenWatch): Promise<Said> {
    let isOver = false;
    void watch.ended.then(() => (isOver = true));
    const last = lastNameOf(kind, this.#namespace);
    const isLast = ({ object }: WatchEvent): boolean => object?.metadata?.name === last;
    await until(
      async () => {
        if (!isOver && !watch.events.some(isLast)) await delay(2);
        return isOver || watch.events.some(isLast);
      },
      `the end of ${path}: ${JSON.stringify(watch.events).slice(0, 500)}`,
    );
    watch.close();
    // Events of both groups are in one collection, and the last of the other one may come, too.
    const end = watch.events.findIndex(isLast);
    const told = watch.events
      .slice(0, end === -1 ? undefined : end + 1)
      .filter((event) => this.#isOurs(kind, event) && !isOccasional(event));
    const events = inOrder(told).map((event) => this.#normalise(event));
    return { status: watch.status, contentType: '', warnings: [], body: events };
  }

  /** Other streams' objects are in the same collection where it has no namespaces; some objects are a controller's. */
  #isOurs(
    kind: ComparedKind,
    event: { readonly object?: { readonly metadata?: { readonly name?: string } } },
  ): boolean {
    const name = event.object?.metadata?.name;
    if (name === 'kube-root-ca.crt' || name === 'default') return false;
    return kind.namespaced || name === undefined || isOwnName(name, this.#namespace);
  }

  #saidOf(request: StreamRequest, { status, headers, body: value, text }: LabAnswer): Said {
    const { kind } = request;
    const { 'content-type': contentType = '', warning } = headers;
    const normalise = isDry(request) ? this.#normaliseDry : this.#normalise;
    const body: unknown = value ?? (contentType === 'application/yaml' ? parseYaml(text) : text);
    const warnings = warning === undefined ? [] : String(warning).split(/, (?=299 )/);
    return {
      status,
      contentType,
      warnings: inOneOrder(warnings.map((each) => String(normalise(each)))),
      body: normalise(isRecord(body) ? this.#ownPart(kind, body) : body),
    };
  }

  /** A list or a table without what is not the stream's. */
  #ownPart(kind: ComparedKind, body: Readonly<Record<string, unknown>>): unknown {
    const { items, rows } = body;
    return {
      ...body,
      ...(Array.isArray(items) && { items: items.filter((object) => this.#isOurs(kind, { object })) }),
      ...(Array.isArray(rows) && { rows: rows.filter((row) => this.#isOurs(kind, row)) }),
    };
  }

  #pathOf({ kind, name, subresource, namespace = '{namespace}', query }: StreamRequest): string {
    const parts = [collectionPath(kind, namespace ?? undefined), name, subresource].filter(
      (part) => part !== undefined,
    );
    const filled = Object.entries(query).map(([key, value]) => [key, this.#filledText(value, keyOf(kind, name))]);
    const search = new URLSearchParams(Object.fromEntries(filled) as Record<string, string>);
    const path = this.#filledText(parts.join('/'), '');
    return search.size === 0 ? path : `${path}?${search.toString()}`;
  }

  #placeOf({ kind, namespace }: StreamRequest) {
    return { kind, namespace: this.#filledText(namespace ?? '{namespace}', '') };
  }

  #optionsOf(request: StreamRequest) {
    const { body, headers, kind, name } = request;
    return { headers, ...(body === undefined ? {} : { body: this.#bodyOf(body, keyOf(kind, name)) }) };
  }

  #bodyOf(body: NonNullable<StreamRequest['body']>, key: string): unknown {
    if ('text' in body) return body.text;
    if ('value' in body) return JSON.stringify(this.#filled(body.value, key));
    const before = this.#seen.get(this.#filledText(key, ''))?.object ?? {};
    return JSON.stringify(applyMergePatch(before as never, this.#filled(body.change, key) as never));
  }

  #filled(value: unknown, key = ''): unknown {
    if (typeof value === 'string') return this.#filledText(value, key);
    if (Array.isArray(value)) return value.map((each) => this.#filled(each, key));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#filled(each, key)]));
  }

  #filledText(text: string, key: string): string {
    if (!text.includes('{')) return text;
    const own = text.replaceAll('{namespace}', this.#namespace);
    const seen = this.#seen.get(key.replaceAll('{namespace}', this.#namespace));
    return own
      .replaceAll('{now}', seen?.versions.at(-1) ?? '1')
      .replaceAll('{before}', seen?.versions[0] ?? '1')
      .replaceAll('{uid}', this.#uidOf(key))
      .replaceAll(/\{uid:([^}]*)\}/gu, (_, of: string) => this.#uidOf(of))
      .replaceAll('{list}', this.#list.version)
      .replaceAll('{next}', this.#list.next);
  }

  /** No uuid where there is none, which would count as one that was seen; another one for each object, since a garbage collector tells objects apart by it. */
  #uidOf(key: string): string {
    const whole = key.replaceAll('{namespace}', this.#namespace);
    const { uid } = (this.#seen.get(whole)?.object['metadata'] ?? {}) as { readonly uid?: string };
    return uid ?? `none-yet-${whole.replaceAll('/', '-')}`;
  }

  #note(request: StreamRequest, { status, body }: LabAnswer): void {
    if (status >= 300 || !isRecord(body) || !isRecord(body['metadata'])) return;
    const { metadata } = body as { metadata: Record<string, string | undefined> };
    // A list that need not be the newest may be of an older version on one server than on the other.
    if ('items' in body && request.method === 'GET' && request.query['resourceVersion'] === undefined) {
      this.#list.version = metadata['resourceVersion'] ?? '1';
      this.#list.next = metadata['continue'] ?? 'none';
    }
    if (isDry(request) || metadata['uid'] === undefined || metadata['resourceVersion'] === undefined) return;
    if (body['kind'] !== request.kind.kind) return;
    const key = keyOf(request.kind, metadata['name']);
    const versions = this.#seen.get(key)?.versions ?? [];
    this.#seen.set(key, { object: body, versions: [...versions, metadata['resourceVersion']] });
  }

  /**
   * Who names a version does with any state since then: a cache answers that may lag behind what the stream has written. One that has told the newest state
   * has caught up, so that both servers have one state to answer with.
   */
  async #untilFresh({ method, kind, query }: StreamRequest): Promise<void> {
    if (method !== 'GET' || query['resourceVersion'] === undefined) return;
    await this.#api.request('GET', `${collectionPath(kind, this.#namespace)}?fieldSelector=metadata.name%3Dnobody`);
  }

  /** What follows is asked when controllers have done what they do; a quota counts what was refused, too, until somebody looks. */
  async #untilQuiet({ method, kind }: StreamRequest): Promise<void> {
    if (method === 'GET') return;
    if (kind.kind === 'CustomResourceDefinition') await untilServed(this.#api, collectionPath(kind), this.#namespace);
    else await untilQuiet(this.#api, this.#namespace);
  }

  /** Garbage collectors work at their own pace: what they finalize is waited for. */
  async #settled({ kind }: StreamRequest, { status, body }: LabAnswer): Promise<void> {
    if (status >= 300 || !isRecord(body) || !isRecord(body['metadata'])) return;
    const { name, namespace, finalizers, deletionTimestamp } = body['metadata'];
    if (deletionTimestamp === undefined || !isCollected(finalizers)) return;
    const path = `${collectionPath(kind, String(namespace))}/${String(name)}`;
    for (const end = performance.now() + collectionMs; performance.now() < end; await delay(20)) {
      const now = await this.#api.request('GET', path);
      if (now.status === 404 || !isCollected(now.body?.metadata?.finalizers)) return;
    }
  }
}

/** Kubernetes tells of unknown formats in the random order of a set. */
function inOneOrder(warnings: readonly string[]): readonly string[] {
  const isOfFormat = (warning: string): boolean => warning.includes('unrecognized format');
  return [...warnings.filter((each) => !isOfFormat(each)), ...warnings.filter(isOfFormat).toSorted()];
}

/** A bookmark that comes whenever the server thinks that it may help. */
function isOccasional({ type, object }: WatchEvent): boolean {
  return type === 'BOOKMARK' && object?.metadata?.annotations === undefined;
}

/** Events come by their versions, but for those of a state that a watch begins with, whose order is left open. */
function inOrder(events: readonly WatchEvent[]): readonly WatchEvent[] {
  const first = events.findIndex(({ type }) => type !== 'ADDED');
  const initial = first === -1 ? events.length : first;
  const versionOf = ({ object }: WatchEvent): number => Number(object?.metadata?.resourceVersion ?? 0);
  return [...events.slice(0, initial).toSorted((a, b) => versionOf(a) - versionOf(b)), ...events.slice(initial)];
}

interface WatchEvent {
  readonly type?: string;
  readonly object?: {
    readonly metadata?: { readonly name?: string; readonly resourceVersion?: string; readonly annotations?: unknown };
  };
}

function isCollected(finalizers: unknown): boolean {
  return Array.isArray(finalizers) && finalizers.some((each) => each === 'foregroundDeletion' || each === 'orphan');
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(5)) {
    if (await look()) return;
  }
  throw new Error(`waited in vain for ${what}`);
}
