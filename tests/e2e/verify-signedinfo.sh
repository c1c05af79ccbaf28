#!/bin/bash
# verify-signedinfo.sh ENVELOPE CERT - proves who signed an AS4 message, with openssl alone.
#
# ENVELOPE is the SOAP envelope of a captured message, or the whole HTTP body; CERT the sender's
# signing certificate, PEM. Nothing of the gateway is used: sed cuts SignedInfo out of the text and
# writes it in exclusive canonical form, openssl checks the signature over those octets.
#
# The canonical form is made by hand and holds for envelopes as this gateway writes them: the prefix
# ds is declared above SignedInfo, no other prefix is used within it, each element has at most one
# attribute, no comments. With anything else the signature simply does not verify.
#
# exit 0: verified, 1: not verified, 2: cannot be read
set -u
export LC_ALL=C
[ $# = 2 ] || { echo "usage: verify-signedinfo.sh ENVELOPE CERT" >&2; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

element() { # NAME: the first ds:NAME of the message, its start tag with the declaration it inherits
    sed -z -n "s/.*\(<ds:$1>.*<\/ds:$1>\).*/\1/p" "$envelope" | head -z -n1 | tr -d '\0'
}

envelope=$1
element SignedInfo |
    sed -z -e 's/<\([A-Za-z:]*\)\([^<>]*\)\/>/<\1\2><\/\1>/g' \
        -e 's/^<ds:SignedInfo>/<ds:SignedInfo xmlns:ds="http:\/\/www.w3.org\/2000\/09\/xmldsig#">/' >"$work/signed-info"
element SignatureValue | sed -z -e 's/<[^>]*>//g' -e 's/[^A-Za-z0-9+\/=]//g' | openssl base64 -d -A >"$work/value"
[ -s "$work/signed-info" ] && [ -s "$work/value" ] || { echo "no signature found in $1" >&2; exit 2; }
openssl x509 -in "$2" -noout -pubkey >"$work/key" || exit 2

method=$(sed -z -n 's/.*<ds:SignatureMethod Algorithm="\([^"]*\)".*/\1/p' "$work/signed-info" | tr -d '\0')
case $method in
    *rsa-sha256 | *ecdsa-sha256) digest=-sha256 ;;
    *rsa-sha384 | *ecdsa-sha384) digest=-sha384 ;;
    *rsa-sha512) digest=-sha512 ;;
    *) echo "unknown signature method $method" >&2; exit 2 ;;
esac

# XML Signature writes ECDSA as r||s; openssl wants the two numbers as a DER sequence.
if [[ $method == *ecdsa* ]]; then
    hex=$(od -An -v -tx1 "$work/value" | tr -d ' \n')
    half=$((${#hex} / 2))
    printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "${hex:0:half}" "${hex:half}" >"$work/asn1"
    openssl asn1parse -genconf "$work/asn1" -out "$work/value" -noout || exit 2
fi
openssl dgst "$digest" -verify "$work/key" -signature "$work/value" "$work/signed-info"
