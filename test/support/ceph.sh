#!/usr/bin/env bash
# Ceph on one machine, in memory: a monitor, one place for objects, and the gateway that speaks S3. Debian's packages
# `radosgw ceph-mon ceph-osd`. Runs until its standard input ends, and takes all of it away again.
#
#   ceph.sh ADDRESS PORT_OF_THE_MONITOR PORT_OF_S3 ACCESS_KEY SECRET_KEY
#
# Says `ready` when S3 answers.
set -euo pipefail
address=$1 monitor_port=$2 s3_port=$3 access_key=$4 secret_key=$5
folder=$(mktemp -d /tmp/ceph.XXXXXX)
daemons=()
clean_up() {
  [ ${#daemons[@]} = 0 ] || kill -9 "${daemons[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

mkdir "$folder"/{mon,osd,run}
cluster=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
cat >"$folder/ceph.conf" <<CONF
[global]
fsid = $cluster
mon_host = v2:127.0.0.1:$monitor_port
mon_initial_members = a
keyring = $folder/keyring
mon_data = $folder/mon
osd_data = $folder/osd
run_dir = $folder/run
crash_dir = $folder/run
log_file = $folder/\$name.log
admin_socket =
ms_bind_msgr1 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
# One copy of everything, in memory, agreed on at once.
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
rgw_frontends = beast endpoint=$address:$s3_port
rgw_run_sync_thread = false
rgw_enable_lc_threads = false
CONF
settings=(-c "$folder/ceph.conf")

key() { ceph-authtool "$folder/keyring" --gen-key "$@"; }
ceph-authtool --create-keyring "$folder/keyring" >/dev/null
key -n mon. --cap mon 'allow *'
key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
key -n client.rgw --cap mon 'allow *' --cap osd 'allow *'
key -n osd.0 --cap mon 'allow *' --cap osd 'allow *'
monmaptool --create --addv a "[v2:127.0.0.1:$monitor_port]" --fsid "$cluster" "$folder/monmap" >/dev/null

daemon() {
  "$@" </dev/null >>"$folder/out" 2>&1 &
  daemons+=($!)
}
gave_up() {
  tail -n 20 "$folder"/out "$folder"/*.log >&2
  exit 1
}
ceph-mon "${settings[@]}" -i a --mkfs --monmap "$folder/monmap" --keyring "$folder/keyring"
daemon ceph-mon "${settings[@]}" -i a -f
ceph "${settings[@]}" --connect-timeout 20 osd new "$osd" >/dev/null
ceph-osd "${settings[@]}" -i 0 --mkfs --osd-uuid "$osd" 2>>"$folder/out"
daemon ceph-osd "${settings[@]}" -i 0 -f
radosgw-admin "${settings[@]}" -n client.rgw user create --uid=stemkeeper --display-name=stemkeeper \
  --access-key="$access_key" --secret-key="$secret_key" >>"$folder/out" 2>&1 || gave_up
daemon radosgw "${settings[@]}" -n client.rgw -f
for _ in $(seq 300); do
  if (exec 3<>"/dev/tcp/$address/$s3_port") 2>/dev/null; then
    echo ready
    cat >/dev/null
    exit 0
  fi
  kill -0 "${daemons[2]}" 2>/dev/null || gave_up
  sleep 0.1
done
gave_up
