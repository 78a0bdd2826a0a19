#!/bin/sh
# Makes what compose.yaml reads from ./secrets, and leaves alone what is there: an authority, a certificate
# of it for the aggregator and the broker, the agents' password, the token that opens the page.
#   ./secrets.sh [NAME...]     names under which they are reached besides; one is enough
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
umask 077

names=DNS:aggregator,DNS:mosquitto,DNS:localhost,IP:127.0.0.1
for name in "$@"; do names="$names,DNS:$name"; done

[ -e mqtt-password ] || openssl rand -base64 24 >mqtt-password
[ -e token ] || openssl rand -hex 32 >token
if [ ! -e coalmine.pem ]; then
  [ -e ca.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=Coalmine CA" -keyout ca.key -out ca.pem 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=coalmine \
    -keyout coalmine.key -out coalmine.csr 2>/dev/null
  echo "subjectAltName=$names" >extensions
  openssl x509 -req -in coalmine.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 397 \
    -extfile extensions -out coalmine.pem 2>/dev/null
  rm -f coalmine.csr extensions
fi
# Compose hands files over with the owner and the rights that they have here, and the containers are nobody
# special. The folder is closed to others instead; the authority's key stays out of it all.
chmod 700 .
chmod 444 ca.pem coalmine.pem coalmine.key mqtt-password token
