#!/bin/bash
# build-and-run.sh - builds the image and runs the two gateways without a container engine's service.
#
# Needs root and what Debian 12 has: buildah builds, podman and runc run, podman-compose reads
# compose.yaml. Images, volumes and network live in one temporary folder and one network namespace,
# and go with them; the machine's own containers and network are not touched.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: build-and-run.sh [--keep] [--base FILE]

Builds docker/Dockerfile, starts the two gateways of compose.yaml, lets them test each other,
sends a message with an attachment from MD-GW1 to UA-GW1, and takes everything down again.

  --keep        leaves the gateways running, and prints how to talk to them and how to end it
  --base FILE   a tar of a Debian 12 root instead of making one with debootstrap
TEXT
}

keep='' base=''
while [ $# -gt 0 ]; do
    case $1 in
        --keep) keep=1 ;;
        --base) base=$(realpath "${2:?--base wants a file}"); shift ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift
done

# --- what is missing --------------------------------------------------------------------------

packages=(buildah podman runc debootstrap podman-compose netavark aardvark-dns catatonit iproute2
    iptables openssl)
missing=()
for p in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "Packages are missing. Run as root:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 69
fi
if [ "$(id -u)" != 0 ]; then
    echo "This needs root: it makes a file system, a network namespace and containers." >&2
    exit 77
fi

tree=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/trm-docker-XXXXXX")
space=$(basename "$work" | tr '[:upper:]' '[:lower:]')
umask 022
chmod 711 "$work"

say() { echo "== $*"; }
inside() { nsenter --net="/run/netns/$space" "$@"; }
compose() { inside podman-compose -p trm -f "$tree/docker/compose.yaml" "$@"; }
in_md() { inside podman exec trm_md-gw1_1 "$@"; }
in_ua() { inside podman exec trm_ua-gw1_1 "$@"; }

# shellcheck disable=SC2317 # called by the trap
clean() {
    local status=$?
    if [ -n "$keep" ] && [ $status = 0 ]; then
        return
    fi
    if [ $status != 0 ] && ip netns list 2>/dev/null | grep -q "^$space"; then
        for name in trm_md-gw1_1 trm_ua-gw1_1; do
            echo "--- $name" >&2
            inside podman logs --tail 15 "$name" >&2 || true
        done
    fi
    if ip netns list 2>/dev/null | grep -q "^$space"; then
        compose down -v >/dev/null 2>&1 || true
        inside podman rm -fa >/dev/null 2>&1 || true
        ip netns pids "$space" 2>/dev/null | xargs -r kill 2>/dev/null || true
        ip netns del "$space" || true
    fi
    findmnt -rno TARGET 2>/dev/null | grep "^$work/" | sort -r | xargs -r umount -l 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

# --- storage and runtime of our own -----------------------------------------------------------

# runc, because it also runs where the control groups are of the old kind; few open files and
# processes, because raising limits may be forbidden; Docker's format, because the other one has
# no HEALTHCHECK.
cat >"$work/containers.conf" <<'TEXT'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
image_default_format = "docker"
TEXT
cat >"$work/storage.conf" <<TEXT
[storage]
driver = "${TRM_STORAGE_DRIVER:-overlay}"
graphroot = "$work/images"
runroot = "$work/run"
TEXT
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
export BUILDAH_ISOLATION=chroot
export TRM_WORLD=$work/world TRM_USER=10001:0

# --- the image --------------------------------------------------------------------------------

# The Dockerfile says debian:bookworm-slim; without a registry that is a root made here.
if [ -z "$base" ]; then
    say "making a Debian 12 root"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" >"$work/debootstrap.log" 2>&1 ||
        { tail -5 "$work/debootstrap.log" >&2; exit 1; }
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
        if [ -e "$list" ]; then cp "$list" "$work/root$list"; fi
    done
    base=$work/root.tar
    tar -C "$work/root" --numeric-owner -cf "$base" .
    rm -rf "$work/root"
fi
podman import --change 'CMD ["bash"]' "$base" docker.io/library/debian:bookworm-slim >/dev/null
say "building the image"
buildah bud --layers --format docker --pull-never -t trm-gateway \
    --ignorefile "$tree/docker/Dockerfile.dockerignore" -f "$tree/docker/Dockerfile" "$tree" \
    >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; exit 1; }
podman image inspect --format '{{.Size}} octets, user {{.Config.User}}' trm-gateway

say "the image alone: any user, read-only, no network, no capability"
podman run --rm --network none --no-healthcheck --read-only --cap-drop all --user 4321:0 \
    trm-gateway --version

# --- two gateways -----------------------------------------------------------------------------

say "two gateways"
"$tree/docker/prepare.sh" --user "$TRM_USER" "$TRM_WORLD"
ip netns add "$space"
ip -n "$space" link set lo up
compose up -d --no-build >"$work/compose.log" 2>&1 || { tail -20 "$work/compose.log" >&2; exit 1; }

ready() { inside podman healthcheck run "$1" >/dev/null 2>&1; }
for name in trm_md-gw1_1 trm_ua-gw1_1; do
    for _ in $(seq 60); do
        if ready "$name"; then break; fi
        sleep 0.5
    done
    ready "$name" || { echo "$name does not become healthy" >&2; exit 1; }
    echo "$name is healthy"
done

say "an agreement, and each tests the other"
for who in in_md in_ua; do
    $who trmctl agreement bundle MDUA-1 --output /tmp/MDUA-1.bundle
    $who trmctl agreement install /tmp/MDUA-1.bundle
done
in_md trmctl partner test UA-GW1
in_ua trmctl partner test MD-GW1

say "a message with content, there and receipted"
in_md sh -c 'printf "one small file\n" >/tmp/hello.txt'
in_md trmctl --key /etc/trmd/office.key submit --opaque --partner UA-GW1 --pmode connect /tmp/hello.txt
for _ in $(seq 60); do
    if in_ua trmctl --key /etc/trmd/office.key --json deliverable list | grep -q '"kind": *"opaque"'; then break; fi
    sleep 0.5
done
in_ua trmctl --key /etc/trmd/office.key --json deliverable list | grep '"kind": *"opaque"' >/dev/null ||
    { echo "the message did not arrive" >&2; exit 1; }
in_md trmctl list
echo "arrived at UA-GW1"

if [ -n "$keep" ]; then
    cat <<TEXT

Both are left running. Talk to them:
  export CONTAINERS_CONF=$CONTAINERS_CONF CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF
  nsenter --net=/run/netns/$space podman exec -it trm_md-gw1_1 trmctl status
End it and remove everything:
  export TRM_WORLD=$TRM_WORLD TRM_USER=$TRM_USER
  nsenter --net=/run/netns/$space podman-compose -p trm -f $tree/docker/compose.yaml down -v
  ip netns del $space; umount -l $work/images/overlay 2>/dev/null; rm -rf $work
TEXT
else
    say "stopping"
    compose down -v >/dev/null 2>&1
fi
say "all good"
