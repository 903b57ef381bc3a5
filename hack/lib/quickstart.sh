#!/usr/bin/env bash
# Applies examples/quickstart to a running instance, fills its sites and waits until everything is Ready. Called by hack/up as root.
#   quickstart.sh TOP DIRECTORY
set -euo pipefail
top=$1 directory=$2
. "$top/hack/lib/setup.sh"
namespace=quickstart domains=(hello php proxy old) databases=(notes visits)
. "$directory/env"
wcpctl=("$directory/bin/wcpctl")

# as_tenant COMMAND…: inside of the instance's mount namespace, where its directory can be entered even if the checkout lies in a closed home.
as_tenant() {
  local uid supervisor
  uid=$(stat -c %u "$directory/tenants/$namespace/tmp")
  supervisor=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$directory/run/supervisor.json")
  exec nsenter --target "$supervisor" --mount -- setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs "$@"
}

# fill_site DOMAIN: copies the example's files into the domain's document root as the tenant, unless something is there already.
fill_site() {
  [ -z "$(ls -A "$directory/tenants/$namespace/domains/$1/public")" ] || return 0
  tar -C "$top/examples/quickstart/sites/$1" --mode=a+rX -c . |
    (as_tenant tar -C "/srv/wcp360/tenants/$namespace/domains/$1/public" -x --no-same-owner --no-overwrite-dir)
}

# start_program: the small server behind proxy.localhost, as the tenant; left alone when it runs.
start_program() {
  local pid_file="$directory/run/quickstart-proxy.pid" port=3080 log="$directory/logs/quickstart-proxy.log"
  program_runs "$pid_file" && return
  [ -z "$(ss -Hltn "sport = :$port")" ] || fail "Port $port is taken by another program; the one behind proxy.localhost needs it." 'Stop what has it and run this again.'
  install -D -m 644 "$top/examples/quickstart/sites/proxy/server.js" "$directory/lib/quickstart/server.mjs"
  as_tenant env -i PORT="$port" setsid /srv/wcp360/lib/node /srv/wcp360/lib/quickstart/server.mjs >"$log" 2>&1 </dev/null &
  echo $! >"$pid_file"
  until [ -n "$(ss -Hltn "sport = :$port")" ]; do
    kill -0 $! 2>/dev/null || { tail -n 3 "$log" >&2; fail 'The program behind proxy.localhost ended.' "The lines above are from $log."; }
    sleep 0.05
  done
}

# wait_for TYPE/NAME…: until the host has made them so.
wait_for() {
  "${wcpctl[@]}" wait "$@" -n "$namespace" --for=condition=Ready --timeout 60s >/dev/null || {
    "${wcpctl[@]}" get tenants,domains,databases,databaseusers -n "$namespace" -o wide
    fail "Not everything became Ready: $*" "See why: wcpctl describe domains,databases,databaseusers -n $namespace, and $directory/logs. Then run this again."
  }
}

quietly 'wcpctl apply' "${wcpctl[@]}" apply -f "$top/examples/quickstart"
say quickstart applied
wait_for "tenant/$namespace" domain/hello domain/php
fill_site hello
fill_site php
start_program
wait_for "${domains[@]/#/domain/}" "${databases[@]/#/databaseuser/}"
say ready "${domains[*]}, databases ${databases[*]}"

printf '\n'
"${wcpctl[@]}" get tenants,domains,databases -n "$namespace"
printf '\n'
for domain in "${domains[@]}"; do printf '  https://%s.localhost:%s/\n' "$domain" "${WCP360_HTTPS##*:}"; done
cat <<END

  . .wcp360/env                                wcpctl on the PATH, KUBECONFIG, WCP360_HTTPS and WCP360_CA set
  wcpctl get hosting -A                        everything there is
  wcpctl describe domain hello -n $namespace
  ./hack/down                                  stops it; ./hack/down --purge removes it
END
