# SPDX-License-Identifier: MIT OR Apache-2.0
# The C examples in the header's comments, the README and docs/ compile and run.
. ci/lib.sh
need_deb gcc=gcc python3=python3
ci/build.sh
python3 ci/examples.py include/mote.h README.md docs/*.md >build/ci/examples.c
gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -Wno-unused-variable -Wno-unused-but-set-variable -Wno-unused-function \
    -D_POSIX_C_SOURCE=200809L -Iinclude -Itests/c -Itests/doc -Iports/template build/ci/examples.c \
    ports/template/mote_port_template.c -o build/ci/examples build/lib/libmote.a -lgcc_s -lutil -lrt -lpthread -lm -ldl
timeout 300 build/ci/examples
