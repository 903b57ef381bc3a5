import { jsonType } from '#runtime/apiserver/codec/media-type.ts';
import type { Stream } from '#runtime/apiserver/http/answer.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { eventLine, eventLineOf, type Rendering } from '#runtime/apiserver/watch/event-lines.ts';
import { streamEvents, type WatchPlan } from '#runtime/apiserver/watch/stream.ts';
import { viewOf } from '#runtime/apiserver/registry/view.ts';
import type { ObjectMeta } from '#schemas/meta/object.ts';
import type { ApiRequest, VerbContext } from './context.ts';
import type { ListOptions } from './list-options.ts';
import { presentationOf, renderObject, tableOf, type Presentation } from './presentation.ts';
import { candidates, readListQuery, selects, type Selection } from './selection.ts';

/** Half an hour to an hour when the client names no end, so that not all of them come back at once. */
const defaultSeconds = 1_800;

/** Answers a watch with a stream of events. Refusals before the stream are answers; whatever comes later is an ERROR event inside it. */
export async function watchObjects(context: VerbContext, request: ApiRequest, resource: Resource): Promise<Stream> {
  const how = presentationOf(request, 'watch');
  const { options, selection } = readListQuery(request, resource, true);
  await reachStart(context, options);
  const plan: WatchPlan = {
    resource,
    ...startOf(context, selection, options, how),
    selects: (cached) => selects(selection, cached),
    rendering: renderingOf(context, resource, how),
    bookmark: options.allowBookmarks
      ? (revision, initialEnd) => bookmarkLine(resource, how, revision, initialEnd)
      : undefined,
    announceStart: wantsState(options),
    isCurrent: isCurrentIn(context, resource),
    timeoutMs: (options.timeoutSeconds ?? defaultSeconds * (1 + Math.random())) * 1_000,
  };
  return { contentType: jsonType, pipe: (response) => streamEvents(context, plan, response) };
}

/** Built-in resources never change; those of a definition are made anew with it. */
function isCurrentIn(context: VerbContext, resource: Resource): () => boolean {
  const { group, version, resource: plural } = resource.info;
  return resource.custom ? () => context.registry.lookup(group, version, plural) === resource : () => true;
}

/** A watch that begins with the present state needs the cache to have it; one from a revision only that the revision is no phantasy. */
async function reachStart(context: VerbContext, options: ListOptions): Promise<void> {
  const { resourceVersion, sendInitialEvents } = options;
  const { cache, signal } = context;
  if (resourceVersion === undefined && sendInitialEvents !== false) await cache.sync(signal);
  else if (sendInitialEvents === true && resourceVersion !== undefined && resourceVersion > cache.revision)
    await cache.waitFor(resourceVersion, { signal });
}

/** Those who do not say get the present state when they name no version to go on from. */
function wantsState({ resourceVersion, sendInitialEvents }: ListOptions): boolean {
  return sendInitialEvents ?? (resourceVersion === undefined || resourceVersion === 0);
}

/** Where the stream begins: with all that is there, or with what changed after a revision. Taken in one go, so nothing falls between. */
function startOf(
  context: VerbContext,
  selection: Selection,
  options: ListOptions,
  how: Presentation,
): Pick<WatchPlan, 'after' | 'initial'> {
  const { cache } = context;
  const { resourceVersion } = options;
  if (!wantsState(options)) return { after: resourceVersion || cache.revision, initial: [] };
  return { after: cache.revision, initial: initialLines(context, selection, how, [...candidates(cache, selection)]) };
}

function* initialLines(
  context: VerbContext,
  selection: Selection,
  how: Presentation,
  objects: Iterable<Parameters<typeof viewOf>[1]>,
): Generator<Buffer> {
  const { resource } = selection;
  const rendering = renderingOf(context, resource, how);
  let render = rendering?.renderFirst ?? rendering?.render;
  for (const cached of objects) {
    if (!selects(selection, cached)) continue;
    const view = viewOf(resource, cached);
    yield render === undefined ? eventLine('ADDED', view.bytes) : eventLineOf('ADDED', render(view.object));
    render = rendering?.render;
  }
}

function renderingOf(context: VerbContext, resource: Resource, how: Presentation): Rendering | undefined {
  if (how.kind === 'plain') return undefined;
  const render: Rendering['render'] = (object) =>
    renderObject(resource, object, how, { nowMs: context.clock.now(), header: false });
  const header: Rendering['render'] = (object) =>
    renderObject(resource, object, how, { nowMs: context.clock.now(), header: true });
  return {
    key: `${how.kind} ${how.version} ${how.includeObject}`,
    render,
    ...(how.kind === 'table' ? { renderFirst: header } : {}),
  };
}

function bookmarkLine(resource: Resource, how: Presentation, revision: number, initialEnd: boolean): Buffer {
  const metadata = {
    resourceVersion: String(revision),
    ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  if (how.kind === 'table')
    return eventLineOf('BOOKMARK', tableOf(resource, [], how, { listMeta: metadata, nowMs: 0, header: false }));
  if (how.kind === 'metadata') {
    const apiVersion = `meta.k8s.io/${how.version}`;
    return eventLineOf('BOOKMARK', { kind: 'PartialObjectMetadata', apiVersion, metadata });
  }
  // Built-in kinds have fields that are always written.
  const { apiVersion, info } = resource;
  const empty = { kind: info.kind, apiVersion, metadata: metadata as Partial<ObjectMeta> as ObjectMeta };
  return eventLineOf('BOOKMARK', resource.schema.prune(empty).object);
}
