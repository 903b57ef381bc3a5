const SECOND_MS = 1_000;

/**
 * A span of time as `kubectl get` prints ages: at most two units, the coarser the longer it is (`45s`, `5m30s`, `2d3h`, `400d`, `3y`).
 * Takes milliseconds; more than a second in the future gives `<invalid>`.
 */
export function humanDuration(spanMs: number): string {
  const seconds = Math.trunc(spanMs / SECOND_MS);
  if (seconds < -1 || Number.isNaN(seconds)) return '<invalid>';
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days(hours);
}

function days(hours: number): string {
  const wholeDays = Math.trunc(hours / 24);
  if (hours < 192) return pair(wholeDays, 'd', hours % 24, 'h');
  if (wholeDays < 730) return `${wholeDays}d`;
  const years = Math.trunc(wholeDays / 365);
  return wholeDays < 2_920 ? pair(years, 'y', wholeDays % 365, 'd') : `${years}y`;
}

function pair(coarse: number, coarseUnit: string, fine: number, fineUnit: string): string {
  return fine === 0 ? `${coarse}${coarseUnit}` : `${coarse}${coarseUnit}${fine}${fineUnit}`;
}
