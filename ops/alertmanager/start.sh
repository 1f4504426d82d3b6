#!/bin/sh
# Writes the URLs of the webhooks from the environment to files in memory, then becomes alertmanager. Arguments go to it.
#
# Without ALERT_OPS_URL pages go to the chat, without ALERT_CHAT_URL tickets go to ops. Without either, alerts are sent
# nowhere.
set -eu
umask 077

here=$(dirname "$0")
urls=${ALERT_URLS_FOLDER:-/run/alertmanager}
ops=${ALERT_OPS_URL:-${ALERT_CHAT_URL:-}}
chat=${ALERT_CHAT_URL:-$ops}
config=$here/alertmanager.yml

if [ -z "$ops" ]; then
  echo "neither ALERT_CHAT_URL nor ALERT_OPS_URL is set: alerts are sent nowhere" >&2
  config=$here/nowhere.yml
fi
printf %s "$ops" >"$urls/ops_url"
printf %s "$chat" >"$urls/chat_url"

exec alertmanager --config.file="$config" "$@"
