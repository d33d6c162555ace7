# Shared by the scripts: makes the virtual environment and installs what is missing, quickly and silently the second time.
# Sourced, not run. Needs: bash, coreutils; Debian or Ubuntu for apt.
set -euo pipefail
self=$(readlink -f "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# UTF-8 and one order of sorting, whatever the locale is; the language of messages stays that of who calls (LANG).
[ -n "${LC_ALL:-}" ] || export LC_CTYPE=C.UTF-8 LC_COLLATE=C.UTF-8
venv="$root/.venv"

# --help of any script: the comment it begins with, or what its program says where that is installed; nothing is done.
for argument in "$@"; do
    case $argument in
    -h | --help)
        [ -n "${own_help:-}" ] && [ -f "$venv/.ready" ] && exec "$venv/bin/python" -m "$own_help" --help
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$self"
        exit 0
        ;;
    --) break ;;
    esac
done

say() { printf '%s\n' "$*" >&2; }

# words CHINESE ENGLISH : the one that the locale asks for, as contract/language.py has it.
words() {
    case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
    en*) printf '%s' "$2" ;;
    *) printf '%s' "$1" ;;
    esac
}

fail() {
    say "error: $1"
    [ $# -gt 1 ] && say "  to do: $2"
    exit 2
}

# quietly WHAT COMMAND... : one line when it starts, its output only when it fails.
quietly() {
    local what=$1 log
    shift
    log=$(mktemp)
    say "$what ..."
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 126
    fi
}

# apt_install PACKAGE... : installs with as few questions and services as possible.
apt_install() {
    command -v apt-get >/dev/null ||
        fail "missing: $* - and this is not Debian or Ubuntu, so it cannot be installed here" "install it by hand, then run this again"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        fail "missing: $* - installing needs root or sudo" "ask an administrator to run: apt-get install $*"
    [ -n "${lists_read:-}" ] || quietly "$(words 读取软件源 "Reading the package lists")" as_root apt-get update -q ||
        fail "the Debian package lists cannot be read" "check the network and /etc/apt/sources.list"
    lists_read=yes
    quietly "$(words "安装 $*" "Installing $*")" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" ||
        fail "apt-get could not install: $*" "see the lines above"
}

# need COMMAND PACKAGE : remembers the package when the command is missing; install_needed gets them all at once.
needed=()
need() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || needed+=("$2")
}

install_needed() {
    [ ${#needed[@]} -eq 0 ] && return
    local packages=("${needed[@]}")
    needed=()
    apt_install "${packages[@]}"
    # The distribution starts a broker of its own; ours are private and on free ports.
    case " ${packages[*]} " in
    *" mosquitto "*)
        if [ -d /run/systemd/system ]; then as_root systemctl disable --now mosquitto >/dev/null 2>&1 || true; fi
        ;;
    esac
    case " ${packages[*]} " in
    *" postgresql "*)
        if [ -d /run/systemd/system ]; then as_root systemctl disable --now postgresql >/dev/null 2>&1 || true; fi
        ;;
    esac
}

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && suits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# pip_locked PYTHON LOCK : just what requirements/LOCK.lock says, each file by its hash; nothing is built here.
pip_locked() {
    "$1" -m pip install --disable-pip-version-check -q --require-hashes --only-binary :all: \
        --find-links "$root/requirements/wheels" -r "$root/requirements/$2.lock"
}

install_dev() {
    pip_locked "$venv/bin/python" dev &&
        "$venv/bin/python" -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
}

# ensure_venv : the one environment of everything that is done in a checkout. Rebuilt when pyproject.toml, the lock or the
# place change.
ensure_venv() {
    local python want
    want=$(cat pyproject.toml requirements/dev.lock <(printf '%s' "$root") | sha256sum)
    [ -f "$venv/.ready" ] && [ "$(cat "$venv/.ready")" = "$want" ] && return
    if ! python=$(find_python); then
        apt_install python3 python3-venv
        python=$(find_python) ||
            fail "Python 3.11 or newer is needed; this system offers $(python3 --version 2>&1)" "use Debian 12, Ubuntu 24.04 or newer"
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    rm -f "$venv/.ready"
    [ -x "$venv/bin/python" ] && suits "$venv/bin/python" || { rm -rf "$venv" && "$python" -m venv "$venv"; }
    quietly "$(words "在 .venv 中安装 Python 软件包（首次需几分钟）" \
        "Installing the Python packages into .venv (a few minutes the first time)")" install_dev ||
        fail "pip could not install the packages" "see the lines above; the package index must be reachable"
    printf '%s' "$want" >"$venv/.ready"
}

# ensure_axe : axe-core's script, for the tests of the pages; of the package that holds it nothing else is used, so what it
# would bring along is left out.
ensure_axe() {
    compgen -G "$venv/lib/python*/site-packages/axe_playwright_python/axe.min.js" >/dev/null && return
    quietly "Installing axe-core into .venv" "$venv/bin/python" -m pip install --disable-pip-version-check -q --no-deps \
        --require-hashes --only-binary :all: -r requirements/axe.lock || say "axe-core cannot be had: its tests are skipped"
}
