const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(?:Z|[+-]\d\d:\d\d)$/u;
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})(?:Z|[+-]\d\d:\d\d)$/u;
const secondsLength = 'yyyy-mm-ddThh:mm:ss'.length;

/** A time as Kubernetes writes it: UTC, in whole seconds or with six digits. */
export function canonicalTime(text: string, isMicro: boolean): string {
  const seconds = new Date(text).toISOString().slice(0, secondsLength);
  const [, fraction = ''] = (isMicro ? microTime.exec(text) : null) ?? [];
  return `${seconds}${fraction}Z`;
}

/** Whether a text is a time in RFC 3339; one with microseconds has exactly six digits. */
export function isTime(text: string, isMicro = false): boolean {
  return (isMicro ? microTime : time).test(text) && !Number.isNaN(Date.parse(text));
}

/** Why a text is no time, in the words of Go's parser. */
export function timeProblem(text: string, isMicro: boolean): string {
  const layout = isMicro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
  return `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(restOf(text))} as ${JSON.stringify(neededAt(text, isMicro))}`;
}

const date = /^\d{4}-\d\d-\d\d/u;

function restOf(text: string): string {
  return !date.test(text) ? text : text.length === 10 ? '' : text.slice(secondsLength);
}

function neededAt(text: string, isMicro: boolean): string {
  if (!date.test(text)) return '2006';
  return text.length === 10 ? 'T' : isMicro ? '.000000' : 'Z07:00';
}
