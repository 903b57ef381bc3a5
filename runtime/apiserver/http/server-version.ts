/** The Kubernetes version whose API this server follows; clients compare features with it (Helm's `kubeVersion`). */
export const serverVersion = {
  major: '1',
  minor: '33',
  gitVersion: 'v1.33.0+wcp360',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
} as const;
