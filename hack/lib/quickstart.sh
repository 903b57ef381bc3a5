#!/usr/bin/env bash
# Applies examples/quickstart to a running instance, fills its sites and waits until everything is Ready. Called by hack/up as root.
#   quickstart.sh TOP DIRECTORY
set -euo pipefail
top=$1 directory=$2
. "$top/hack/lib/setup.sh"
namespace=quickstart
wcpctl=("$directory/bin/wcpctl" --kubeconfig "$directory/admin.kubeconfig")

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
  tar -C "$top/examples/quickstart/sites/$1" -c . |
    (as_tenant tar -C "/srv/wcp360/tenants/$namespace/domains/$1/public" -x --no-same-owner --no-overwrite-dir)
}

# start_program: the small server behind proxy.localhost, as the tenant; left alone when it runs.
start_program() {
  local pid_file="$directory/run/quickstart-proxy.pid"
  program_runs "$pid_file" && return
  mkdir -p "$directory/lib/quickstart"
  cp "$top/examples/quickstart/sites/proxy/server.js" "$directory/lib/quickstart/server.mjs"
  as_tenant env -i PORT=3080 setsid /srv/wcp360/lib/node /srv/wcp360/lib/quickstart/server.mjs \
    >"$directory/logs/quickstart-proxy.log" 2>&1 </dev/null &
  echo $! >"$pid_file"
  sleep 0.3
  program_runs "$pid_file" || { tail -n 3 "$directory/logs/quickstart-proxy.log" >&2; fail 'The program behind proxy.localhost did not start.' 'Is port 3080 taken? Stop what has it and run this again.'; }
}

log=$(mktemp)
"${wcpctl[@]}" apply -f "$top/examples/quickstart" >"$log" || { cat "$log" >&2; fail 'examples/quickstart could not be applied.' 'The lines above say why.'; }
say quickstart "applied ($(grep -c . "$log") objects)"
rm -f "$log"
for domain in hello php proxy old; do
  "${wcpctl[@]}" wait "domain/$domain" -n "$namespace" --for=condition=Placed --timeout 30s >/dev/null
done
start_program
for domain in hello php; do
  until [ -d "$directory/tenants/$namespace/domains/$domain/public" ]; do sleep 0.05; done
  fill_site "$domain"
done
"${wcpctl[@]}" wait domain --all -n "$namespace" --for=condition=Ready --timeout 60s >/dev/null || {
  "${wcpctl[@]}" get domains -n "$namespace" -o wide
  fail 'Not every domain became Ready.' "See: wcpctl describe domains -n $namespace, and $directory/logs."
}
say ready "$("${wcpctl[@]}" get domains -n "$namespace" -o name | grep -c .) domains"

printf '\n'
"${wcpctl[@]}" get tenants,domains -n "$namespace"
printf '\n'
port=${WCP360_HTTP##*:}
for domain in hello php proxy old; do printf '  http://%s.localhost:%s/\n' "$domain" "$port"; done
cat <<END

  . $directory/env                        wcpctl on the PATH, KUBECONFIG and WCP360_HTTP set
  wcpctl get hosting -A                   everything there is
  wcpctl describe domain hello -n $namespace
  ./hack/down                             stops it; ./hack/down --purge removes it
END
