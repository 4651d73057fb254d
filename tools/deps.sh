#!/bin/sh
# Installs the Debian packages that are missing: `tools/deps.sh` for building and
# testing, `tools/deps.sh bench` for the peers we measure ourselves against. Does
# nothing, and needs no network, when all are there. Starts and enables no service.
set -eu

build="gcc g++ clang meson ninja-build pkg-config libuv1-dev liblmdb-dev libssl-dev libcurl4-openssl-dev
libjansson-dev libyaml-dev libre2-dev liburcu-dev libcmocka-dev libclang-rt-14-dev tzdata python3
python3-pytest python3-requests iso-codes curl wrk valgrind git iproute2 procps openssl nginx haproxy gdnsd
bind9-dnsutils etcd-server e2fsprogs"
bench="redis-server redis-tools"
# Only for the suites of tools/cel_spec.sh; a node from elsewhere does as well, and Debian's npm
# would not go with it.
command -v node >/dev/null && command -v npm >/dev/null || build="$build nodejs npm"

case "${1:-build}" in
build) wanted=$build ;;
bench) wanted=$bench ;;
*)
	echo "usage: tools/deps.sh [build|bench]" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps: this is no Debian system: install by hand what matches:" $wanted >&2
	exit 1
fi

missing=""
for package in $wanted; do
	status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=absent
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: missing:$missing: neither root nor sudo: install them as root" >&2
		exit 1
	fi
	as_root=sudo
fi

# A policy that forbids starting services while we install. One that exists is the
# administrator's and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '$as_root rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
fi

echo "deps: installing$missing"
apt="$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -o Dpkg::Use-Pty=0"
# Package lists that are there may do; fetch them anew only when they do not.
if ! $apt install -y --no-install-recommends $missing >/dev/null 2>&1; then
	$apt update
	$apt install -y --no-install-recommends $missing
fi

# Installing must not make them start at the next boot either.
for service in redis-server nginx haproxy gdnsd etcd; do
	case " $missing " in
	*" $service "*)
		$as_root systemctl disable --quiet "$service" 2>/dev/null ||
			$as_root update-rc.d "$service" disable 2>/dev/null || true
		;;
	esac
done
