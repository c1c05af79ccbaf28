#!/bin/bash
# make-test-ca.sh - a throw-away certificate authority and the keys of some gateways.
#
# For tests, demonstrations and first steps; a real gateway's keys come from its own ministry
# (README.md beside this file). Needs bash and the openssl command line, nothing else.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: make-test-ca.sh [options] OUTDIR GATEWAY...

Makes in OUTDIR, which is created if it is not there:

  ca.pem crl.pem        the throw-away authority (P-256) and its revocation list
  ca/                   its private key and records
  GATEWAY/              for each name given, for example MD-GW1:
      tls.pem tls.key           TLS server and client, P-256, for localhost, 127.0.0.1, GATEWAY
      sign.pem sign.key         signing of messages, RSA-3072, digitalSignature
      encrypt.pem encrypt.key   encryption of messages, RSA-3072, keyEncipherment
      seal.pem seal.key         seal of documents, P-256
      kek-1.bin                 key-encryption key of the store, 32 octets
  expired/ revoked/     tls and sign of the same authority: expired, and listed in crl.pem
  other/                ca.pem of another authority, and tls and sign issued by it

What is there already is kept, so the script may be run again, also with further names.

options:
  --rsa2048         RSA-2048 instead of RSA-3072
  --p256-sign       P-256 instead of RSA for signing
  --from DATE       certificates begin on that day, YYYYMMDD   (20200101)
  --until DATE      certificates end with that day, YYYYMMDD   (20401231)
  --quiet           say nothing when all went well
  --help            this text

example: certs/make-test-ca.sh /tmp/trm-keys MD-GW1 UA-GW1
TEXT
}

fail() {
    echo "make-test-ca.sh: $*" >&2
    exit 1
}

rsa=3072 sign_kind=rsa from=20200101 until=20401231 quiet=
while [ $# -gt 0 ]; do
    case $1 in
        --rsa2048) rsa=2048 ;;
        --p256-sign) sign_kind=p256 ;;
        --from | --until)
            [[ ${2:-} =~ ^[0-9]{8}$ ]] || fail "$1 wants a day as YYYYMMDD"
            [ "$1" = --from ] && from=$2 || until=$2
            shift ;;
        --quiet) quiet=1 ;;
        --help | -h) usage; exit 0 ;;
        --) shift; break ;;
        -*) fail "unknown option $1 (--help lists them)" ;;
        *) break ;;
    esac
    shift
done
[ $# -ge 2 ] || { usage >&2; exit 64; }
out=$1
shift
for name in "$@"; do
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9-]{0,39}$ ]] || fail "\"$name\" is no gateway name (letters, digits, hyphens)"
    [[ $name =~ ^(ca|other|expired|revoked)$ ]] && fail "the name $name is taken"
done
command -v openssl >/dev/null || fail "the openssl command is not installed"
umask 077
mkdir -p "$out"
cd "$out"
unset OPENSSL_CONF

# --- keys, several at a time ------------------------------------------------------------------

wanted=()
want_key() { # PATH rsa|rsa2048|p256
    [ -s "$1" ] || wanted+=("$1 $2")
}

make_key() { # PATH KIND
    local algorithm=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
    case $2 in
        rsa) algorithm=(-algorithm RSA -pkeyopt "rsa_keygen_bits:$rsa") ;;
        rsa2048) algorithm=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048) ;;
    esac
    mkdir -p "$(dirname "$1")"
    openssl genpkey -quiet "${algorithm[@]}" -out "$1.tmp" 2>/dev/null ||
        openssl genpkey "${algorithm[@]}" -out "$1.tmp" 2>/dev/null
    chmod 600 "$1.tmp"
    mv "$1.tmp" "$1"
}

make_keys() {
    [ ${#wanted[@]} -gt 0 ] || return 0
    export rsa
    export -f make_key
    # shellcheck disable=SC2016 # expanded by the inner shell
    printf '%s\n' "${wanted[@]}" | xargs -P "$(nproc)" -L1 bash -euc 'make_key "$1" "$2"' make_key
}

# --- certificates -----------------------------------------------------------------------------

settings() { # DIR: the configuration of one authority
    cat <<TEXT
[ca]
default_ca = throwaway
[throwaway]
database = $1/index.txt
new_certs_dir = $1
certificate = $1/ca.pem
private_key = $1/ca.key
default_md = sha256
rand_serial = yes
unique_subject = no
policy = any
copy_extensions = none
[any]
organizationName = supplied
commonName = supplied
[req]
distinguished_name = empty
[empty]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tls]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, DNS:\${ENV::GATEWAY}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[sign]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[encrypt]
basicConstraints = CA:FALSE
keyUsage = critical, keyEncipherment
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[seal]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
TEXT
}

# The authority writes each certificate under its serial number too; those copies are not kept.
issue() { # AUTHORITY KEY CERT SECTION CN FROM UNTIL [-selfsign]
    [ -s "$3" ] && return 0
    openssl req -new -key "$2" -config "$1/ca.cnf" -subj "/O=TRM throw-away/CN=$5" -out "$3.csr"
    openssl ca -batch -notext -config "$1/ca.cnf" -extensions "$4" -in "$3.csr" -out "$3.tmp" \
        -startdate "${6}000000Z" -enddate "${7}235959Z" "${@:8}" 2>"$1/last.log" ||
        { cat "$1/last.log" >&2; fail "could not issue $3"; }
    rm -f "$3.csr" "$1"/[0-9A-F]*.pem
    chmod 644 "$3.tmp"
    mv "$3.tmp" "$3"
}

begin_ca() { # DIR CN
    export GATEWAY=localhost
    settings "$1" >"$1/ca.cnf"
    [ -e "$1/index.txt" ] || : >"$1/index.txt"
    issue "$1" "$1/ca.key" "$1/ca.pem" root "$2" "$from" "$until" -selfsign
}

issue_pair() { # AUTHORITY DIR NAME FROM UNTIL: tls and sign
    GATEWAY=$3 issue "$1" "$2/tls.key" "$2/tls.pem" tls "$3 tls" "$4" "$5"
    GATEWAY=$3 issue "$1" "$2/sign.key" "$2/sign.pem" sign "$3 sign" "$4" "$5"
}

for dir in ca other; do want_key "$dir/ca.key" p256; done
for dir in expired revoked other; do
    want_key "$dir/tls.key" p256
    want_key "$dir/sign.key" rsa2048
done
for name in "$@"; do
    want_key "$name/tls.key" p256
    want_key "$name/sign.key" "$sign_kind"
    want_key "$name/encrypt.key" rsa
    want_key "$name/seal.key" p256
done
make_keys

begin_ca ca "Throw-away CA"
begin_ca other "Another CA"
for name in "$@"; do
    issue_pair ca "$name" "$name" "$from" "$until"
    GATEWAY=$name issue ca "$name/encrypt.key" "$name/encrypt.pem" encrypt "$name encrypt" "$from" "$until"
    GATEWAY=$name issue ca "$name/seal.key" "$name/seal.pem" seal "$name seal" "$from" "$until"
    if [ ! -s "$name/kek-1.bin" ]; then
        openssl rand -out "$name/kek-1.tmp" 32
        chmod 400 "$name/kek-1.tmp"
        mv "$name/kek-1.tmp" "$name/kek-1.bin"
    fi
done
issue_pair ca expired expired 20200101 20200201
issue_pair ca revoked revoked "$from" "$until"
issue_pair other other other "$from" "$until"

if [ ! -s crl.pem ]; then
    for cert in revoked/tls.pem revoked/sign.pem; do
        openssl ca -config ca/ca.cnf -revoke "$cert" -crl_reason keyCompromise 2>ca/last.log ||
            grep -q 'Already revoked' ca/last.log || { cat ca/last.log >&2; fail "could not revoke $cert"; }
    done
    # Revoked from the first day on, so that a test may stand at any date.
    sed -i "s/^\(R\t[^\t]*\t\)[0-9]*Z,/\1${from:2}000000Z,/" ca/index.txt
    openssl ca -config ca/ca.cnf -gencrl -crl_lastupdate "${from}000000Z" \
        -crl_nextupdate "${until}235959Z" -out crl.tmp 2>ca/last.log ||
        { cat ca/last.log >&2; fail "could not make the revocation list"; }
    chmod 644 crl.tmp
    mv crl.tmp crl.pem
fi
cp ca/ca.pem ca.pem.tmp
chmod 644 ca.pem.tmp
mv ca.pem.tmp ca.pem
rm -f ca/last.log other/last.log

[ -n "$quiet" ] || echo "$PWD: a throw-away authority and the keys of $*"
