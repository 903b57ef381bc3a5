import { parseQuantity } from '#schemas/meta/quantity.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Refused } from '#runtime/manager/controller.ts';
import type { Surroundings } from './surroundings.ts';
import type { PhpInputs } from './inputs.ts';

type PhpSpec = NonNullable<Domain['spec']['php']>;

const DEFAULT_CHILDREN = 8;
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * The PHP version and limits of a site. A refusal leaves a site that runs as it is: a mistyped version does not take it down.
 * A version that is not named is the first of the package that the host has, or the host's newest where the package names none.
 */
export function phpInputsOf(
  php: PhpSpec,
  around: Pick<Surroundings, 'effective' | 'capabilities'>,
): PhpInputs | Refused {
  const { versions = [], children = DEFAULT_CHILDREN, memory = '' } = around.effective.php ?? {};
  const version = versionOf(php.version, versions, around.capabilities.phpVersions ?? []);
  if (typeof version !== 'string') return version;
  const memoryBytes = parseQuantity(memory) ?? DEFAULT_MEMORY_BYTES;
  return aboveLimit(php, memoryBytes) ?? { version, children, memoryBytes };
}

function aboveLimit(php: PhpSpec, memoryBytes: number): Refused | undefined {
  const memoryLimit = php.settings.find((setting) => setting.name === 'memory_limit')?.value;
  if (memoryLimit === undefined || phpBytes(memoryLimit) <= memoryBytes) return undefined;
  const mebibytes = String(Math.floor(memoryBytes / 1024 / 1024));
  return refused('SettingAboveLimit', `memory_limit ${memoryLimit} is more than the ${mebibytes}M of the package.`);
}

function versionOf(
  named: string | undefined,
  allowed: readonly string[],
  installed: readonly string[],
): string | Refused {
  const fallback = allowed.length === 0 ? installed.at(-1) : allowed.find((version) => installed.includes(version));
  const version = named ?? fallback ?? allowed[0];
  if (version === undefined) return refused('PhpVersionNotInstalled', 'This host has no PHP.');
  if (allowed.length > 0 && !allowed.includes(version)) {
    return refused('PhpVersionNotAllowed', `The package allows PHP ${allowed.join(', ')}, not ${version}.`);
  }
  if (installed.includes(version)) return version;
  const present = installed.length === 0 ? 'no PHP' : `PHP ${installed.join(', ')}`;
  return refused('PhpVersionNotInstalled', `This host has ${present}, not ${version}.`);
}

/** php.ini's short sizes: `256M`; `-1` means without limit. Source: PHP manual, "Shorthand bytes". */
export function phpBytes(value: string): number {
  const match = /^\s*(-?\d+)\s*([kmg]?)\s*$/i.exec(value);
  if (match === null) return Number.POSITIVE_INFINITY;
  const amount = Number(match[1]);
  const factor = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ''] ?? 1;
  return amount < 0 ? Number.POSITIVE_INFINITY : amount * factor;
}

function refused(reason: string, message: string): Refused {
  return { refused: { reason, message } };
}
