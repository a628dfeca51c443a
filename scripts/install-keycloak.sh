#!/usr/bin/env bash
# Makes sure that Keycloak, a real OpenID provider, is in the cache directory, ready to start within seconds. Prints where
# it is and the Java home to run it with, one line each. Downloads it once, from Maven Central by Maven: 177 MB.
#
# It is kept outside of the repository: it is large, and a clean checkout should not have to fetch it again.
set -euo pipefail

version=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
least_java=21
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/universal-logout
home=$cache/keycloak-$version

fail() {
	printf '%s\n' "$@" >&2
	exit 1
}

# java_version <home>: the major version of a JDK, from the file that every JDK has. No output if there is none.
java_version() {
	[[ -x $1/bin/java && -r $1/release ]] && sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

# JAVA_HOME if it is new enough, else the newest of the distribution's: the default java is often older than its neighbours.
find_java() {
	local candidate v best='' newest=0
	for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*/; do
		candidate=${candidate%/}
		v=$(java_version "$candidate") || continue
		((${v:-0} >= least_java)) || continue
		if [[ $candidate == "${JAVA_HOME:-}" ]]; then
			echo "$candidate"
			return
		fi
		((v > newest)) && newest=$v best=$candidate
	done
	echo "$best"
}

java_home=$(find_java)
[[ $java_home ]] || fail "Keycloak needs a JDK $least_java or newer: set JAVA_HOME to one, or install one below /usr/lib/jvm."

if [[ ! -e $home/ready ]]; then
	declare -A package=([mvn]=maven [unzip]=unzip [sha256sum]=coreutils)
	missing=()
	for program in "${!package[@]}"; do
		command -v "$program" >/dev/null || missing+=("${package[$program]}")
	done
	if ((${#missing[@]})); then
		command -v apt-get >/dev/null && ((EUID == 0)) &&
			{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } </dev/null >&2 ||
			fail "Installing Keycloak needs what is missing here: apt-get install ${missing[*]}"
	fi
	mkdir -p "$cache"
	part=$(mktemp -d "$cache/part-XXXXXX")
	trap 'rm -rf "$part"' EXIT

	zip=$part/keycloak-quarkus-dist-$version.zip
	echo "== download Keycloak $version, once" >&2
	# Outside of any project, so that no pom.xml nearby has a say.
	if ! (cd "$part" && timeout 15m mvn --batch-mode "$dependency_plugin:copy" -DoutputDirectory="$part" \
		-Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" </dev/null >maven.log 2>&1); then
		tail -n 30 "$part/maven.log" >&2
		fail "Maven could not download Keycloak $version."
	fi
	sha256sum --check --status <<<"$sha256  $zip" || fail "What Maven downloaded is not Keycloak $version: its SHA-256 is another one."
	unzip -q "$zip" -d "$part"

	# Keycloak builds itself for its settings. Done once here, it starts in a fraction of the time. The database is in
	# memory: every start is a fresh one.
	echo "== build Keycloak for the tests" >&2
	if ! JAVA_HOME=$java_home "$part/keycloak-$version/bin/kc.sh" build --db=dev-mem </dev/null >"$part/build.log" 2>&1; then
		tail -n 30 "$part/build.log" >&2
		fail "Keycloak could not be built."
	fi
	touch "$part/keycloak-$version/ready"
	rm -rf "$home"
	mv "$part/keycloak-$version" "$home"
fi

echo "$home"
echo "$java_home"
