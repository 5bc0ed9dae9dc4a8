/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program outside the tree, built against the installed package. */
#include <mote.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    mote_bytes text = mote_status_str(MOTE_ERR_FULL);
    printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    return text.len != strlen("table full");
}
