# SPDX-License-Identifier: MIT OR Apache-2.0
# The installed tree: built, copied elsewhere, and used by pkg-config and by CMake, statically and dynamically.
. ci/lib.sh
need_deb gcc=gcc pkg-config=pkg-config cmake=cmake make=make readelf=binutils
ci/build.sh

so=$build/lib/libmote.so
readelf -d "$so" | grep -q 'SONAME.*\[libmote.so.[0-9]*\]' || die "no soname"
alien=$(nm -D --defined-only "$so" | awk '{ print $3 }' | grep -v '^mote_' || true)
[ -z "$alien" ] || die "the shared library exports: $alien"
# Exactly the functions of the header.
nm -D --defined-only "$so" | awk '{ print $3 }' | sort >"$build/ci/exported"
gcc -E -P -Iinclude -include include/mote.h -x c /dev/null | tr '\n' ' ' | tr ';' '\n' \
    | grep -v 'typedef' | grep -oE '\bmote_[a-z0-9_]+\(' | grep -v '(\*' | tr -d ' (' | sort -u >"$build/ci/declared"
diff -u "$build/ci/declared" "$build/ci/exported" || die "header and shared library differ"

# Each tool tells how it is used when it is asked, and when it is called in another way.
for tool in "$build"/bin/mote-*; do
    timeout 60 "$tool" --help 2>/dev/null | grep -q "^usage: ${tool##*/} " || die "${tool##*/} --help tells nothing"
    status=0
    timeout 60 "$tool" --nonsense >"$build/ci/usage" 2>&1 || status=$?
    [ $status = 2 ] && grep -q "^usage: ${tool##*/} " "$build/ci/usage" || die "${tool##*/} --nonsense: exit status $status"
done

# Away from the tree, so that nothing of it can be found by accident.
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT
mkdir "$outside/prefix" "$outside/work"
cp -a "$build/lib" "$build/include" "$outside/prefix/"
cp tests/package/* "$outside/work/"
cd "$outside/work"
export PKG_CONFIG_PATH=$outside/prefix/lib/pkgconfig
warnings="-std=c99 -Wall -Wextra -Wpedantic -Werror"
gcc $warnings main.c -o shared $(pkg-config --cflags --libs mote)
LD_LIBRARY_PATH=$outside/prefix/lib ./shared
readelf -d shared | grep -q 'NEEDED.*libmote.so' || die "not linked with the shared library"
gcc $warnings main.c -o static $(pkg-config --cflags --libs mote-static)
./static
gcc $warnings -static main.c -o whole $(pkg-config --cflags --static --libs mote)
./whole
! readelf -d whole | grep -q NEEDED || die "a program that is static through and through needs something"
! readelf -d static | grep -q 'NEEDED.*libmote' || die "not linked with the static library"
cmake -S . -B cmake -DCMAKE_PREFIX_PATH="$outside/prefix" >cmake.log || { cat cmake.log; exit 1; }
cmake --build cmake
cmake/shared
cmake/static
