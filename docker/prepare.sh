#!/bin/bash
# prepare.sh - what the two gateways of compose.yaml mount: configuration, throw-away keys, API keys.
#
# Everything private is made here and stays below the folder; nothing of it goes into the image.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: prepare.sh [--user UID:GID] [FOLDER]

Makes FOLDER (docker/world) with MD-GW1/ and UA-GW1/, each to be mounted as /etc/trmd. What is
there already is kept. --user gives the files to that user (10001:0, needs root); without root
they stay yours: start with TRM_USER="$(id -u):0".
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
owner=10001:0 folder=$here/world
while [ $# -gt 0 ]; do
    case $1 in
        --user) owner=${2:?--user wants UID:GID}; shift ;;
        --help | -h) usage; exit 0 ;;
        -*) usage >&2; exit 64 ;;
        *) folder=$1 ;;
    esac
    shift
done

umask 077
mkdir -p "$folder"
"$here/../certs/make-test-ca.sh" --quiet "$folder/keys" MD-GW1 UA-GW1

office_key() { # GATEWAY OFFICE: a random API key, and its digest as a drop-in of the settings
    [ -s "$folder/$1/office.key" ] && return 0
    openssl rand -hex 24 >"$folder/$1/office.key"
    local digest
    digest=$(tr -d '\n' <"$folder/$1/office.key" | openssl dgst -sha256 -r | cut -d' ' -f1)
    mkdir -p "$folder/$1/gateway.d"
    printf '{ "clients": { "office": { "office": "%s", "role": "officer", "keySha256": "%s" } } }\n' \
        "$2" "$digest" >"$folder/$1/gateway.d/office.json"
}

give() { # GATEWAY OFFICE OTHER
    mkdir -p "$folder/$1/keys" "$folder/$1/partners/$3"
    cp "$here/$1/gateway.json" "$folder/$1/"
    cp "$here/$1/partners/$3.json" "$folder/$1/partners/"
    cp "$folder/keys/ca.pem" "$folder/$1/"
    cp -p "$folder/keys/$1"/* "$folder/$1/keys/"
    cp "$folder/keys/$3/sign.pem" "$folder/keys/$3/encrypt.pem" "$folder/keys/$3/seal.pem" \
        "$folder/$1/partners/$3/"
    office_key "$1" "$2"
}

give MD-GW1 MD-COORD UA-GW1
give UA-GW1 UA-COORD MD-GW1
chmod 711 "$folder"
if [ "$(id -u)" = 0 ]; then
    chown -R "$owner" "$folder/MD-GW1" "$folder/UA-GW1"
fi
echo "ready in $folder"
