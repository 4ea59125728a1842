"""The names of the commands that are built into the shell of a base image, and need no file in it."""

_NAMES = (  # a list, because asking bashkit would take the time of its start
    ". : [ alias arch assert awk b2sum base32 base64 basename basenc bash bc bg bind break builtin bunzip2 "
    "busybox bzcat bzip2 cat cd chgrp chmod chown cksum clear cmp column comm command compgen complete compopt "
    "continue cp csv curl cut date dd declare df diff dirname dirs dotenv du echo egrep enable env envsubst eval "
    "exec exit expand export expr factor false fc fg fgrep file find flock fmt fold free gawk getconf getopts "
    "glob grep groups gunzip gzip hash head help hexdump history hostid hostname http iconv id install jobs join "
    "jq json kill less let link ln local locale log logname ls make man mapfile mawk md5sum mkdir mkfifo mktemp "
    "more mv nano nawk nice nl nohup nproc numfmt od openssl parallel paste patch pgrep pkill popd pr printenv "
    "printf ps pushd pwd read readarray readlink readonly realpath retry return rev rg rm rmdir sed semver seq "
    "set sh sha1sum sha224sum sha256sum sha384sum sha512sum shasum shift shopt shuf sleep sort source split stat "
    "strings sudo sum sync tac tail tar tee template test timeout times tomlq touch tr trap tree true truncate "
    "tsort tty type typeset ulimit umask unalias uname unexpand uniq unlink unset unzip uptime users uuidgen "
    "verify vi wait watch wc wget which who whoami xargs xxd yes yq zip "
)
COMMANDS = frozenset(_NAMES.split())
