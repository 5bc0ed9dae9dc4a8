/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The smallest firmware: the library links and answers. */
#include "board.h"
#include <mote.h>

int main(void)
{
    mote_bytes text = mote_status_str(MOTE_ERR_FULL);
    char copy[40] = { 0 };
    for (size_t i = 0; i < text.len && i + 1 < sizeof copy; i++) copy[i] = (char)text.ptr[i];
    board_print(copy);
    board_print("\n");
    return text.len != 10 || copy[0] != 't';
}
