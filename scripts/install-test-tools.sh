#!/usr/bin/env bash
# Makes sure that everything the tests need is here: a C compiler for the race detector, three browser engines, Django as a
# real app, valgrind, and Node.js with an OpenID provider and an accessibility checker. A tool that is missing stops the tests; it
# never shortens them.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
	gcc libc6-dev                                    # go test -race
	chromium chromium-driver                         # Chromium
	firefox-esr                                      # Firefox
	webkit2gtk-driver xvfb dbus                      # WebKit, and the display and bus that it wants
	fonts-dejavu-core                                # or pages are measured without letters
	python3-django                                   # /usr/bin/python3 runs it
	valgrind                                         # counts instructions
)
programs=(node npm gcc chromium chromedriver firefox-esr WebKitWebDriver Xvfb dbus-daemon valgrind)

absent() {
	local p
	for p in "${packages[@]}"; do
		dpkg-query --show --showformat='${Status}' "$p" 2>/dev/null | grep -q ' installed$' || echo "$p"
	done
}

# The modules of the OpenID provider and of the accessibility checker, again whenever their list has changed.
install_modules() {
	local log folder
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		echo "The OpenID provider of the tests needs Node.js 20 or newer, with npm." >&2
		exit 1
	fi
	if (($(node -p 'process.versions.node.split(".")[0]') < 20)); then
		echo "The OpenID provider of the tests needs Node.js 20 or newer, which Debian 12 has not; this is $(node --version)." >&2
		exit 1
	fi
	for folder in e2e/panva e2e/axe; do
		cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed" && continue
		echo "== install the modules of $folder"
		log=$(mktemp)
		if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) </dev/null >"$log" 2>&1; then
			tail -n 30 "$log" >&2
			exit 1
		fi
		rm -f "$log"
		cp "$folder/package-lock.json" "$folder/node_modules/.installed"
	done
}

if ! command -v dpkg-query >/dev/null; then
	missing=()
	for p in "${programs[@]}"; do
		command -v "$p" >/dev/null || missing+=("$p")
	done
	/usr/bin/python3 -c 'import django' 2>/dev/null || missing+=("Django for /usr/bin/python3")
	if ((${#missing[@]})); then
		echo "The tests need these, and this script can install them on Debian only:" >&2
		printf '  %s\n' "${missing[@]}" >&2
		exit 1
	fi
	install_modules
	exit 0
fi

mapfile -t missing < <(absent)
if ((${#missing[@]} == 0)); then
	install_modules
	exit 0
fi

if ((EUID != 0)); then
	echo "The tests need packages that are not installed. As root:" >&2
	echo "  apt-get update && apt-get install ${missing[*]}" >&2
	exit 1
fi

echo "== install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; } \
	</dev/null >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "Not everything could be installed. Debian 12 has all of it; Ubuntu has no firefox-esr and no chromium as a package." >&2
	exit 1
fi
rm -f "$log"
install_modules
