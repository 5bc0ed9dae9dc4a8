/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program outside the tree, built against the installed package. */
#include <mote.h>
#include <stdio.h>

int main(void)
{
    puts(mote_status_str(0));
    return mote_status_str(-1) == NULL;
}
