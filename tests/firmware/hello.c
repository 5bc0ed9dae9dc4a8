/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The smallest firmware: the library links and answers. */
#include "board.h"
#include <mote.h>

int main(void)
{
    const char *text = mote_status_str(0);
    board_print(text ? text : "no text");
    board_print("\n");
    return text == 0;
}
