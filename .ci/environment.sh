# Shared by the scripts beside it: how an environment is made from nothing. Sourced, never run.
# Needs Python 3.11, 3.12 or 3.13 with pip or uv, and a package registry as one of them knows it on this machine.

# Without bytecode every process we start compiles every module again.
unset PYTHONDONTWRITEBYTECODE
# What an activated environment leaves behind must not reach ours.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Use the interpreters that are here; never fetch one.
export UV_PYTHON_DOWNLOADS=never
# What pip would print here is about the machine, not about us.
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

pins="$PWD/.ci/constraints.txt"

current_step=start
step() { current_step="$*"; printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# A version manager puts a uv on the PATH that only says where it is not installed.
uv_works() { uv --version >/dev/null 2>&1; }

# find_python MINOR: print the path of a CPython 3.MINOR that starts, or fail.
find_python() {
    local candidate
    for candidate in "python3.$1" python3 python "${HOME:-}"/.pyenv/versions/3."$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    if uv_works; then uv python find "3.$1" 2>/dev/null; else return 1; fi
}

# usual_python: the python3 of this machine if we support it, else the oldest that we do.
usual_python() {
    local minor
    minor="$(python3 -c 'import sys; print(sys.version_info[1])' 2>/dev/null || true)"
    case "$minor" in 11 | 12 | 13) ;; *) minor=11 ;; esac
    for minor in "$minor" 11 12 13; do if find_python "$minor"; then return; fi; done
    return 1
}

# fresh_environment PYTHON FOLDER: a new environment holding exactly the pinned third-party packages.
fresh_environment() {
    uv venv --quiet --python "$1" "$2"
    uv pip sync --quiet --python "$2" --require-hashes "$pins"
}

# pip_setting NAME: print what pip was told about NAME, by its variables or its files; its lists on one line.
pip_setting() { sed -n "s/^[^=]*\.$1='\(.*\)'$/\1/p" <<<"$pip_settings" | head -n 1 | sed 's/\\n/ /g'; }

# tell_uv PYTHON: uv reads none of pip's settings, so a machine that only taught pip its registry teaches uv here.
tell_uv() {
    local pip_settings bundle index more links
    pip_settings="$("$1" -m pip config list 2>/dev/null || true)"
    for bundle in "$(pip_setting cert)" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        if [ -s "$bundle" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$bundle}"; fi
    done
    # What was said to uv itself holds.
    if [ -n "${UV_CONFIG_FILE:-}${UV_DEFAULT_INDEX:-}${UV_INDEX:-}${UV_INDEX_URL:-}${UV_FIND_LINKS:-}" ]; then return; fi
    if [ -e "${XDG_CONFIG_HOME:-${HOME:-}/.config}/uv/uv.toml" ] || [ -e /etc/uv/uv.toml ]; then return; fi
    index="$(pip_setting index-url)" more="$(pip_setting extra-index-url)" links="$(pip_setting find-links)"
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    # As pip does: the best version of all places, not of the first that knows the name. Hashes guard what comes.
    if [ -n "$more" ]; then export UV_INDEX="$more" UV_INDEX_STRATEGY=unsafe-best-match; fi
    if [ -n "$links" ]; then export UV_FIND_LINKS="${links// /,}"; fi
}

# need_uv PYTHON FOLDER: put uv on the PATH, the pinned one out of FOLDER if this machine has none.
need_uv() {
    tell_uv "$1"
    if uv_works; then return; fi
    if [ ! -x "$2/uv/bin/uv" ]; then
        step "uv is missing: the pinned one goes into a private folder"
        "$1" -m pip --version >/dev/null 2>&1 || fail "$1 has no pip, and there is no uv: install one of them"
        rm -rf "$2"
        mkdir -p "$2"
        # The block of uv alone, with its hashes, since pip must not install the rest here.
        sed -n '/^uv==/,/^    # via/p' "$pins" >"$2/uv.txt"
        "$1" -m pip install --quiet --require-hashes --no-deps --target "$2/uv" -r "$2/uv.txt"
    fi
    export PATH="$2/uv/bin:$PATH"
}

# install_workspace FOLDER: the packages of this checkout, editable, into an environment.
install_workspace() {
    local members=(. plugin_sdk) manifest
    for manifest in plugins/*/pyproject.toml; do members+=("${manifest%/pyproject.toml}"); done
    # The pinned build backend is in the environment already: no second, unpinned one is fetched.
    uv pip install --quiet --python "$1" --no-deps --no-build-isolation "${members[@]/#/--editable=}"
}

# working_environment: the environment of demo and test, made once and again when the pins or the interpreter change.
working_environment() {
    environment="${CRM_VENV:-$PWD/.venv}"
    local python stamp
    if [ -z "${CRM_VENV:-}" ]; then
        python="$(usual_python)" || fail "Python 3.11, 3.12 or 3.13 is needed; put one on the PATH"
        need_uv "$python" "$environment.tools"
        stamp="$({ "$python" -VV; cat "$pins" pyproject.toml */pyproject.toml plugins/*/pyproject.toml; } | cksum)"
        if [ "$(cat "$environment/stamp" 2>/dev/null)" != "$stamp" ]; then
            step "environment in $environment with $("$python" --version)"
            rm -rf "$environment"
            fresh_environment "$python" "$environment"
            install_workspace "$environment"
            printf '%s' "$stamp" >"$environment/stamp"
        fi
    fi
    export PATH="$environment/bin:$PATH"
}
