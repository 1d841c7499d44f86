# Shared by the scripts beside it: how an environment is made from nothing. Sourced, never run.
# Needs Python 3.11 or newer with pip, and a package registry as pip or uv on this machine know it.

# Without bytecode every process we start compiles every module again.
unset PYTHONDONTWRITEBYTECODE
# What an activated environment leaves behind must not reach ours.
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Use the interpreters that are here; never fetch one.
export UV_PYTHON_DOWNLOADS=never

pins="$PWD/.ci/constraints.txt"

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# find_python MINOR: print the path of a CPython 3.MINOR that starts, or fail.
find_python() {
    local candidate
    for candidate in "python3.$1" python3 python "$HOME"/.pyenv/versions/3."$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    if command -v uv >/dev/null; then uv python find "3.$1" 2>/dev/null; else return 1; fi
}

# fresh_environment PYTHON FOLDER: a new environment holding exactly the pinned third-party packages.
fresh_environment() {
    uv venv --quiet --python "$1" "$2"
    uv pip sync --quiet --python "$2" --require-hashes "$pins"
}

# need_uv PYTHON FOLDER: put uv on the PATH, from the pins if this machine has none.
need_uv() {
    if command -v uv >/dev/null; then return; fi
    step "uv is missing: the pinned one goes into a private folder"
    mkdir -p "$2"
    # The block of uv alone, with its hashes, since pip must not install the rest here.
    sed -n '/^uv==/,/^    # via/p' "$pins" >"$2/uv.txt"
    "$1" -m pip install --quiet --require-hashes --no-deps --target "$2/uv" -r "$2/uv.txt"
    export PATH="$2/uv/bin:$PATH"
}

# install_workspace FOLDER: the packages of this checkout, editable, into an environment.
install_workspace() {
    local members=(. plugin_sdk) manifest
    for manifest in plugins/*/pyproject.toml; do members+=("${manifest%/pyproject.toml}"); done
    # The pinned build backend is in the environment already: no second, unpinned one is fetched.
    uv pip install --quiet --python "$1" --no-deps --no-build-isolation "${members[@]/#/--editable=}"
}

# working_environment: the environment of demo and test, made once and again when the pins change.
working_environment() {
    environment="${CRM_VENV:-$PWD/.venv}"
    if [ -n "${CRM_VENV:-}" ]; then return; fi
    local minor python stamp
    for minor in 11 12 13; do if python="$(find_python "$minor")"; then break; fi; done
    [ -n "${python:-}" ] || fail "Python 3.11, 3.12 or 3.13 is needed; put one on the PATH"
    stamp="$(cat .ci/constraints.txt pyproject.toml plugin_sdk/pyproject.toml plugins/*/pyproject.toml | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')"
    if [ "$(cat "$environment/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    step "environment in $environment with $("$python" --version)"
    need_uv "$python" "$environment.tools"
    rm -rf "$environment"
    fresh_environment "$python" "$environment"
    install_workspace "$environment"
    printf '%s' "$stamp" >"$environment/stamp"
}
