# Shared by hack/up, hack/down, hack/install, hack/test and hack/bench: brings a fresh Debian 12 to where our programs run. To be sourced.
# Nothing here starts or enables a service of Debian's; everything can be repeated.

# What unprivileged programs of an instance read must not be closed to them by a strict umask.
umask 022

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
node_bin="$top/node_modules/node/bin/node"
runtime_packages=(etcd-server nginx libnginx-mod-http-lua lua-cjson php8.2-fpm bubblewrap ca-certificates iproute2 util-linux)
test_packages=(etcd-client curl unzip jq wrk systemd)
installed_services=(etcd nginx php8.2-fpm)

say() { printf '  %-22s %s\n' "$1" "$2"; }
fail() { # fail WHAT HOW-TO-GO-ON
  printf '\n  %s\n  %s\n' "$1" "$2" >&2
  exit 1
}

# Starts the calling script again as root, keeping who asked in SUDO_UID.
become_root() {
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || fail 'Root rights are needed: sites run under uids of their own.' 'Run this as root, or install sudo.'
  exec sudo --preserve-env=CI,DEBIAN_FRONTEND "$0" "$@"
}

# Runs a command as the person who called sudo (the owner of the checkout), or as root when root called.
as_caller() {
  if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
    runuser -u "$SUDO_USER" -- env HOME="$(getent passwd "$SUDO_USER" | cut -d: -f6)" PATH="$PATH" "$@"
  else
    "$@"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# install_packages PACKAGE…: what is missing, with its services neither started nor enabled.
install_packages() {
  local missing guard=/usr/sbin/policy-rc.d made_guard='' service
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    say packages 'already there'
    return
  fi
  command -v apt-get >/dev/null || fail "These packages are missing: ${missing[*]}" 'WCP360 installs them on Debian 12; elsewhere install them by hand.'
  say packages "installing ${missing[*]}"
  # deb-systemd-invoke and invoke-rc.d ask this program before they start anything.
  if [ ! -e "$guard" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    made_guard=yes
  fi
  local log
  log=$(mktemp)
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    [ -z "$made_guard" ] || rm -f "$guard"
    tail -n 15 "$log" >&2
    fail 'apt-get did not finish.' "Its whole output: $log. Run this again when the cause is gone."
  fi
  [ -z "$made_guard" ] || rm -f "$guard"
  rm -f "$log"
  for service in "${installed_services[@]}"; do
    printf '%s\n' "${missing[@]}" | grep -q "^$service" && command -v systemctl >/dev/null && systemctl disable --quiet "$service" 2>/dev/null
  done
  return 0
}

# npm and a Node of any age, only to install the modules, one of which is the Node that everything runs on.
install_node_modules() {
  local lock="$top/package-lock.json" stamp="$top/node_modules/.wcp360-lock"
  if [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && [ -x "$node_bin" ]; then
    say modules "already there (Node $("$node_bin" --version))"
    return
  fi
  command -v npm >/dev/null || install_packages nodejs npm
  say modules 'installing with npm (a minute)'
  local log
  log=$(mktemp)
  chmod 666 "$log"
  if ! as_caller npm --prefix "$top" install --no-audit --no-fund --loglevel=error >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail 'npm did not finish.' "Its whole output: $log. Run this again when the cause is gone."
  fi
  rm -f "$log"
  [ -x "$node_bin" ] || fail 'The npm package "node" brought no Node for this machine.' 'WCP360 needs Linux on x64 or arm64 and install scripts allowed for the package "node".'
  as_caller cp "$lock" "$stamp"
}

install_tools() {
  local lock="$top/hack/tools/package-lock.json" stamp="$top/hack/tools/node_modules/.wcp360-lock"
  [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && return
  as_caller npm --prefix "$top/hack/tools" install --no-audit --no-fund --loglevel=error
  as_caller cp "$lock" "$stamp"
}

# build_programs LIBRARY: bundles wcpd and wcpctl into LIBRARY when a source is newer than the bundle.
build_programs() {
  local stamp="$1/.built"
  if [ -f "$stamp" ] && [ -z "$(find "$top/runtime" "$top/controllers" "$top/schemas" "$top/manifests" "$top/hack/build.ts" "$top/package-lock.json" -newer "$stamp" -type f -print -quit)" ]; then
    say programs 'already built'
    return
  fi
  mkdir -p "$1"
  local begun
  begun=$(mktemp)
  (cd "$top" && "$node_bin" hack/build.ts "$1") || fail 'The programs could not be bundled.' 'The lines above say why.'
  mv "$begun" "$stamp"
  say programs built
}

# program_runs PID-FILE: the quick start's example program runs under that process id.
program_runs() {
  [ -f "$1" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$1")/cmdline" | grep -q lib/quickstart/server.mjs
}
