import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** What a PHP preset says to the front: data, as the application's own documentation recommends for nginx. */
export interface PhpPreset {
  /** Gets every path that is no file; absent: 404. */
  readonly frontController?: string;
  /** What is never served, whatever is there: see `denySuffixes` of the front's records. */
  readonly denySuffixes: readonly string[];
}

type PresetName = NonNullable<Domain['spec']['php']>['preset'];

const LEFTOVERS = ['.bak', '.orig', '.save', '.sql', '.swp', '~'] as const;

/** Sources: developer.wordpress.org "nginx", laravel.com "Deployment", Drupal core's own list of protected files. */
export const PHP_PRESETS: Readonly<Record<PresetName, PhpPreset>> = {
  None: { denySuffixes: [] },
  WordPress: {
    frontController: 'index.php',
    denySuffixes: [
      ...LEFTOVERS,
      '/wp-config.php',
      '/wp-config-sample.php',
      '/wp-content/debug.log',
      '/wp-content/uploads/*.php',
    ],
  },
  Laravel: {
    frontController: 'index.php',
    denySuffixes: [...LEFTOVERS, '/artisan', '/composer.json', '/composer.lock', '/package.json'],
  },
  Drupal: {
    frontController: 'index.php',
    denySuffixes: [
      ...LEFTOVERS,
      '.engine',
      '.inc',
      '.install',
      '.make',
      '.module',
      '.po',
      '.profile',
      '.sh',
      '.theme',
      '.twig',
      '.xtmpl',
      '.yml',
      '/composer.json',
      '/composer.lock',
      '/vendor/',
      '/web.config',
    ],
  },
};
